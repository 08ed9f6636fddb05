"""Random numbers that belong to a sample: keyed by (seed, name, index), in any order, always the same."""

import zlib
from functools import lru_cache

import numpy as np

BLOCK = 256


@lru_cache(maxsize=4096)
def _block(seed: int, name: str, number: int) -> np.ndarray:
    """f8[2, BLOCK]: uniform in [0, 1), then standard normal."""
    key = np.array([seed & (2**64 - 1), zlib.crc32(name.encode())], np.uint64)
    bits = np.random.Philox(key=key, counter=np.array([0, 0, 0, number & (2**64 - 1)], np.uint64))
    generator = np.random.Generator(bits)
    return np.stack([generator.random(BLOCK), generator.standard_normal(BLOCK)])


def uniform(seed: int, name: str, index: int) -> float:
    """In [0, 1)."""
    return float(_block(seed, name, index // BLOCK)[0, index % BLOCK])


def normal(seed: int, name: str, index: int) -> float:
    """Mean 0, standard deviation 1."""
    return float(_block(seed, name, index // BLOCK)[1, index % BLOCK])
