"""Random words that depend on a key and on nothing else: one stream a key, the same wherever and whenever it is drawn.

What makes numbers of the words does so by fixed formulas of its own: numpy may change how its Generator samples a
distribution from one release to the next, and a dataset must not.
"""

import hashlib
import json

import numpy as np


def philox(*key: int | str) -> np.random.Philox:
    """The Philox stream whose key is the SHA-256 of those numbers and names."""
    digest = hashlib.sha256(json.dumps(key, separators=(",", ":")).encode()).digest()
    return np.random.Philox(key=int.from_bytes(digest[:16], "little"))
