"""Rigid and affine transforms in bulk: column-vector matrices, quaternions as wxyz. numpy only."""

import numpy as np

from twinstage.scene.columns import F8


def quat_to_matrix(quat: np.ndarray) -> F8:
    """Rotation matrices f8[..., 3, 3] of unit quaternions wxyz [..., 4]."""
    w, x, y, z = np.moveaxis(np.asarray(quat, np.float64), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def matrix_to_quat(rotation: np.ndarray) -> F8:
    """Unit quaternions wxyz f8[..., 4], w >= 0, of rotation matrices [..., 3, 3] (Shepperd's method)."""
    m = np.asarray(rotation, np.float64)
    diagonal = np.moveaxis(np.diagonal(m, axis1=-2, axis2=-1), -1, 0)
    trace = diagonal.sum(0)
    # Four times the squares of w, x, y, z; the greatest of them is safe to divide by.
    squares = np.stack([1 + trace, *(1 - trace + 2 * d for d in diagonal)], -1)
    off = np.stack(
        [
            m[..., 2, 1] - m[..., 1, 2],
            m[..., 0, 2] - m[..., 2, 0],
            m[..., 1, 0] - m[..., 0, 1],
            m[..., 0, 1] + m[..., 1, 0],
            m[..., 0, 2] + m[..., 2, 0],
            m[..., 1, 2] + m[..., 2, 1],
        ],
        -1,
    )
    # Rows: the quaternion times 4 * its own component k, for k = w, x, y, z.
    s, o = squares, off
    table = np.stack(
        [
            np.stack([s[..., 0], o[..., 0], o[..., 1], o[..., 2]], -1),
            np.stack([o[..., 0], s[..., 1], o[..., 3], o[..., 4]], -1),
            np.stack([o[..., 1], o[..., 3], s[..., 2], o[..., 5]], -1),
            np.stack([o[..., 2], o[..., 4], o[..., 5], s[..., 3]], -1),
        ],
        -2,
    )
    best = np.argmax(squares, -1)
    quat = np.take_along_axis(table, best[..., None, None], -2)[..., 0, :]
    quat = quat / np.linalg.norm(quat, axis=-1, keepdims=True)
    return np.asarray(np.where(quat[..., :1] < 0, -quat, quat))


def compose_trs(translation: np.ndarray, rotation: np.ndarray, scale: np.ndarray | None = None) -> F8:
    """parent_from_node f8[n, 4, 4] of translations [n, 3], unit quaternions wxyz [n, 4] and scales [n, 3]."""
    matrices = np.zeros((len(translation), 4, 4))
    linear = quat_to_matrix(rotation)
    matrices[:, :3, :3] = linear if scale is None else linear * np.asarray(scale, np.float64)[:, None, :]
    matrices[:, :3, 3] = translation
    matrices[:, 3, 3] = 1.0
    return matrices


def decompose_trs(matrices: np.ndarray) -> tuple[F8, F8, F8, F8]:
    """Translations [n, 3], quaternions wxyz [n, 4], scales [n, 3] and shear residues [n] of matrices [n, 4, 4].

    A mirrored matrix (negative determinant) gets a negative x scale. The residue is the greatest absolute difference
    between the linear part and the one that TRS rebuilds: above about 1e-6 the matrix has shear that TRS cannot hold.
    """
    m = np.asarray(matrices, np.float64)
    linear = m[:, :3, :3]
    scale = np.linalg.norm(linear, axis=1)
    mirrored = np.linalg.det(linear) < 0
    scale[mirrored, 0] *= -1
    safe = np.where(scale == 0, 1.0, scale)
    u, _, vt = np.linalg.svd(linear / safe[:, None, :])
    u[np.linalg.det(u @ vt) < 0, :, 2] *= -1  # a scale of 0 leaves open to which side its axis points
    rotation = u @ vt
    quat = matrix_to_quat(rotation)
    residue = np.abs(quat_to_matrix(quat) * scale[:, None, :] - linear).max((1, 2), initial=0.0)
    return m[:, :3, 3].copy(), quat, scale, residue


def axis_angle_to_quat(axis: np.ndarray, angle: np.ndarray) -> F8:
    """Unit quaternions wxyz f8[n, 4] of unit axes [n, 3] and angles [n] [rad]."""
    half = np.asarray(angle, np.float64)[..., None] / 2
    return np.concatenate([np.cos(half), np.sin(half) * np.asarray(axis, np.float64)], -1)


def quat_multiply(a: np.ndarray, b: np.ndarray) -> F8:
    """Hamilton products a * b of quaternions wxyz [..., 4]: the rotation b, then a."""
    aw, ax, ay, az = np.moveaxis(np.asarray(a, np.float64), -1, 0)
    bw, bx, by, bz = np.moveaxis(np.asarray(b, np.float64), -1, 0)
    return np.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ],
        -1,
    )


def rigid_inverse(matrices: np.ndarray) -> F8:
    """Inverses of rigid transforms [..., 4, 4]."""
    m = np.asarray(matrices, np.float64)
    out = np.zeros_like(m)
    rt = np.swapaxes(m[..., :3, :3], -1, -2)
    out[..., :3, :3] = rt
    out[..., :3, 3] = -(rt @ m[..., :3, 3:])[..., 0]
    out[..., 3, 3] = 1.0
    return out


def unit_or_up(vectors: np.ndarray) -> F8:
    """Vectors [n, 3] of length 1; +Z where one has no length."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.where(length > 0, vectors / np.where(length > 0, length, 1.0), [0.0, 0.0, 1.0])
