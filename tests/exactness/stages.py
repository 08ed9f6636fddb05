"""Small stages written with pxr, and beside each prim the thing that the closed forms know. Nothing of twinstage.

Worlds are composed here, in numpy, from the numbers that are written into xform ops; neither pxr's nor the snapshot's
matrices are asked.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pxr import Gf, Usd, UsdGeom, UsdSemantics, Vt

from exactness.closed_form import Box, Capsule, Quad, Shape, Sphere, Thing, cone, cylinder

Ops = Sequence[tuple[str, Any]]
Z_FROM_Y = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
AXIS_FROM_Z = {
    "Z": np.eye(4),
    "X": np.array([[0.0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]]),
    "Y": np.array([[0.0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1]]),
}
"""Turns that bring the axis of a closed form onto a gprim's."""


def turn(axis: int, degrees: float) -> np.ndarray:
    """A right-handed turn about a coordinate axis, f8[4, 4]."""
    a, i, j = np.radians(degrees), (axis + 1) % 3, (axis + 2) % 3
    out = np.eye(4)
    out[i, i] = out[j, j] = np.cos(a)
    out[i, j], out[j, i] = -np.sin(a), np.sin(a)
    return out


def matrix(ops: Ops) -> np.ndarray:
    """parent_from_prim of xform ops in their order, f8[4, 4], column vectors."""
    out = np.eye(4)
    for name, value in ops:
        step = np.eye(4)
        if name == "translate":
            step[:3, 3] = value
        elif name == "scale":
            step[:3, :3] = np.diag(value)
        elif name == "rotateXYZ":  # about x first
            step = turn(2, value[2]) @ turn(1, value[1]) @ turn(0, value[0])
        elif name == "matrix":
            step = np.array(value, np.float64)
        else:
            raise ValueError(name)
        out = out @ step
    return out


@dataclass
class Set:
    """A stage in the making. `things` in the order of their paths, as objects are numbered."""

    path: Path
    unit: float = 1.0
    up: str = "Z"
    places: dict[str, np.ndarray] = field(default_factory=dict)
    uv: dict[str, Callable[[np.ndarray], np.ndarray]] = field(default_factory=dict)
    part: dict[str, Callable[[np.ndarray], np.ndarray]] = field(default_factory=dict)
    border: dict[str, Callable[[np.ndarray], np.ndarray]] = field(default_factory=dict)
    _things: dict[str, Thing] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.stage = Usd.Stage.CreateNew(str(self.path))
        UsdGeom.SetStageMetersPerUnit(self.stage, self.unit)
        UsdGeom.SetStageUpAxis(self.stage, self.up)
        metres = np.diag([self.unit, self.unit, self.unit, 1.0])
        self.places["/"] = (Z_FROM_Y if self.up == "Y" else np.eye(4)) @ metres

    @property
    def things(self) -> list[Thing]:
        return [self._things[path] for path in sorted(self._things)]

    def xform(self, path: str, ops: Ops = ()) -> None:
        """A group."""
        self._place(UsdGeom.Xform.Define(self.stage, path), path, ops)

    def add(self, path: str, kind: str, ops: Ops = (), **sizes: Any) -> None:
        """A labelled gprim of intrinsic shape; sizes as its schema names them, in stage units."""
        prim = getattr(UsdGeom, kind).Define(self.stage, path)
        for name, value in sizes.items():
            prim.GetPrim().GetAttribute(name).Set(value)
        axis = sizes.get("axis", "Z")
        self.put(path, prim, ops, _shape(kind, sizes), AXIS_FROM_Z[axis])

    def put(self, path: str, prim: Any, ops: Ops, shape: Shape, own: np.ndarray | None = None) -> None:
        """Any prim that a closed form stands for."""
        self._place(prim, path, ops)
        UsdSemantics.LabelsAPI.Apply(prim.GetPrim(), "class").CreateLabelsAttr().Set(
            [path.rpartition("/")[2].lower()]
        )
        self._things[path] = Thing(path, shape, self.places[path], np.eye(4) if own is None else own)

    def _place(self, prim: Any, path: str, ops: Ops) -> None:
        for name, value in ops:
            if name == "translate":
                prim.AddTranslateOp().Set(Gf.Vec3d(*map(float, value)))
            elif name == "scale":
                prim.AddScaleOp(UsdGeom.XformOp.PrecisionDouble).Set(Gf.Vec3d(*map(float, value)))
            elif name == "rotateXYZ":
                prim.AddRotateXYZOp(UsdGeom.XformOp.PrecisionDouble).Set(Gf.Vec3d(*map(float, value)))
            else:
                flat = np.array(value, np.float64).T.reshape(-1).tolist()
                prim.AddTransformOp().Set(Gf.Matrix4d(*flat))
        parent = path.rpartition("/")[0] or "/"
        self.places[path] = self.places[parent] @ matrix(ops)

    def mesh(self, path: str, points: np.ndarray, faces: Sequence[Sequence[int]], ops: Ops = ()) -> Any:
        """A polygon mesh; points in stage units. The caller calls `put`."""
        prim = UsdGeom.Mesh.Define(self.stage, path)
        prim.CreateSubdivisionSchemeAttr("none")
        prim.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(np.asarray(points, np.float32)))
        prim.CreateFaceVertexCountsAttr([len(face) for face in faces])
        prim.CreateFaceVertexIndicesAttr([k for face in faces for k in face])
        return prim

    def save(self) -> Path:
        self.stage.Save()
        return self.path


def _shape(kind: str, sizes: dict[str, Any]) -> Shape:
    if kind == "Cube":
        h = sizes["size"] / 2
        return Box((h, h, h))
    if kind == "Plane":  # in the plane across its axis; only Z is used here
        return Quad(sizes["width"] / 2, sizes["length"] / 2)
    if kind == "Sphere":
        return Sphere(sizes["radius"])
    if kind == "Cylinder":
        return cylinder(sizes["radius"], sizes["height"])
    if kind == "Cone":
        return cone(sizes["radius"], sizes["height"])
    return Capsule(radius=sizes["radius"], height=sizes["height"])


def _sheared() -> np.ndarray:
    out = np.eye(4)
    out[0, 1], out[2, 0] = 0.4, -0.3
    out[:3, 3] = 0.4, -0.9, 0.35
    return out


def flat(
    path: Path, unit: float = 1.0, up: str = "Z", away: Sequence[float] = (0, 0, 0), later: float = 0.0
) -> Set:
    """Planes and boxes, about 4 m across: turned, scaled unevenly, mirrored, sheared, nested, cut by the image's edge.

    Thought of in metres; written in another unit, everything keeps its size. `away`: where the whole stands [m], in the
    stage's axes. `later`: a share from 0 to 1 of a motion: shifts, turns, a scale, and an arm with its hand.
    """
    s = Set(path, unit, up)
    u = 1 / unit

    def m(*v: float) -> list[float]:
        return [x * u for x in v]

    s.xform("/World", [("translate", m(*away))])
    # Thought of Z-up: in a Y-up stage a turn about x brings the same scene upright.
    s.xform("/World/Hall", [("rotateXYZ", (-90, 0, 0))] if up == "Y" else [])
    h = "/World/Hall"
    s.add(f"{h}/Floor", "Plane", [("scale", (1.5, 0.75, 1))], width=4 * u, length=6 * u, axis="Z")
    s.add(f"{h}/Plain", "Cube", [("translate", m(-1.2 + 0.3 * later, 0.3, 0.3 + 0.1 * later))], size=0.6 * u)
    s.add(
        f"{h}/Turned",
        "Cube",
        [
            ("translate", m(0.1, 0.6, 0.5)),
            ("rotateXYZ", (20, -35, 50 + 25 * later)),
            ("scale", (1.4, 0.5 + 0.2 * later, 0.8)),
        ],
        size=0.7 * u,
    )
    s.add(
        f"{h}/Mirrored",
        "Cube",
        [("translate", m(1.1, -0.2, 0.3)), ("rotateXYZ", (0, 0, 30 - 15 * later)), ("scale", (-1, 0.6, 1.1))],
        size=0.5 * u,
    )
    shear = _sheared()
    shear[:3, 3] *= u
    s.add(f"{h}/Sheared", "Cube", [("matrix", shear)], size=0.4 * u)
    s.xform(
        f"{h}/Arm",
        [("translate", m(-0.6, -0.8, 0.2)), ("scale", (1, 2, 0.7)), ("rotateXYZ", (0, 10, 40 + 20 * later))],
    )
    s.xform(f"{h}/Arm/Hand", [("rotateXYZ", (15, 0, -25)), ("scale", (0.8, 0.8, -0.8))])
    s.add(f"{h}/Arm/Hand/Finger", "Cube", [("translate", m(0.1, 0.1, -0.3))], size=0.3 * u)
    s.add(f"{h}/Behind", "Cube", [("translate", m(-1.5, 1.6, 0.5))], size=0.9 * u)
    s.add(f"{h}/Outside", "Cube", [("translate", m(2.3, 0.4, 0.6)), ("rotateXYZ", (0, 0, 12))], size=1.1 * u)
    s.save()
    return s


def curved(path: Path, unit: float = 1.0, up: str = "Z", away: Sequence[float] = (0, 0, 0)) -> Set:
    """Spheres, cylinders, cones and capsules on every axis; scaled unevenly, turned and mirrored ones, too."""
    s = Set(path, unit, up)
    u = 1 / unit

    def m(*v: float) -> list[float]:
        return [x * u for x in v]

    s.xform("/World", [("translate", m(*away))])
    s.xform("/World/Hall", [("rotateXYZ", (-90, 0, 0))] if up == "Y" else [])
    h = "/World/Hall"
    s.add(f"{h}/Ball", "Sphere", [("translate", m(-1.4, 0.4, 0.5))], radius=0.5 * u)
    s.add(
        f"{h}/Egg",
        "Sphere",
        [("translate", m(-0.4, -0.6, 0.3)), ("rotateXYZ", (30, 20, 10)), ("scale", (1.3, 0.7, -0.9))],
        radius=0.35 * u,
    )
    for k, axis in enumerate("XYZ"):
        x = -1.2 + 1.1 * k
        s.add(
            f"{h}/Drum{axis}",
            "Cylinder",
            [("translate", m(x, 1.3, 0.5)), ("rotateXYZ", (10, 20, 30))],
            radius=0.25 * u,
            height=0.6 * u,
            axis=axis,
        )
        s.add(
            f"{h}/Cone{axis}",
            "Cone",
            [("translate", m(x + 0.6, 0.3, 1.3)), ("rotateXYZ", (-20, 15, 40)), ("scale", (1, 1.2, 0.9))],
            radius=0.25 * u,
            height=0.5 * u,
            axis=axis,
        )
        s.add(
            f"{h}/Pill{axis}",
            "Capsule",
            [("translate", m(x + 0.9, -0.2, 0.4)), ("rotateXYZ", (5, -15, 25))],
            radius=0.15 * u,
            height=0.4 * u,
            axis=axis,
        )
    s.save()
    return s


CARD = np.array([[-1.0, -0.5, 0.2], [1.0, -0.5, 0.2], [1.0, 0.5, 0.2], [-1.0, 0.5, 0.2]])


def card(path: Path) -> Set:
    """A quad with uv, and a wall of 4 x 3 faces of which subsets are parts; both face the camera of `front`."""
    from pxr import Sdf, UsdShade

    s = Set(path)
    s.xform("/World")
    ops: Ops = [("translate", (-0.6, 0.2, 0.5)), ("rotateXYZ", (70, 10, 20))]
    quad = s.mesh("/World/Card", CARD - (0, 0, 0.2), [[0, 1, 2, 3]])
    uv = UsdGeom.PrimvarsAPI(quad).CreatePrimvar("st", Sdf.ValueTypeNames.TexCoord2fArray, "vertex")
    uv.Set([(0.25, -1.0), (2.25, -1.0), (2.25, 0.5), (0.25, 0.5)])
    s.put("/World/Card", quad, ops, Quad(1.0, 0.5))
    grid = np.array([[x - 1.0, y * 0.5 - 0.75, 0] for y in range(4) for x in np.linspace(0, 2, 5)])
    faces = [[5 * j + i, 5 * j + i + 1, 5 * j + i + 6, 5 * j + i + 5] for j in range(3) for i in range(4)]
    wall = s.mesh("/World/Wall", grid, faces)
    s.put("/World/Wall", wall, [("translate", (0.5, 1.2, 0.8)), ("rotateXYZ", (90, 0, -15))], Quad(1.0, 0.75))
    for name, members in (("left", [0, 1, 4, 8]), ("right", [3, 7, 10, 11])):
        subset = UsdGeom.Subset.CreateGeomSubset(
            UsdGeom.Imageable(wall), name, UsdGeom.Tokens.face, Vt.IntArray(members), "materialBind"
        )
        material = UsdShade.Material.Define(s.stage, f"/World/Looks/{name}")
        shader = UsdShade.Shader.Define(s.stage, f"/World/Looks/{name}/Surface")
        shader.CreateIdAttr("UsdPreviewSurface")
        material.CreateSurfaceOutput().ConnectToSource(shader.ConnectableAPI(), "surface")
        UsdShade.MaterialBindingAPI.Apply(subset.GetPrim()).Bind(material)
    s.uv["Card"], s.part["Wall"], s.border["Wall"] = card_uv, card_part, card_border
    s.save()
    return s


def card_part(local: np.ndarray) -> np.ndarray:
    """Part id (slot + 1) of a point of the wall in `card`: 1 outside of the subsets, 2 left, 3 right."""
    column = np.clip(np.floor((local[:, 0] + 1.0) / 0.5), 0, 3).astype(int)
    row = np.clip(np.floor((local[:, 1] + 0.75) / 0.5), 0, 2).astype(int)
    part = np.ones(12, int)
    part[[0, 1, 4, 8]] = 2
    part[[3, 7, 10, 11]] = 3
    return part[row * 4 + column]


def card_border(local: np.ndarray) -> np.ndarray:
    """Distance of a point of the wall in `card` to the nearest line between its faces."""
    at = (local[:, :2] + (1.0, 0.75)) / 0.5
    return np.abs(at - np.round(at)).min(1) * 0.5


def card_uv(local: np.ndarray) -> np.ndarray:
    """Texture coordinates of a point of the card."""
    return np.column_stack([0.25 + (local[:, 0] + 1.0), -1.0 + (local[:, 1] + 0.5) * 1.5])
