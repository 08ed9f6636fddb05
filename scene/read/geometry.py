"""Geometry by gprim type, each distinct shape once.

`SHAPES` maps a USD type to the small function that reads it. Equal arrays become one prototype: native instances are
recognised by their prim in the prototype, everything else by the hash of the arrays.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from twinstage.scene.columns import F4, I4, U4, frozen
from twinstage.scene.read.context import ReadContext
from twinstage.scene.read.extents import check_extent
from twinstage.scene.read.skel import Skin, Skins
from twinstage.scene.skins import Morph, SkinWeights
from twinstage.scene.snapshot import Prototype

if TYPE_CHECKING:
    from twinstage.scene.read.memo import ShapeMemo


@dataclass(frozen=True, slots=True)
class MeshData:
    """What a shape reader gives; fields as in `Prototype`. `subsets` are the GeomSubset prims of slots 1.. ."""

    points: F4
    normals: F4
    triangles: U4
    uv: F4 | None = None
    color: F4 | None = None
    slot: I4 | None = None
    subsets: tuple[str, ...] = ()
    double_sided: bool = False
    chord_error: float = 0.0
    point: "np.ndarray | None" = None
    """Number of the gprim's point at each vertex, where the reader knows it."""
    skin: "SkinWeights | None" = None
    morphs: tuple[Morph, ...] = ()


ShapeReader = Callable[[ReadContext, Any, str, "Skin | None"], "MeshData | None"]
"""(context, prim, name of the uv primvar, what deforms it) -> data in metres; None, with a finding, where nothing is drawn."""


def shapes() -> dict[str, ShapeReader]:
    """The readers by USD type name."""
    from twinstage.scene.read.curves import read_curves
    from twinstage.scene.read.gprims import FORMS, read_gprim
    from twinstage.scene.read.mesh import read_mesh
    from twinstage.scene.read.patches import read_patch, read_tets
    from twinstage.scene.read.spheres import read_point_cloud

    return {
        "Mesh": read_mesh,
        "Points": read_point_cloud,
        "NurbsPatch": read_patch,
        "TetMesh": read_tets,
        **dict.fromkeys(("BasisCurves", "HermiteCurves", "NurbsCurves"), read_curves),
        **dict.fromkeys(FORMS, read_gprim),
    }


NOT_DRAWN = ("Volume", "ParticleField3DGaussianSplat")
"""Gprims that have a shape but no triangles here: each gives a finding."""


class PrototypeStore:
    """Reads the shape of gprims and keeps each distinct one once."""

    def __init__(
        self, context: ReadContext, skins: Skins | None = None, memo: "ShapeMemo | None" = None
    ) -> None:
        """`memo`: what the last reading found; None: everything is read."""
        self.context = context
        self.memo = memo
        self.skins = skins or Skins(context, [])
        self.prototypes: list[Prototype] = []
        self._shapes = shapes()
        self._by_prim: dict[tuple[str, str, tuple[object, ...]], int] = {}
        self._by_hash: dict[str, int] = {}
        self._by_identity: dict[int, tuple[MeshData, int]] = {}

    def is_shape(self, type_name: str) -> bool:
        """Whether prims of that type can be drawn."""
        return type_name in self._shapes

    def index(self, prim: Any, uv_name: str) -> int:
        """The prototype of that gprim, or -1 where it holds nothing to draw."""
        shared = prim.GetPrimInPrototype() if prim.IsInstanceProxy() else prim
        skin = self.skins.find(prim)
        key = (str(shared.GetPath()), uv_name, _key(skin))
        if key not in self._by_prim:
            if self.memo is not None and skin is None and self.context.unrefined:
                self._by_prim[key] = self._remembered(self.memo, prim, uv_name)
            else:
                data = self._read(prim, uv_name, skin)
                self._by_prim[key] = -1 if data is None else self._add(str(prim.GetPath()), data)
        return self._by_prim[key]

    def _remembered(self, memo: "ShapeMemo", prim: Any, uv_name: str) -> int:
        """As it was read before, where it is the same; else read, and kept for the next time."""
        from twinstage.scene.read.memo import Known

        known, layers, values = memo.find(self.context, prim, uv_name)
        if known is None:
            outer, self.context = self.context, self.context.apart()
            try:
                data = self._read(prim, uv_name, None)
                told = self.context.notes()
            finally:
                self.context = outer
            index = -1 if data is None else self._add(str(prim.GetPath()), data)
            shape = None if index < 0 else self.prototypes[index]
            memo.keep(prim, uv_name, Known(layers, values, shape, told))
        else:
            told, shape = known.told, known.shape
            index = -1 if shape is None else self._known(shape)
        self.context.take(told)
        return index

    def _known(self, shape: Prototype) -> int:
        if shape.hash not in self._by_hash:
            self._by_hash[shape.hash] = len(self.prototypes)
            self.prototypes.append(shape)
        return self._by_hash[shape.hash]

    def _read(self, prim: Any, uv_name: str, skin: Skin | None) -> MeshData | None:
        from pxr import Tf

        path = prim.GetPath()
        try:
            with np.errstate(all="ignore"):  # what is not finite is looked for, not warned of
                data = self._shapes[str(prim.GetTypeName())](self.context, prim, uv_name, skin)
        except Tf.ErrorException:
            self.context.finding("gprim.unreadable", f"{path} is not drawn: OpenUSD cannot read it", path)
            return None
        if data is None:
            return None
        if not (np.isfinite(data.points).all() and np.isfinite(data.normals).all()):
            self.context.finding(
                "gprim.not-finite",
                f"{path} is not drawn: it reaches beyond what single precision holds",
                path,
            )
            return None
        if skin is None:
            check_extent(self.context, prim, data.points)
        return data

    def _add(self, source: str, data: MeshData) -> int:
        known = self._by_identity.get(id(data))
        if known is None:  # the data is kept beside the index, so that its identity stays taken
            known = self._by_identity[id(data)] = (data, self._add_new(source, data))
        return known[1]

    def _add_new(self, source: str, data: MeshData) -> int:
        slot = np.zeros(len(data.triangles), np.int32) if data.slot is None else data.slot
        digest = _hash(data, slot)
        if digest not in self._by_hash:
            self._by_hash[digest] = len(self.prototypes)
            self.prototypes.append(
                Prototype(
                    source=source,
                    hash=digest,
                    points=frozen(data.points, np.float32),
                    normals=frozen(data.normals, np.float32),
                    uv=None if data.uv is None else frozen(data.uv, np.float32),
                    color=None if data.color is None else frozen(data.color, np.float32),
                    triangles=frozen(data.triangles, np.uint32),
                    slot=frozen(slot, np.int32),
                    slots=("", *data.subsets),
                    double_sided=data.double_sided,
                    chord_error=data.chord_error,
                    skin=data.skin,
                    morphs=data.morphs,
                )
            )
        return self._by_hash[digest]


def _key(skin: Skin | None) -> tuple[object, ...]:
    """What tells shapes of one gprim apart; at rest all that its skeletons bend are alike."""
    return () if skin is None else ("rest", skin.key[1]) if skin.at_rest else skin.key


def _hash(data: MeshData, slot: np.ndarray) -> str:
    digest = hashlib.sha256()
    arrays = (
        ("points", data.points, np.float32),
        ("normals", data.normals, np.float32),
        ("uv", data.uv, np.float32),
        ("color", data.color, np.float32),
        ("triangles", data.triangles, np.uint32),
        ("slot", slot, np.int32),
    )
    for name, values, dtype in arrays:
        shape = None if values is None else values.shape
        digest.update(f"{name}{shape};".encode())
        if values is not None:
            digest.update(np.ascontiguousarray(values, dtype).tobytes())
    if data.skin is not None:
        for values in (data.skin.points, data.skin.normals, data.skin.joints, data.skin.weights):
            digest.update(np.ascontiguousarray(values).tobytes())
        digest.update(data.skin.bone_from_gprim.tobytes())
    for morph in data.morphs:
        digest.update(f"{morph.name}{morph.rows.shape}{morph.normals is None};".encode())
        for values in (morph.rows, morph.offsets, morph.normals):
            digest.update(b"" if values is None else np.ascontiguousarray(values).tobytes())
    digest.update(repr((data.subsets, data.double_sided, data.chord_error)).encode())
    return digest.hexdigest()
