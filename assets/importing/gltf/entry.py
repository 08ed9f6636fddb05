"""Values of a glTF file's JSON, each checked where it is used: a wrong one is one sentence that says where. Pure."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from twinstage.base.errors import UserError

MAX_LIST = 5_000_000


@dataclass(frozen=True)
class Entry:
    """A JSON object and what a message calls it."""

    value: dict[str, Any]
    where: str

    def __contains__(self, key: str) -> bool:
        return key in self.value

    def _wrong(self, key: str, expected: str) -> UserError:
        found = self.value[key]
        shown = repr(found) if isinstance(found, str | int | float | bool) else f"a {type(found).__name__}"
        return UserError(f"{self.where}: {key} is {shown[:60]}; {expected} was expected")

    def integer(self, key: str, default: int | None = None, low: int = 0, high: int = 2**53) -> int:
        """A whole number from `low` to `high`."""
        if key not in self.value:
            if default is not None:
                return default
            raise UserError(f"{self.where} has no {key}")
        value = self.value[key]
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            upper = f" to {high:,}" if high < 2**53 else " or more"
            raise self._wrong(key, f"a whole number of {low:,}{upper}")
        return value

    def index(self, key: str) -> int:
        """A number of something, -1 where the key is absent."""
        return self.integer(key, -1) if key in self.value else -1

    def number(self, key: str, default: float) -> float:
        """A finite number."""
        value = self.value.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not _finite(value):
            raise self._wrong(key, "a finite number")
        return float(value)

    def numbers(self, key: str, default: Sequence[float]) -> tuple[float, ...]:
        """As many finite numbers as the default has."""
        value = self.value.get(key)
        if value is None:
            return tuple(float(v) for v in default)
        good = isinstance(value, list) and len(value) == len(default)
        if not good or not all(
            isinstance(v, int | float) and not isinstance(v, bool) and _finite(v) for v in value
        ):
            raise self._wrong(key, f"{len(default)} finite numbers")
        return tuple(float(v) for v in value)

    def text(self, key: str, default: str = "") -> str:
        """A text."""
        value = self.value.get(key, default)
        if not isinstance(value, str):
            raise self._wrong(key, "a text")
        return value

    def flag(self, key: str, default: bool = False) -> bool:
        """True or false."""
        value = self.value.get(key, default)
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false")
        return value

    def indices(self, key: str) -> list[int]:
        """A list of numbers of something."""
        value = self.value.get(key, [])
        if not isinstance(value, list) or len(value) > MAX_LIST:
            raise self._wrong(key, "a list of numbers")
        for v in value:
            if isinstance(v, bool) or not isinstance(v, int) or v < 0:
                raise UserError(f"{self.where}: {key} holds {str(v)[:40]}; numbers from 0 on were expected")
        return value

    def entry(self, key: str, where: str = "") -> "Entry":
        """An object; an empty one where the key is absent."""
        value = self.value.get(key, {})
        if not isinstance(value, dict):
            raise self._wrong(key, "an object")
        return Entry(value, where or f"{self.where}, {key}")

    def entries(self, key: str, noun: str = "") -> list["Entry"]:
        """A list of objects; `noun`: what one is called, with its number."""
        value = self.value.get(key, [])
        if not isinstance(value, list) or len(value) > MAX_LIST:
            raise self._wrong(key, "a list of objects")
        out = []
        for n, item in enumerate(value):
            called = f"{noun} {n}" if noun else f"{self.where}, {key} {n}"
            if not isinstance(item, dict):
                raise UserError(f"{called} is a {type(item).__name__}; an object was expected")
            name = item.get("name")
            out.append(Entry(item, f"{called} {name!r}" if isinstance(name, str) and name else called))
        return out

    def extension(self, name: str) -> "Entry | None":
        """The object of an extension, None where it is not used here."""
        extensions = self.entry("extensions")
        return extensions.entry(name, f"{self.where}, {name}") if name in extensions else None

    def extensions(self) -> Iterator[str]:
        """Names of the extensions used here."""
        yield from self.entry("extensions").value

    @property
    def name(self) -> str:
        """Its name, "" where it has none."""
        return self.text("name")


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False
