"""Numbers -> translations, rotations and scales, for many nodes at once. numpy only.

A mover gives `target_from_node` of its nodes, where the target is the transform parent or, for followers, another frame.
Everything that does not change is folded at compile time, so that a tick costs a few array operations a kind of mover.
Rows of a mover are chosen by index, so that a tick computes only what changed.
"""

from dataclasses import dataclass

import numpy as np

from twinstage.scene.axes import ORDERS, ned_position, ned_rotation, turns
from twinstage.scene.columns import F8, I8, Bool
from twinstage.scene.geodesy import east_north_up
from twinstage.scene.transforms import axis_angle_to_quat, matrix_to_quat, quat_multiply, quat_to_matrix

Trs = tuple[F8, F8, F8]
"""translation [m] f8[n, 3], unit quaternion wxyz f8[n, 4], scale f8[n, 3]."""


def take_apart(matrices: np.ndarray) -> Trs:
    """Matrices f8[n, 4, 4] without shear as TRS; faster than `decompose_trs`, which can tell whether there is shear."""
    linear = matrices[:, :3, :3]
    scale = np.linalg.norm(linear, axis=1)
    scale[:, 0] = np.where(np.linalg.det(linear) < 0, -scale[:, 0], scale[:, 0])
    rotation = linear / np.where(scale == 0, 1.0, scale)[:, None, :]
    return matrices[:, :3, 3].copy(), matrix_to_quat(rotation), scale


@dataclass(frozen=True, slots=True)
class JointMover:
    """base * (turn about, or slide along, an axis of the node's own frame).

    Attributes:
        node: i8[n]. value: input row of each coordinate [rad or m], i8[n].
        turns: bool[n]: rotate (else slide).
        axis: unit axis in the node's frame, f8[n, 3].
        rotation, scale: of the authored pose, f8[n, 4], f8[n, 3].
        fixed, cosine, sine: the translation is fixed + cos(q) * cosine + sin(q) * sine, f8[n, 3] each; for slides
            fixed + q * sine.
    """

    node: I8
    value: I8
    turns: Bool
    axis: F8
    rotation: F8
    scale: F8
    fixed: F8
    cosine: F8
    sine: F8

    def move(self, rows: np.ndarray, inputs: np.ndarray) -> Trs:
        """TRS of those rows. A coordinate that is not known yet counts as 0: the authored pose."""
        q = np.nan_to_num(inputs[self.value[rows]], nan=0.0, posinf=0.0, neginf=0.0)
        turns = self.turns[rows]
        angle = np.where(turns, q, 0.0)
        rotation = quat_multiply(self.rotation[rows], axis_angle_to_quat(self.axis[rows], angle))
        cosine = np.where(turns, np.cos(angle), 0.0)[:, None]
        sine = np.where(turns, np.sin(angle), q)[:, None]
        translation = self.fixed[rows] + cosine * self.cosine[rows] + sine * self.sine[rows]
        return translation, rotation, self.scale[rows]


def joint_mover(
    node: np.ndarray,
    value: np.ndarray,
    turns: np.ndarray,
    axis: np.ndarray,
    pivot: np.ndarray,
    base: Trs,
    meters: np.ndarray,
) -> JointMover:
    """Fold axes, pivots f8[n, 3] (node's frame, m) and the pose at q = 0 into the mover's constants.

    `meters` f8[n]: how far in the world one metre along the axis of the node's frame is; a slide of q is q in the world.
    """  # fmt: skip
    translation, rotation, scale = base
    linear = quat_to_matrix(rotation) * scale[:, None, :]

    def out(vectors: np.ndarray) -> F8:
        return np.asarray(np.einsum("nij,nj->ni", linear, vectors))

    along = axis * (axis * pivot).sum(1, keepdims=True)
    turn = turns[:, None]
    slide = out(axis) / np.where(meters > 0, meters, 1.0)[:, None]
    return JointMover(
        node=node,
        value=value,
        turns=turns,
        axis=axis,
        rotation=rotation,
        scale=scale,
        fixed=translation + np.where(turn, out(pivot - along), 0.0),
        cosine=np.where(turn, -out(pivot - along), 0.0),
        sine=np.where(turn, -out(np.cross(axis, pivot)), slide),
    )


@dataclass(frozen=True, slots=True)
class PoseMover:
    """Named components of position, rotation and scale; the others keep the authored value.

    Attributes:
        node: i8[n].
        position, angles, scale: input rows i8[n, 3], -1 where authored; angles are roll, pitch, yaw.
        pose_signal, quat_signal, vec_signal: index of a signal that drives all, the rotation, the position; or -1.
        authored_*: f8[n, 3], f8[n, 3], f8[n, 4], f8[n, 3]; where `ned`, in that convention.
        order: which of `axes.ORDERS` turns follow, i8[n]; ned: told in north, east, down, bool[n]; origin: f8[n, 3] where
            position is latitude, longitude [rad] and height [m], NaN elsewhere.
    """

    node: I8
    position: I8
    angles: I8
    scale: I8
    pose_signal: I8
    quat_signal: I8
    vec_signal: I8
    authored_position: F8
    authored_angles: F8
    authored_rotation: F8
    authored_scale: F8
    order: I8
    ned: Bool
    origin: F8

    def move(self, rows: np.ndarray, inputs: np.ndarray, vectors: "VectorSignals") -> Trs:
        """TRS of those rows; values that are not known yet leave the authored ones."""
        translation, rotation, scale = self._told(rows, inputs, vectors)
        ned = self.ned[rows]
        if ned.any():
            translation[ned], rotation[ned] = ned_position(translation[ned]), ned_rotation(rotation[ned])
        return translation, rotation, scale

    def _told(self, rows: np.ndarray, inputs: np.ndarray, vectors: "VectorSignals") -> Trs:
        """The same in the convention of each row."""
        translation = self._position(rows, inputs)
        scale = _named(self.scale[rows], inputs, self.authored_scale[rows])
        angles = self.angles[rows]
        turned = (angles >= 0).any(1)
        rotation = self.authored_rotation[rows].copy()
        for order in np.unique(self.order[rows][turned]).tolist():
            chosen = turned & (self.order[rows] == order)
            by = _named(angles[chosen], inputs, self.authored_angles[rows][chosen])
            rotation[chosen] = euler_to_quat(by) if order == 0 else turns(by, ORDERS[order])
        vectors.pose(self.pose_signal[rows], translation, rotation)
        vectors.quat(self.quat_signal[rows], rotation)
        vectors.vec3(self.vec_signal[rows], translation)
        return translation, rotation, scale

    def _position(self, rows: np.ndarray, inputs: np.ndarray) -> F8:
        """Named components, and places on the Earth once all three are known."""
        origin = self.origin[rows]
        earth = np.isfinite(origin[:, 0])
        if not earth.any():
            return _named(self.position[rows], inputs, self.authored_position[rows])
        out = _named(np.where(earth[:, None], -1, self.position[rows]), inputs, self.authored_position[rows])
        geodetic = np.append(inputs, np.nan)[self.position[rows]]
        known = earth & np.isfinite(geodetic).all(1)
        out[known] = east_north_up(geodetic[known], origin[known])
        return out


@dataclass(frozen=True, slots=True)
class VectorGroup:
    """The state's values of one vector type: `row` of each signal i8[signals] (-1: another type), values f8[rows, k]."""

    row: I8
    values: F8

    def of(self, signals: np.ndarray, known: np.ndarray, width: int) -> tuple[I8, F8]:
        """Which of `signals` i8[n] (-1: none) have a value, i8[m], and these values f8[m, k]."""
        driven = np.flatnonzero(signals >= 0)
        driven = driven[known[signals[driven]]]
        if not len(driven):  # a state without such signals has no columns of that width either
            return driven, np.empty((0, width))
        return driven, self.values[self.row[signals[driven]]]


@dataclass(frozen=True, slots=True)
class VectorSignals:
    """The state's vector values as movers need them. `known` bool[signals]: a usable value has arrived."""

    known: Bool
    poses: VectorGroup
    quats: VectorGroup
    vecs: VectorGroup

    def pose(self, signals: np.ndarray, translation: np.ndarray, rotation: np.ndarray) -> None:
        """Overwrite rows that a pose signal drives."""
        rows, values = self.poses.of(signals, self.known, 7)
        translation[rows] = values[:, :3]
        rotation[rows] = _unit(values[:, 3:7], rotation[rows])

    def quat(self, signals: np.ndarray, rotation: np.ndarray) -> None:
        """Overwrite rotations that a quat signal drives."""
        rows, values = self.quats.of(signals, self.known, 4)
        rotation[rows] = _unit(values, rotation[rows])

    def vec3(self, signals: np.ndarray, translation: np.ndarray) -> None:
        """Overwrite positions that a vec[3] signal drives."""
        rows, values = self.vecs.of(signals, self.known, 3)
        translation[rows] = values


def _unit(quats: np.ndarray, instead: np.ndarray) -> F8:
    length = np.linalg.norm(quats, axis=1, keepdims=True)
    return np.where(length > 1e-9, quats / np.where(length > 1e-9, length, 1.0), instead)


def _named(rows: np.ndarray, inputs: np.ndarray, authored: np.ndarray) -> F8:
    """Inputs where a component is named and known, else the authored value; f8[n, 3]."""
    values = np.where(rows >= 0, np.append(inputs, np.nan)[rows], np.nan)
    return np.where(np.isfinite(values), values, authored)


def euler_to_quat(angles: np.ndarray) -> F8:
    """Quaternions wxyz of roll, pitch, yaw f8[n, 3] [rad]: about fixed x, then y, then z."""
    half = np.asarray(angles, np.float64) / 2
    cr, cp, cy = np.cos(half).T
    sr, sp, sy = np.sin(half).T
    return np.stack(
        [
            cr * cp * cy + sr * sp * sy,
            sr * cp * cy - cr * sp * sy,
            cr * sp * cy + sr * cp * sy,
            cr * cp * sy - sr * sp * cy,
        ],
        -1,
    )


def quat_to_euler(quat: np.ndarray) -> F8:
    """roll, pitch, yaw f8[n, 3] [rad] of quaternions wxyz; at a pitch of +-90 degrees roll is 0."""
    m = quat_to_matrix(quat)
    pitch = np.arcsin(np.clip(-m[:, 2, 0], -1.0, 1.0))
    locked = np.abs(m[:, 2, 0]) > 1 - 1e-12
    roll = np.where(locked, 0.0, np.arctan2(m[:, 2, 1], m[:, 2, 2]))
    yaw = np.where(locked, np.arctan2(-m[:, 0, 1], m[:, 1, 1]), np.arctan2(m[:, 1, 0], m[:, 0, 0]))
    return np.stack([roll, pitch, yaw], -1)
