"""Which prims a pattern means: `*` and `?` stay within one path element; `/**` is the prim and all below."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator

from twinstage.base.errors import UserError, did_you_mean
from twinstage.scene.snapshot import Snapshot


@lru_cache(maxsize=512)
def pattern_regex(pattern: str) -> re.Pattern[str]:
    """The regular expression of a path pattern. Raises UserError for a set of characters that is none."""
    out = ""
    for token in re.findall(r"/\*\*(?=/|$)|\*\*|\*|\?|\[[^\]]+\]|[^*?\[/]+|/|\[", pattern):
        if token == "/**":
            out += r"(?:/[^/]+)*"
        elif token == "**":
            out += r".*"
        elif token == "*":
            out += r"[^/]*"
        elif token == "?":
            out += r"[^/]"
        elif token.startswith("[") and token.endswith("]"):
            # Within a set only `!` in front, `-` and `]` mean something; the rest stands for itself.
            inner = re.sub(r"([\\\[&|~^])", r"\\\1", token[1:-1])
            out += f"[^{inner[1:]}]" if inner.startswith("!") else f"[{inner}]"
        else:
            out += re.escape(token)
    try:
        return re.compile(out + r"\Z")
    except re.error as error:
        raise UserError(f"{pattern!r} is no path pattern: {error.msg}") from None


def checked_pattern(pattern: str) -> str:
    """The pattern itself; raises ValueError (for pydantic) for one that is none."""
    if not pattern:
        raise ValueError("is empty; expected a prim's name or a path pattern")
    try:
        pattern_regex(pattern)
    except UserError as error:
        raise ValueError(str(error)) from None
    return pattern


PathPattern = Annotated[str, AfterValidator(checked_pattern)]
"""A field of a recipe that holds a path pattern."""


def matching(patterns: Iterable[str], names: Sequence[str]) -> list[int]:
    """Indices of the names that any of the patterns matches, ascending."""
    return list(_matching(tuple(patterns), tuple(names)))


@lru_cache(maxsize=256)
def _matching(patterns: tuple[str, ...], names: tuple[str, ...]) -> tuple[int, ...]:
    regexes = [pattern_regex(pattern) for pattern in patterns]
    return tuple(i for i, name in enumerate(names) if any(regex.match(name) for regex in regexes))


def editable_prims(snapshot: Snapshot, patterns: Sequence[str], *, who: str) -> list[int]:
    """Indices of the prims that the patterns mean and that a layer can change, ascending.

    Prims inside a native instance are shared by all its siblings, so USD ignores opinions on them: those that a pattern
    catches together with others are left out. Raises UserError for a pattern that matches nothing that can be changed.
    """
    found: set[int] = set()
    for pattern in patterns:
        hits = matching([pattern], snapshot.prims.path)
        if not hits:
            raise UserError(f"{who}: no prim matches {pattern!r}{did_you_mean(pattern, snapshot.prims.path)}")
        open_hits = [i for i in hits if not snapshot.prims.proxy[i]]
        if not open_hits:
            path, root = snapshot.prims.path[hits[0]], instance_root(snapshot, hits[0])
            raise UserError(
                f"{who}: {path} lies inside the native instance {root} and cannot be changed alone; name {root}"
            )
        found.update(open_hits)
    return sorted(found)


def instance_root(snapshot: Snapshot, prim: int) -> str:
    """Path of the nearest ancestor-or-self that is not inside a native instance."""
    while snapshot.prims.proxy[prim] and snapshot.prims.parent[prim] >= 0:
        prim = int(snapshot.prims.parent[prim])
    return snapshot.prims.path[prim]
