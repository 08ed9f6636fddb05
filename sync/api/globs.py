"""Patterns of prim paths and of signal ids. Matching takes time linear in the text but for a small, bounded power."""

import re
from collections.abc import Callable

from twinstage.sync.api.operation import Refused

_MOST_DEEP = 3
_MOST_STARS = 2


def path_matcher(glob: str | None) -> Callable[[str], bool]:
    """Prim paths: `*` and `?` stay within one name, `**` stands for any number of names, `/A/**` also for `/A` itself.

    Raises Refused (422) for more wildcards than are matched quickly.
    """
    if glob is None:
        return lambda text: True
    if not glob.startswith("/"):
        raise Refused(422, f"the pattern {glob!r} does not begin with /; /** is every prim")
    names = glob[1:].split("/")
    if names.count("**") > _MOST_DEEP or any(n != "**" and n.count("*") > _MOST_STARS for n in names):
        raise Refused(422, f"the pattern {glob!r} has too many stars; at most {_MOST_DEEP} times ** and, in one "
                           f"name, {_MOST_STARS} times *")  # fmt: skip
    regex = "".join("(?:/[^/]+)*" if name == "**" else "/" + _name(name) for name in names)
    return _full(regex)


def id_matcher(glob: str | None) -> Callable[[str], bool]:
    """Ids: `*` is any text, `?` any character."""
    if glob is None:
        return lambda text: True
    if glob.count("*") > _MOST_DEEP:
        raise Refused(422, f"the pattern {glob!r} has too many stars; at most {_MOST_DEEP}")
    return _full(_name(glob).replace("[^/]", "."))


def _name(glob: str) -> str:
    parts = re.split(r"([*?])", glob)
    return "".join({"*": "[^/]*", "?": "[^/]"}.get(part, re.escape(part)) for part in parts)


def _full(regex: str) -> Callable[[str], bool]:
    compiled = re.compile(regex, re.DOTALL)
    return lambda text: compiled.fullmatch(text) is not None
