"""Geometry of a document: meshes, curves, points and simple shapes. Plain data; arrays are made read-only."""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

Interpolation = Literal["constant", "uniform", "vertex", "faceVarying"]
ShapeKind = Literal["box", "sphere", "cylinder", "capsule", "cone", "plane"]


def freeze(owner: Any) -> None:
    """Make every array field of a frozen dataclass read-only, without a copy."""
    for name in owner.__dataclass_fields__:
        value = getattr(owner, name)
        if isinstance(value, np.ndarray) and value.flags.writeable:
            view = value.view()
            view.flags.writeable = False
            object.__setattr__(owner, name, view)


@dataclass(frozen=True, slots=True, eq=False)
class Primvar:
    """Values over a mesh, curves or points.

    values: float [k, w]. indices: int [n] into values, None where they are used in order. n is 1 for "constant", the
    number of faces (curves) for "uniform", of points for "vertex", of face corners for "faceVarying".
    """

    values: np.ndarray
    interpolation: Interpolation = "vertex"
    indices: np.ndarray | None = None

    def __post_init__(self) -> None:
        freeze(self)

    @property
    def count(self) -> int:
        """Elements that it has a value for (n)."""
        return len(self.values if self.indices is None else self.indices)

    def flat(self) -> np.ndarray:
        """The value of each element, [n, w]."""
        return self.values if self.indices is None else self.values[self.indices]


@dataclass(frozen=True, slots=True, eq=False)
class Subset:
    """Faces that wear one material. faces: int [k], face numbers; material: index into Document.materials, -1 for none."""

    material: int
    faces: np.ndarray
    name: str = ""

    def __post_init__(self) -> None:
        freeze(self)


@dataclass(frozen=True, slots=True, eq=False)
class Morph:
    """A morph target (blend shape). offsets: float [n points, 3], document units; normal_offsets: float [n points, 3]."""

    name: str
    offsets: np.ndarray
    normal_offsets: np.ndarray | None = None

    def __post_init__(self) -> None:
        freeze(self)


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """Polygons.

    Attributes:
        points: float [n, 3], document units, in the frame of the node that carries the mesh.
        counts: int [f], corners of each face; indices: int [sum(counts)], points of the corners, counter-clockwise from
            outside.
        normals: float [k, 3] unit, or None: the writer computes flat ones (`smooth` false) or, by area, smooth ones.
        uvs: sets of texture coordinates [k, 2], (0, 0) at the lower left of the image.
        colors: linear rgb or rgba, [k, 3 or 4].
        material: index into Document.materials for faces of no subset; -1 for none.
        subsets: each face in one at most.
        joints, weights: int and float [n, k], joint numbers of the skin and their weights, for each point.
        morphs: blend shapes; weights: their weights at rest, in the same order.
        double_sided: draw both sides, whatever the material says.
    """

    name: str
    points: np.ndarray
    counts: np.ndarray
    indices: np.ndarray
    normals: Primvar | None = None
    uvs: tuple[Primvar, ...] = ()
    colors: Primvar | None = None
    material: int = -1
    subsets: tuple[Subset, ...] = ()
    joints: np.ndarray | None = None
    weights: np.ndarray | None = None
    morphs: tuple[Morph, ...] = ()
    morph_weights: tuple[float, ...] = ()
    double_sided: bool = False
    smooth: bool = False

    def __post_init__(self) -> None:
        freeze(self)


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """Straight lines. points: float [n, 3]; counts: int [c], points of each line; width [document units]; closed: loops."""

    name: str
    points: np.ndarray
    counts: np.ndarray
    closed: bool = False
    width: float = 0.0
    colors: Primvar | None = None
    material: int = -1

    def __post_init__(self) -> None:
        freeze(self)


@dataclass(frozen=True, slots=True, eq=False)
class Cloud:
    """Points. points: float [n, 3]; widths: float [n] or None; width: of all points [document units], 0 where nobody says."""

    name: str
    points: np.ndarray
    widths: np.ndarray | None = None
    width: float = 0.0
    colors: Primvar | None = None
    normals: np.ndarray | None = None
    material: int = -1

    def __post_init__(self) -> None:
        freeze(self)


@dataclass(frozen=True, slots=True)
class Shape:
    """A simple solid about the origin of its node, its length along Z.

    size [document units]: box: its three edges; sphere: (radius,); cylinder, cone: (radius, length); capsule: (radius,
    length of the cylinder without its caps); plane: width and length, normal Z.
    """

    name: str
    kind: ShapeKind
    size: tuple[float, ...]
    material: int = -1


Geometry = Mesh | Curves | Cloud | Shape


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole or orthographic camera; it looks along -Z of its node, Y up.

    vertical_fov [rad]; aspect: width by height; height: of an orthographic picture, document units; near, far: document
    units, None for none.
    """

    name: str
    kind: Literal["perspective", "orthographic"] = "perspective"
    vertical_fov: float = 0.8
    aspect: float = 16 / 9
    height: float = 1.0
    near: float = 0.1
    far: float | None = None


@dataclass(frozen=True, slots=True)
class Light:
    """A lamp that shines along -Z of its node.

    color: linear rgb. intensity: lx for "directional", cd for "point" and "spot". cones: inner and outer half angle [rad].
    radius: of the lamp, document units; 0 for a small one.
    """

    name: str
    kind: Literal["directional", "point", "spot"]
    color: tuple[float, float, float] = (1.0, 1.0, 1.0)
    intensity: float = 1.0
    cones: tuple[float, float] = (0.0, 0.7853981633974483)
    radius: float = 0.0
    extras: dict[str, Any] = field(default_factory=dict)
