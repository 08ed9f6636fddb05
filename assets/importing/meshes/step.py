"""STEP and IGES: tessellated by OpenCASCADE (package `cascadio`, extra `cad`), which gives GLB bytes in metres; read here.

The axes stay those of the CAD file (Z up by habit), and its units are honoured. Curved faces become
triangles within a tolerance.
"""

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from twinstage.assets.importing.document import Transform
from twinstage.assets.importing.meshes.build import Builder
from twinstage.assets.importing.meshes.files import Files
from twinstage.assets.importing.meshes.shape import Indexed, Look, Shape
from twinstage.base.errors import UserError

_TYPES = {5121: "u1", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
KINDS: dict[str, Literal["step", "iges"]] = {".step": "step", ".stp": "step", ".igs": "iges", ".iges": "iges"}


@dataclass(slots=True)
class _Glb:
    tree: dict[str, Any]
    buffer: bytes
    meshes: dict[int, int] = field(default_factory=dict)

    def rows(self, number: int) -> np.ndarray:
        accessor = self.tree["accessors"][number]
        view = self.tree["bufferViews"][accessor["bufferView"]]
        width, kind = _WIDTHS[accessor["type"]], np.dtype(_TYPES[accessor["componentType"]])
        start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
        stride = view.get("byteStride", width * kind.itemsize)
        return np.ndarray(
            (accessor["count"], width), kind, self.buffer, start, (stride, kind.itemsize)
        ).astype(np.float64 if kind.kind == "f" else np.int64)


def load_step(
    file: Path, data: bytes, files: Files, builder: Builder, tolerance_mm: float, angle_rad: float
) -> str:
    """Add the parts of a CAD file; the generator's name. Raises UserError where OpenCASCADE reads nothing of it."""
    try:
        import cascadio
    except ImportError:
        raise UserError(
            f"{file}: STEP and IGES need the package cascadio; install it with: pip install 'twinstage[cad]'"
        ) from None
    kind = KINDS[file.suffix.lower()]
    if kind == "step" and b"ISO-10303-21" not in data[:4096]:
        raise UserError(f"{file} is no STEP file: it does not begin with ISO-10303-21")
    try:
        glb = cascadio.load(
            data,
            kind,
            tol_linear=tolerance_mm,
            tol_angular=angle_rad,
            use_parallel=False,
            merge_primitives=True,
        )
    except RuntimeError as problem:
        raise UserError(f"{file}: OpenCASCADE cannot read it ({problem})") from None
    if len(glb) < 28:
        raise UserError(f"{file}: OpenCASCADE cannot read it, or it holds no solids or surfaces")
    size = struct.unpack_from("<I", glb, 12)[0]
    tree = json.loads(glb[20 : 20 + size])
    parsed = _Glb(tree, glb[28 + size :])
    materials = [builder.look(_look(m), files) for m in tree.get("materials", [])]
    scene = tree.get("scenes", [{}])[tree.get("scene", 0)]
    for root in scene.get("nodes", []):
        _node(parsed, root, -1, builder, materials, file.stem, 0)
    return str(tree.get("asset", {}).get("generator", ""))


def _look(material: dict[str, Any]) -> Look:
    rgba = material.get("pbrMetallicRoughness", {}).get("baseColorFactor", [0.8, 0.8, 0.8, 1.0])
    return Look(
        material.get("name", "material"),
        color=(rgba[0], rgba[1], rgba[2]),
        opacity=float(rgba[3]),
        roughness=0.5,
        two_sided=False,
    )


def _node(
    glb: _Glb, number: int, parent: int, builder: Builder, materials: list[int], stem: str, depth: int
) -> None:
    if depth > 200:
        raise UserError(f"{stem}: its assembly is more than 200 levels deep")
    node = glb.tree["nodes"][number]
    matrix = np.array(node["matrix"], np.float64).reshape(4, 4).T if "matrix" in node else None
    w = node.get("rotation", (0.0, 0.0, 0.0, 1.0))
    place = Transform(
        tuple(node.get("translation", (0.0, 0.0, 0.0))),
        (w[3], w[0], w[1], w[2]),
        tuple(node.get("scale", (1.0, 1.0, 1.0))),
        matrix,
    )
    name = node.get("name") or stem
    mesh = _mesh(glb, node["mesh"], builder, materials, name) if "mesh" in node else -1
    here = builder.node(name, parent, place, geometry=mesh)
    for child in node.get("children", []):
        _node(glb, child, here, builder, materials, stem, depth + 1)


def _mesh(glb: _Glb, number: int, builder: Builder, materials: list[int], name: str) -> int:
    if number in glb.meshes:
        return glb.meshes[number]
    mesh = glb.tree["meshes"][number]
    points, normals, indices, material = [], [], [], []
    total = 0
    for primitive in mesh.get("primitives", []):
        if primitive.get("mode", 4) != 4 or "indices" not in primitive:
            continue
        here = glb.rows(primitive["attributes"]["POSITION"])
        points.append(here)
        normals.append(glb.rows(primitive["attributes"]["NORMAL"]))
        found = glb.rows(primitive["indices"])[:, 0]
        indices.append(found + total)
        total += len(here)
        chosen = primitive.get("material", -1)
        material.append(np.full(len(found) // 3, materials[chosen] if chosen >= 0 else -1, np.int64))
    if not points:
        return -1
    corners = np.concatenate(indices)
    # Faces of the solid share their edges' points, which come once for each face.
    rows = np.ascontiguousarray(np.concatenate(points)) + 0.0
    keys = rows.view(np.dtype((np.void, rows.dtype.itemsize * 3))).reshape(-1)
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    shape = Shape(
        name=mesh.get("name") or name,
        points=rows[first],
        counts=np.full(len(corners) // 3, 3, np.int64),
        indices=inverse.reshape(-1)[corners],
        normals=Indexed(np.concatenate(normals), corners),
        material=np.concatenate(material),
    )
    glb.meshes[number] = builder.shape(shape, range(len(builder.materials)), name)
    return glb.meshes[number]
