"""Arrays that are kept for the next picture, within a bound of memory."""

from collections import OrderedDict
from collections.abc import Callable, Hashable

import numpy as np

KEPT_BYTES = 256 << 20
"""What one cache of decoded images may hold."""


KEPT_TURNS = 8
"""For how many pictures a passing array is kept after it was used."""


class KeptArrays:
    """Arrays by key, the least recently used dropped first. Keys say all that an entry depends on.

    What is `passing`, such as an image in a colour that was drawn for one frame, goes a few turns after its last use: it would
    fill the whole bound with what never comes back.
    """

    def __init__(self, most: int = KEPT_BYTES) -> None:
        self._most = most
        self._held = 0
        self._arrays: OrderedDict[Hashable, np.ndarray] = OrderedDict()
        self._turn = 0
        self._used: dict[Hashable, int] = {}

    @property
    def held(self) -> int:
        """Bytes that are kept now."""
        return self._held

    def turn(self) -> None:
        """A picture begins."""
        self._turn += 1
        for key in [k for k, used in self._used.items() if self._turn - used > KEPT_TURNS]:
            del self._used[key]
            self._held -= self._arrays.pop(key).nbytes

    def get(self, key: Hashable, make: Callable[[], np.ndarray], *, passing: bool = False) -> np.ndarray:
        """The array of that key, made now where it is not known."""
        found = self._arrays.get(key)
        if passing:
            self._used[key] = self._turn
        if found is not None:
            self._arrays.move_to_end(key)
            return found
        found = self._arrays[key] = make()
        self._held += found.nbytes
        while self._held > self._most and len(self._arrays) > 1:
            oldest, array = self._arrays.popitem(last=False)
            self._used.pop(oldest, None)
            self._held -= array.nbytes
        return found
