"""One registry for all plug-ins: a dict from `kind` to class that refuses doubles and lists what it knows.

A plug-in is a class with a literal `kind`. It is registered in the one small file that defines it
(`@RANDOMIZERS.register`) or by another distribution through an entry point of the registry's group.
"""

from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from twinstage.base.errors import UserError, did_you_mean

T = TypeVar("T")


class Registry(Generic[T]):
    """Classes by `kind`; entry points of `group` are loaded at the first look-up."""

    def __init__(self, noun: str, *, group: str) -> None:
        self.noun = noun
        self.group = group
        self._classes: dict[str, type[T]] = {}
        self._loaded = False

    def register(self, cls: type[T]) -> type[T]:
        """Class decorator. The kind is the default of the class's `kind` field."""
        kind = _kind_of(cls)
        known = self._classes.get(kind)
        if known is not None and known is not cls:
            raise UserError(
                f"two {self.noun}s are both named {kind!r}: {known.__module__} and {cls.__module__}"
            )
        self._classes[kind] = cls
        return cls

    def get(self, kind: str) -> type[T]:
        """The class of that kind; an unknown kind is an error that names the known ones."""
        self._load()
        if kind not in self._classes:
            raise UserError(f"no {self.noun} named {kind!r}{did_you_mean(kind, self._classes)}")
        return self._classes[kind]

    def kinds(self) -> list[str]:
        """All known kinds, sorted."""
        self._load()
        return sorted(self._classes)

    def __iter__(self) -> Iterator[type[T]]:
        return iter([self._classes[kind] for kind in self.kinds()])

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True
        for point in entry_points(group=self.group):
            self.register(point.load())


def _kind_of(cls: type) -> str:
    fields = getattr(cls, "model_fields", None)
    if fields and "kind" in fields:
        return str(fields["kind"].default)
    return str(cls.kind)  # type: ignore[attr-defined]
