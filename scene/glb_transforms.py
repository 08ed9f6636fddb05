"""Local matrices as what glTF's nodes hold: translation, rotation, scale. numpy only."""

from typing import Any

import numpy as np

from twinstage.scene.transforms import decompose_trs, matrix_to_quat

SHEAR = 1e-6
"""Greatest part of a matrix, relative to its scale, that TRS may lose."""


def node_transforms(matrices: np.ndarray, whole: np.ndarray | None = None) -> list[dict[str, Any] | None]:
    """Properties of a node for each matrix f8[n, 4, 4]; what is the identity is left out, None for sheared ones.

    `whole`: bool[n], those that must be one node because they move, and so lose their shear.
    """
    if not len(matrices):
        return []
    translation, quat, scale, shear = decompose_trs(matrices)
    sheared = shear > SHEAR * np.maximum(np.abs(scale).max(1), 1e-12)
    if whole is not None:
        sheared &= ~whole
    rows = zip(translation.tolist(), quat.tolist(), scale.tolist(), sheared.tolist(), strict=True)
    return [None if bad else _properties(t, q, s) for t, q, s, bad in rows]


def split_shear(matrix: np.ndarray) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two nodes, outer and inner, whose product is a matrix with shear.

    The linear part is U S V^T (singular values); U and V^T are turned into rotations by moving a mirror into S.
    """
    u, s, vt = np.linalg.svd(matrix[:3, :3])
    s = np.array(s)
    for rotation, axis in ((u, 1), (vt, 0)):
        if np.linalg.det(rotation) < 0:
            s[0] *= -1
            if axis:
                rotation[:, 0] *= -1
            else:
                rotation[0] *= -1
    translation = matrix[:3, 3].tolist()
    outer = _properties(translation, matrix_to_quat(u).tolist(), s.tolist())
    return outer, _properties([0.0] * 3, matrix_to_quat(vt).tolist(), [1.0] * 3)


def _properties(translation: list[float], quat: list[float], scale: list[float]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    if any(translation):
        out["translation"] = translation
    w, x, y, z = quat
    if w != 1.0:
        out["rotation"] = [x, y, z, w]
    if any(abs(v - 1.0) > 1e-12 for v in scale):
        out["scale"] = scale
    return out
