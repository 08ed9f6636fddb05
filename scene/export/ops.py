"""A pose that somebody gave a prim, in the transform ops that its designer wrote: what a review can read. Touches pxr.

Ops are `translate`, one rotation (`rotateXYZ`, one axis, or `orient`) and `scale`, in this order, or one `transform`; a prim
without ops gets the first three as far as they are needed. Whatever these cannot say stays one matrix.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.scene.stage import OpenedStage
from twinstage.scene.ui_layer import RESET, UI_OP

MOVED_M, TURNED, SCALED = 3e-4, 0.02, 2e-4
"""What counts as unchanged: below the grid of poses on the wire [m, degrees, 1]."""
GRID_DEG = 0.004
"""How far packing a rotation for the wire can turn it: 45 degrees come back as 44.998."""
_AXES = {"rotateX": 0, "rotateY": 1, "rotateZ": 2}
_ROTATIONS = (*_AXES, "rotateXYZ", "orient")
_TYPES = {"translate": "double3", "rotateXYZ": "float3", "scale": "float3"}
_ORDER = "xformOpOrder"


@dataclass(frozen=True, slots=True)
class Op:
    """A property to write: its USD type and value."""

    name: str
    type_name: str
    value: Any

    def author(self, prim: Any) -> None:
        """Into an Sdf.PrimSpec."""
        from pxr import Sdf

        kind = Sdf.ValueTypeNames.Find(self.type_name)
        variability = Sdf.VariabilityUniform if self.name == _ORDER else Sdf.VariabilityVarying
        spec = Sdf.AttributeSpec(prim, self.name, kind, variability)
        if not isinstance(self.value, tuple):
            spec.default = self.value
        elif self.type_name.startswith("quat"):
            spec.default = kind.type.pythonClass(*self.value)
        else:
            spec.default = kind.type.pythonClass(self.value)


def pose_ops(opened: OpenedStage, prim: Any, spec: Any) -> Mapping[str, Op] | None:
    """What to write instead of the edit's matrix, by name: only what differs from the designer's; None: keep the matrix.

    `spec`: of the prim in the `ui` layer.
    """
    if not prim:
        return None
    target = np.array(spec.properties[UI_OP].default, np.float64)
    order = [str(name) for name in _authored(opened, prim, _ORDER)[1] or ()]
    reset = order[:1] == [RESET]
    kinds = [name.split(":")[1] if name.startswith("xformOp:") else "" for name in order[reset:]]
    if kinds == ["transform"]:
        name = order[-1]
        return {name: Op(name, "matrix4d", _matrix(target))}
    parts = _parts(target)
    if parts is None or not _usual(kinds):
        return None
    names = dict(zip(kinds, order[reset:], strict=True))
    values = {}
    for kind, name in names.items():
        values[kind] = _authored(opened, prim, name)
        if values[kind][1] is None:
            return None  # animated, or never given a value
    return _solved(parts, names, values, reset, opened.meters_per_unit, target)


def _solved(
    parts: "tuple[np.ndarray, np.ndarray, np.ndarray]",
    names: dict[str, str],
    values: dict[str, tuple[str, Any]],
    reset: bool,
    units: float,
    target: np.ndarray,
) -> Mapping[str, Op] | None:
    place, turn, size = parts
    rotation = next((kind for kind in names if kind in _ROTATIONS), None)
    wanted: dict[str, tuple[Any, float]] = {"translate": (place, MOVED_M / units)}
    angles = _angles(rotation or "rotateXYZ", turn)
    if angles is None:
        return None
    wanted[rotation or "rotateXYZ"] = (angles, TURNED if rotation != "orient" else TURNED / 100)
    wanted["scale"] = (size, SCALED)
    ops: dict[str, Op] = {}
    full: dict[str, np.ndarray] = {}
    for kind, (value, slack) in wanted.items():
        rest = np.ones(3) if kind == "scale" else np.zeros(np.size(value))
        had = _numbers(values[kind][1]) if kind in names else rest
        if kind in _ROTATIONS and kind != "orient":
            value = had + (value - had + 180) % 360 - 180
        if np.abs(np.asarray(value) - had).max() <= slack:
            full[kind] = had
            continue
        rounded = _rounded(kind, np.asarray(value), units)
        name = names.setdefault(kind, f"xformOp:{kind}")
        full[kind] = rounded
        ops[name] = Op(name, values[kind][0] if kind in values else _TYPES[kind], _typed(kind, rounded))
    if np.abs(_composed(full) - target).max() > 5 * MOVED_M / units + 1e-3 * np.abs(target[:3, :3]).max():
        return None
    sequence = [names[kind] for kind in ("translate", *_ROTATIONS, "scale") if kind in names]
    if len(sequence) > len(values):
        from pxr import Vt

        tokens = Vt.TokenArray([*([RESET] if reset else []), *sequence])
        ops[_ORDER] = Op(_ORDER, "token[]", tokens)
    return ops


def _authored(opened: OpenedStage, prim: Any, name: str) -> tuple[str, Any]:
    """Type and default of a property below the session's layers; None where it has samples or no value."""
    attribute = prim.GetAttribute(name)
    session = {layer.identifier for layer in opened.stage.GetLayerStack(includeSessionLayers=True)}
    session -= {layer.identifier for layer in opened.stage.GetLayerStack(includeSessionLayers=False)}
    for spec in attribute.GetPropertyStack() if attribute else ():
        if spec.layer.identifier in session:
            continue
        if spec.layer.ListTimeSamplesForPath(spec.path):
            return "", None
        if spec.HasInfo("default"):
            return str(spec.typeName), spec.default
    return "", None


def _usual(kinds: list[str]) -> bool:
    """Whether ops are of the usual kinds, each once, in the usual order."""
    ranks = [0 if k == "translate" else 1 if k in _ROTATIONS else 2 if k == "scale" else -1 for k in kinds]
    return -1 not in ranks and ranks == sorted(set(ranks))


def _parts(matrix: np.ndarray) -> "tuple[np.ndarray, np.ndarray, np.ndarray] | None":
    """Translation, rotation (rows) and scale of a row-vector matrix; None where it mirrors or shears."""
    size = np.linalg.norm(matrix[:3, :3], axis=1)
    if not (size > 1e-9).all() or np.linalg.det(matrix[:3, :3]) <= 0:
        return None
    turn = matrix[:3, :3] / size[:, None]
    return (matrix[3, :3], turn, size) if np.abs(turn @ turn.T - np.eye(3)).max() < 1e-4 else None


def _angles(kind: str, turn: np.ndarray) -> np.ndarray | None:
    """The rotation as that op has it [degrees; a quaternion, real part first]; None where it has none."""
    if kind == "orient":
        from pxr import Gf

        quat = Gf.Matrix3d(*turn.reshape(-1).tolist()).ExtractRotation().GetQuat()
        return np.array([quat.GetReal(), *quat.GetImaginary()])
    y = np.arcsin(np.clip(-turn[0, 2], -1, 1))
    angles = np.degrees([np.arctan2(turn[1, 2], turn[2, 2]), y, np.arctan2(turn[0, 1], turn[0, 0])])
    if kind == "rotateXYZ":
        return np.asarray(angles)
    axis = _AXES[kind]
    one = np.zeros(3)
    k, m = (axis + 1) % 3, (axis + 2) % 3
    one[axis] = np.degrees(np.arctan2(turn[k, m], turn[k, k]))
    return one[axis : axis + 1] if np.abs(_turn(one) - turn).max() < 1e-3 else None


def _turn(angles: np.ndarray) -> np.ndarray:
    """Row-vector rotation of rotateXYZ angles [degrees]."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(np.radians(angles)), np.sin(np.radians(angles))
    about_x = np.array([[1, 0, 0], [0, cx, sx], [0, -sx, cx]])
    about_y = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    about_z = np.array([[cz, sz, 0], [-sz, cz, 0], [0, 0, 1]])
    return np.asarray(about_x @ about_y @ about_z)


def _composed(values: Mapping[str, np.ndarray]) -> np.ndarray:
    """The row-vector matrix of such ops."""
    out = np.eye(4)
    kind = next(kind for kind in values if kind in _ROTATIONS)
    if kind == "orient":
        from pxr import Gf

        quat = Gf.Quatd(float(values[kind][0]), Gf.Vec3d(*values[kind][1:].tolist())).GetNormalized()
        turn = np.array(Gf.Matrix3d(quat))
    else:
        angles = np.zeros(3)
        axes = slice(0, 3) if kind == "rotateXYZ" else slice(_AXES[kind], _AXES[kind] + 1)
        angles[axes] = values[kind]
        turn = _turn(angles)
    out[:3, :3] = values["scale"][:, None] * turn
    out[3, :3] = values["translate"]
    return out


def _rounded(kind: str, value: np.ndarray, units: float) -> np.ndarray:
    """Decimals that are worth keeping: a tenth of a millimetre; of an angle the fewest that lie as near as the wire's grid."""
    if kind in ("orient", "scale"):
        return np.round(value, 6)
    if not kind.startswith("rotate"):
        return np.round(value, max(0, round(4 + np.log10(units))))
    tried = np.stack([np.round(value, digits) for digits in range(4)])
    near = np.abs(tried - value) <= GRID_DEG
    near[-1] = True
    return np.asarray(tried[near.argmax(0), np.arange(len(value))])


def _numbers(value: Any) -> np.ndarray:
    if hasattr(value, "GetImaginary"):
        return np.array([value.GetReal(), *value.GetImaginary()], np.float64)
    return np.atleast_1d(np.array(value, np.float64))


def _typed(kind: str, value: np.ndarray) -> Any:
    if kind in _AXES:
        return float(value[0])
    return tuple(value.tolist())


def _matrix(value: np.ndarray) -> Any:
    from pxr import Gf

    return Gf.Matrix4d(np.round(value, 9).tolist())
