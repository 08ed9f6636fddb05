"""Every error that Twinstage raises on purpose, in one tree.

    TwinstageError            exit 3: a defect of ours, or an outside failure
    ├── UserError             exit 2: the user's mistake; the message is one clear sentence
    └── DataError             exit 1: the command ran and found something wrong in the data

A message says what is wrong, where (file, line, prim, signal), and what was expected.
"""

from collections.abc import Iterable
from difflib import get_close_matches

MOST_COMPARED = 200
"""Names that an unknown one is compared with."""


class TwinstageError(Exception):
    """An outside failure or a defect of ours."""

    exit_code = 3


class UserError(TwinstageError):
    """The user's mistake, told in one sentence."""

    exit_code = 2


class DataError(TwinstageError):
    """The command did its work and found something wrong in the data."""

    exit_code = 1


def did_you_mean(name: str, known: Iterable[str], *, most: int = 8) -> str:
    """The tail of an error about an unknown name: a near miss, or what is known.

    Returns an empty string where nothing is known.
    """
    names = sorted(known)
    close = get_close_matches(name, _alike(name, names), n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    if not names:
        return ""
    shown = ", ".join(names[:most]) + (", ..." if len(names) > most else "")
    return f"; known: {shown}"


def _alike(name: str, names: list[str]) -> list[str]:
    """Few enough names to be compared letter by letter, which costs 0.1 ms each: servers answer mistakes, too.

    A slip of the pen leaves the beginning or the end of a name as it is.
    """
    if len(names) <= MOST_COMPARED:
        return names
    found: dict[str, None] = {}
    for share in (0.9, 0.75, 0.5):
        same = max(1, int(len(name) * share))
        begin, end = name[:same], name[-same:]
        for one in names:
            if one.startswith(begin) or one.endswith(end):
                found.setdefault(one)
                if len(found) == MOST_COMPARED:
                    return [*found]
    return [*found]
