"""Random words that depend on a key and on nothing else: one stream a key, the same wherever and whenever it is drawn.

What makes numbers of the words does so by fixed formulas of its own: numpy may change how its Generator samples a
distribution from one release to the next, and a dataset must not.
"""

import hashlib
import json

import numpy as np
from numpy.random.bit_generator import ISeedSequence

_written = json.JSONEncoder(separators=(",", ":")).encode


class _Key(ISeedSequence):
    """The two words of a key as a seed, as which they are taken as they are: given as a key, numpy asks the system for
    randomness all the same, which takes longer than all else."""

    def __init__(self, words: bytes) -> None:
        self._words = words

    def generate_state(self, n_words: int, dtype: object = np.uint32) -> np.ndarray:
        return np.frombuffer(self._words, "<u8", n_words)


def philox(*key: int | str) -> np.random.Philox:
    """The Philox stream whose key is the SHA-256 of those numbers and names."""
    seed = _Key(hashlib.sha256(_written(key).encode()).digest())
    return np.random.Philox(seed)  # type: ignore[arg-type]  # its stubs forget the abstract class
