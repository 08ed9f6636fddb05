"""Takes columns one after the other out of a frame's body."""

import numpy as np


class Reader:
    """The body's length has been checked before: a column always fits."""

    def __init__(self, body: memoryview | bytes) -> None:
        self.body, self.at = body, 0

    def take(self, dtype: str, n: int, width: int = 1) -> np.ndarray:
        """The next n rows of `width` numbers, read-only."""
        column = np.frombuffer(self.body, dtype, n * width, self.at)
        self.at += column.nbytes
        column.flags.writeable = False
        return column.reshape(n, width) if width > 1 else column
