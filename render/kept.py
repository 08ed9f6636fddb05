"""Arrays that are kept for the next picture, within a bound of memory."""

from collections import OrderedDict
from collections.abc import Callable, Hashable

import numpy as np

KEPT_BYTES = 256 << 20
"""What one cache of decoded images may hold."""


class KeptArrays:
    """Arrays by key, the least recently used dropped first. Keys say all that an entry depends on."""

    def __init__(self, most: int = KEPT_BYTES) -> None:
        self._most = most
        self._held = 0
        self._arrays: OrderedDict[Hashable, np.ndarray] = OrderedDict()

    @property
    def held(self) -> int:
        """Bytes that are kept now."""
        return self._held

    def get(self, key: Hashable, make: Callable[[], np.ndarray]) -> np.ndarray:
        """The array of that key, made now where it is not known."""
        found = self._arrays.get(key)
        if found is not None:
            self._arrays.move_to_end(key)
            return found
        found = self._arrays[key] = make()
        self._held += found.nbytes
        while self._held > self._most and len(self._arrays) > 1:
            self._held -= self._arrays.popitem(last=False)[1].nbytes
        return found
