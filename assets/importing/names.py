"""Prim and file names made of any text: valid, unique among siblings whatever the case, and the same every time. Pure."""

import re
import unicodedata
from collections.abc import Iterable

MAX_LENGTH = 120


def prim_name(text: str, fallback: str) -> str:
    """A valid prim name that resembles the text. Letters of all scripts stay; what else is no identifier becomes `_`."""
    plain = unicodedata.normalize("NFC", text)
    out = "".join(c if ("a" + c).isidentifier() else "_" for c in plain)[:MAX_LENGTH]
    out = re.sub(r"_{3,}", "__", out).rstrip("_")
    if not out:
        return fallback
    return out if out.isidentifier() else f"_{out}"


def file_name(text: str, fallback: str) -> str:
    """A file name without an ending, plain ASCII, that resembles the text."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    out = re.sub(r"[^A-Za-z0-9_-]+", "_", plain).strip("_-")[:80]
    return out or fallback


class Names:
    """Gives names out once; a second of the same name gets a number."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = {name.casefold(): 1 for name in taken}

    def give(self, name: str) -> str:
        """The name, or with `_2`, `_3`, ... where it is taken."""
        key = name.casefold()
        if key not in self._taken:
            self._taken[key] = 1
            return name
        while True:
            self._taken[key] += 1  # numbers before it are taken
            out = f"{name}_{self._taken[key]}"
            if out.casefold() not in self._taken:
                self._taken[out.casefold()] = 1
                return out
