"""A cache for what comes back, beside much that comes once: the second kind is forgotten, so memory does not grow with the
number of frames, and the first kind stays, however many there are."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Values by key in two generations. After `generation` new values, those that nobody asked for since the time before
    last are dropped."""

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}
        self._added = 0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: K, make: Callable[[], V], room: int = 0) -> V:
        """The value of the key, made now where it is not known. `room`: how many one frame asks for, where that is more than
        a generation."""
        found = self._young.get(key)
        if found is None:
            found = self._old.pop(key, None)
            if found is None:
                found = make()
                self._added += 1
            self._young[key] = found
            if self._added >= max(self.generation, room):
                self._old, self._young, self._added = self._young, {}, 0
        return found
