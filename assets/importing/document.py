"""What a reader of foreign files gives and the writer of USD packages takes. Plain data: no pxr, no files.

Lengths are in document units (`metres_per_unit`), in the file's own axes (`up_axis`); the writer turns both into metres and
Z-up. Matrices are column-vector, `parent_from_node`; quaternions wxyz. Arrays are read-only after construction, and `eq` of
what holds arrays is identity. Whatever a reader could not carry is in `notes`, with where it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from twinstage.assets.importing.document_geometry import (
    Camera,
    Cloud,
    Curves,
    Geometry,
    Light,
    Mesh,
    Morph,
    Primvar,
    Shape,
    Subset,
    freeze,
)
from twinstage.assets.importing.document_look import Image, Input, Material, Texture, color, number
from twinstage.assets.importing.document_motion import Animation, Channel, Skin
from twinstage.assets.importing.document_physics import Body, Collider, Joint, Mimic
from twinstage.base.finding import Finding

__all__ = [
    "Animation",
    "Body",
    "Camera",
    "Channel",
    "Cloud",
    "Collider",
    "Curves",
    "Document",
    "Geometry",
    "Image",
    "Input",
    "Joint",
    "Light",
    "Material",
    "Mesh",
    "Mimic",
    "Morph",
    "Node",
    "Origin",
    "Primvar",
    "Shape",
    "Skin",
    "Subset",
    "Texture",
    "Transform",
    "VariantSet",
    "color",
    "note",
    "number",
]


@dataclass(frozen=True, slots=True, eq=False)
class Transform:
    """A local transform: scale, then rotation, then translation; or a matrix, where one is given.

    translation: document units. rotation: wxyz, unit. matrix: float [4, 4], column-vector; it wins.
    """

    translation: tuple[float, float, float] = (0.0, 0.0, 0.0)
    rotation: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    matrix: np.ndarray | None = None

    def __post_init__(self) -> None:
        freeze(self)

    def to_matrix(self) -> np.ndarray:
        """float64 [4, 4], column-vector."""
        if self.matrix is not None:
            return np.array(self.matrix, np.float64)
        w, x, y, z = np.asarray(self.rotation, np.float64) / (np.linalg.norm(self.rotation) or 1.0)
        turn = np.array(
            [
                [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
                [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
                [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
            ]
        )
        out = np.eye(4)
        out[:3, :3] = turn * np.asarray(self.scale, np.float64)
        out[:3, 3] = self.translation
        return out


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A place in the tree. It becomes an Xform prim.

    Attributes:
        name: any text; the writer makes it a valid and unique prim name.
        parent: node number, smaller than the node's own; -1 at the top.
        geometry: index into Document.geometry, -1 for none; several nodes may carry the same. More than one: child nodes.
        material: index into Document.materials that replaces the geometry's own; -1 for none.
        skin: index into Document.skins, -1 for none.
        morph_weights: in place of the mesh's own; () for those.
        camera, light: index into Document.cameras and lights, -1 for none.
        purpose: "guide" for what is not to be drawn, as collision shapes.
        labels: UsdSemantics labels (taxonomy class).
        kind: USD model kind, such as "subcomponent"; "" for none.
        articulation: the tree of bodies below is one articulation.
        extras: text, numbers, booleans and lists of them, kept as custom data.
    """

    name: str
    parent: int = -1
    transform: Transform = Transform()
    geometry: int = -1
    material: int = -1
    skin: int = -1
    morph_weights: tuple[float, ...] = ()
    camera: int = -1
    light: int = -1
    visible: bool = True
    purpose: Literal["default", "render", "proxy", "guide"] = "default"
    labels: tuple[str, ...] = ()
    kind: str = ""
    body: Body | None = None
    collider: Collider | None = None
    articulation: bool = False
    extras: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VariantSet:
    """Looks to choose from: a USD variant set on the root prim.

    materials: for each variant name, (geometry, subset or -1 for the whole, material) triples, the same places in each; the
    first variant is chosen.
    """

    name: str
    materials: Mapping[str, tuple[tuple[int, int, int], ...]]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the file comes from, as far as it says; "" where it does not. texts: (name, contents) of licences beside it."""

    format: str = ""
    generator: str = ""
    author: str = ""
    license: str = ""
    title: str = ""
    source: str = ""
    texts: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A model.

    nodes come parents first. metres_per_unit: 1.0 for metres. name: of the model; the command's file name where it is "".
    animations: the first plays; the others become variants. notes: codes begin with `import.`, `path` says where in the file.
    """

    name: str = ""
    nodes: tuple[Node, ...] = ()
    geometry: tuple[Geometry, ...] = ()
    materials: tuple[Material, ...] = ()
    images: tuple[Image, ...] = ()
    skins: tuple[Skin, ...] = ()
    animations: tuple[Animation, ...] = ()
    cameras: tuple[Camera, ...] = ()
    lights: tuple[Light, ...] = ()
    joints: tuple[Joint, ...] = ()
    variants: tuple[VariantSet, ...] = ()
    metres_per_unit: float = 1.0
    up_axis: Literal["X", "Y", "Z"] = "Z"
    kind: Literal["component", "assembly", "group"] = "component"
    origin: Origin = Origin()
    notes: tuple[Finding, ...] = ()


def note(code: str, where: str, message: str, fix: str = "", *, severity: str = "warning") -> Finding:
    """A note of a reader: what could not be carried, and where in the file; `code` without its `import.`."""
    return Finding(f"import.{code}", severity, where, message, fix)  # type: ignore[arg-type]
