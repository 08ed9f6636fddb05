"""Small questions about values that may be anything: is it a whole number, four finite numbers, a matrix, ...?"""

import math
from typing import Any

import numpy as np


def is_int(value: Any) -> bool:
    """A whole number, written as one (true is none)."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """A finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def numbers(value: Any, count: int | None = None) -> bool:
    """A list of finite numbers, `count` of them where given."""
    return (
        isinstance(value, list)
        and (count is None or len(value) == count)
        and all(is_number(v) for v in value)
    )


def key_as_int(key: str) -> int | None:
    """BOP's object keys are numbers written as text."""
    return int(key) if isinstance(key, str) and key.isascii() and key.isdigit() and len(key) < 10 else None


def is_rotation(matrix: np.ndarray, tolerance: float = 1e-4) -> bool:
    """Whether a 3x3 is orthonormal with determinant +1."""
    return bool(np.allclose(matrix @ matrix.T, np.eye(3), atol=tolerance) and np.linalg.det(matrix) > 0)


def box_of(mask: np.ndarray) -> tuple[int, int, int, int] | None:
    """First column, first row, last column, last row of a mask; None for an empty one."""
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    if not len(columns):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1])


def shown(values: Any) -> str:
    """Numbers as people read them: [1, 2.5, 3.333]."""
    return "[" + ", ".join(f"{float(v):.4g}" for v in np.ravel(values)) + "]"


def wrapped(angle: float) -> float:
    """An angle between -pi and pi."""
    return (angle + math.pi) % (2 * math.pi) - math.pi
