"""How two pictures are compared: edges, wrong pixels, errors. numpy only."""

import numpy as np


def inner(ids: np.ndarray) -> np.ndarray:
    """Pixels whose 3 x 3 neighbourhood has one id, bool[h, w]; beyond the border the image goes on as it ends."""
    padded = np.pad(ids, 1, mode="edge")
    h, w = ids.shape
    out = np.ones((h, w), bool)
    for dy in range(3):
        for dx in range(3):
            out &= padded[dy : dy + h, dx : dx + w] == ids
    return out


def grown(mask: np.ndarray, steps: int) -> np.ndarray:
    """The mask and all pixels within that many steps, diagonal ones, too."""
    for _ in range(steps):
        padded = np.pad(mask, 1)
        h, w = mask.shape
        mask = np.logical_or.reduce([padded[a : a + h, b : b + w] for a in range(3) for b in range(3)])
    return mask


def tight_box(mask: np.ndarray) -> tuple[int, int, int, int] | None:
    """x0, y0, x1, y1 of a mask, the last two exclusive."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two masks; 1 for two empty ones."""
    union = np.count_nonzero(a | b)
    return float(np.count_nonzero(a & b) / union) if union else 1.0


def angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Degrees between unit vectors f8[n, 3], exact for small angles."""
    cross = np.linalg.norm(np.cross(a, b), axis=-1)
    return np.degrees(np.arctan2(cross, np.einsum("ij,ij->i", a, b)))
