"""Geometry of a document as gprims: meshes, lines, points, shapes, each with extent, normals and bindings. Touches pxr."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from twinstage.assets.importing.clean import CleanMesh, clean_mesh
from twinstage.assets.importing.document import Cloud, Curves, Document, Geometry, Mesh, Primvar, Shape
from twinstage.assets.importing.names import Names, prim_name
from twinstage.assets.importing.usd_author import (
    apply,
    attribute,
    define,
    floats,
    integers,
    matrices,
    relate,
    valid_name,
    vectors,
)
from twinstage.assets.importing.usd_materials import primvar_of

TYPES = {"box": "Cube", "sphere": "Sphere", "cylinder": "Cylinder", "capsule": "Capsule", "cone": "Cone"}
THIN = 0.002
"""Width of lines and points where nobody says one, as a part of the model's size."""


@dataclass(frozen=True)
class Prepared:
    """Geometry ready to write: its USD type, its box f8[2, 3], the mesh or what else it is."""

    kind: str
    box: np.ndarray
    item: Geometry
    mesh: CleanMesh | None = None


def prepare(item: Geometry) -> Prepared | None:
    """What is to be written; None for geometry that draws nothing."""
    if isinstance(item, Mesh):
        mesh = clean_mesh(item)
        return None if mesh is None else Prepared("Mesh", _box(mesh.points), item, mesh)
    if isinstance(item, Shape):
        return None if min(item.size, default=0.0) <= 0 else Prepared(*_shape_box(item), item)
    if not len(item.points):
        return None
    kind = "BasisCurves" if isinstance(item, Curves) else "Points"
    return Prepared(kind, _box(np.asarray(item.points, np.float32)), item)


def write(
    layer: Any, path: str, made: Prepared, materials: Mapping[int, str], *, abstract: bool = False
) -> Any:
    """The gprim at a path; its parent exists. `materials`: paths by number."""
    prim = define(layer, path, made.kind, abstract=abstract)
    if made.mesh is not None and isinstance(made.item, Mesh):
        _write_mesh(layer, prim, made.mesh, made.item, materials)
    elif isinstance(made.item, Curves):
        _write_curves(prim, made.item, made.box)
    elif isinstance(made.item, Cloud):
        _write_cloud(prim, made.item, made.box)
    elif isinstance(made.item, Shape):
        _write_shape(prim, made.item, made.box)
    if made.mesh is None or not made.mesh.subsets:
        bind(prim, materials.get(made.item.material))
    return prim


def bind(prim: Any, material: str | None) -> None:
    """Bind a material by its path."""
    if material is not None:
        apply(prim, "MaterialBindingAPI")
        relate(prim, "material:binding", material)


def _write_mesh(layer: Any, prim: Any, mesh: CleanMesh, item: Mesh, materials: Mapping[int, str]) -> None:
    attribute(prim, "points", "point3f[]", vectors(mesh.points, "Vec3f"))
    attribute(prim, "faceVertexCounts", "int[]", integers(mesh.counts))
    attribute(prim, "faceVertexIndices", "int[]", integers(mesh.indices))
    normals = vectors(mesh.normals, "Vec3f")
    attribute(prim, "normals", "normal3f[]", normals, info={"interpolation": mesh.normals_at})
    attribute(prim, "subdivisionScheme", "token", "none", uniform=True)
    _extent(prim, _box(mesh.points))
    if item.double_sided:
        attribute(prim, "doubleSided", "bool", True, uniform=True)
    for k, (values, indices) in enumerate(mesh.uvs):
        name = f"primvars:{primvar_of(k)}"
        info = {"interpolation": "faceVarying"}
        attribute(prim, name, "texCoord2f[]", vectors(values, "Vec2f"), info=info)
        attribute(prim, f"{name}:indices", "int[]", integers(indices))
    if mesh.colors is not None:
        _write_colors(prim, *mesh.colors)
    if mesh.joints is not None and mesh.weights is not None:
        _write_influences(prim, mesh.joints, mesh.weights)
    if mesh.subsets:
        info = {"familyType": "partition"}
        attribute(prim, "subsetFamily:materialBind:familyType", "token", info["familyType"], uniform=True)
        names = Names()
        for number, called, faces in mesh.subsets:
            text = called or materials.get(number, "").rpartition("/")[2] or "subset"
            name = names.give(valid_name(prim_name(text, "subset"), "subset"))
            subset = define(layer, f"{prim.path}/{name}", "GeomSubset")
            attribute(subset, "elementType", "token", "face", uniform=True)
            attribute(subset, "familyName", "token", "materialBind", uniform=True)
            attribute(subset, "indices", "int[]", integers(faces))
            bind(subset, materials.get(number))


def _write_influences(prim: Any, joints: np.ndarray, weights: np.ndarray) -> None:
    width = joints.shape[1]
    info = {"interpolation": "vertex", "elementSize": width}
    apply(prim, "SkelBindingAPI")
    attribute(prim, "primvars:skel:jointIndices", "int[]", integers(joints.reshape(-1)), info=info)
    attribute(prim, "primvars:skel:jointWeights", "float[]", floats(weights.reshape(-1)), info=info)
    attribute(prim, "primvars:skel:geomBindTransform", "matrix4d", matrices(np.eye(4)[None])[0])


def _write_colors(prim: Any, values: np.ndarray, indices: np.ndarray | None, where: str) -> None:
    info = {"interpolation": where}
    rgb = np.clip(values[:, :3], 0.0, None)
    attribute(prim, "primvars:displayColor", "color3f[]", vectors(rgb, "Vec3f"), info=info)
    if indices is not None:
        attribute(prim, "primvars:displayColor:indices", "int[]", integers(indices))
    if values.shape[1] == 4 and (values[:, 3] < 1).any():
        attribute(prim, "primvars:displayOpacity", "float[]", floats(values[:, 3]), info=info)
        if indices is not None:
            attribute(prim, "primvars:displayOpacity:indices", "int[]", integers(indices))


def _write_curves(prim: Any, item: Curves, box: np.ndarray) -> None:
    attribute(prim, "type", "token", "linear", uniform=True)
    attribute(prim, "wrap", "token", "periodic" if item.closed else "nonperiodic", uniform=True)
    attribute(prim, "points", "point3f[]", vectors(item.points, "Vec3f"))
    attribute(prim, "curveVertexCounts", "int[]", integers(item.counts))
    width = item.width or _thin(box)
    attribute(prim, "widths", "float[]", floats(np.array([width])), info={"interpolation": "constant"})
    _extent(prim, box + np.array([[-width / 2], [width / 2]]))
    if item.colors is not None:
        _write_colors(prim, *_plain(item.colors))


def _write_cloud(prim: Any, item: Cloud, box: np.ndarray) -> None:
    attribute(prim, "points", "point3f[]", vectors(item.points, "Vec3f"))
    if item.widths is not None:
        widths, where = np.asarray(item.widths), "vertex"
    else:
        widths, where = np.array([item.width or _thin(box)]), "constant"
    attribute(prim, "widths", "float[]", floats(widths), info={"interpolation": where})
    half = float(widths.max()) / 2
    _extent(prim, box + np.array([[-half], [half]]))
    if item.normals is not None:
        attribute(prim, "normals", "normal3f[]", vectors(item.normals, "Vec3f"))
    if item.colors is not None:
        _write_colors(prim, *_plain(item.colors))


def _plain(colors: Primvar) -> tuple[np.ndarray, None, str]:
    where = "vertex" if colors.interpolation == "faceVarying" else colors.interpolation
    return np.asarray(colors.flat(), np.float32), None, where


def _write_shape(prim: Any, item: Shape, box: np.ndarray) -> None:
    if item.kind == "box":
        attribute(prim, "size", "double", 1.0)  # its edges are a scale of the prim, see `shape_scale`
    elif item.kind == "sphere":
        attribute(prim, "radius", "double", float(item.size[0]))
    elif item.kind == "plane":
        attribute(prim, "width", "double", float(item.size[0]))
        attribute(prim, "length", "double", float(item.size[1]))
        attribute(prim, "axis", "token", "Z", uniform=True)
    else:
        attribute(prim, "axis", "token", "Z", uniform=True)
        attribute(prim, "radius", "double", float(item.size[0]))
        attribute(prim, "height", "double", float(item.size[1]))
    _extent(prim, box / np.array(shape_scale(item)))


def shape_scale(item: Geometry) -> tuple[float, float, float]:
    """What a prim of the shape is scaled by: a box is a unit cube."""
    if isinstance(item, Shape) and item.kind == "box":
        x, y, z = item.size
        return float(x), float(y), float(z)
    return 1.0, 1.0, 1.0


def _shape_box(item: Shape) -> tuple[str, np.ndarray]:
    if item.kind == "box":
        half = np.array(item.size) / 2
    elif item.kind == "plane":
        return "Plane", np.array([[-0.5], [0.5]]) * np.array([item.size[0], item.size[1], 0.0])
    else:
        radius = item.size[0]
        along = radius if item.kind == "sphere" else item.size[1] / 2
        half = np.array([radius, radius, along + (radius if item.kind == "capsule" else 0.0)])
    return TYPES[item.kind], np.stack([-half, half])


def _thin(box: np.ndarray) -> float:
    return float(np.linalg.norm(box[1] - box[0]) * THIN) or 0.01


def _box(points: np.ndarray) -> np.ndarray:
    return np.stack([points.min(0), points.max(0)]).astype(np.float64)


def _extent(prim: Any, box: np.ndarray) -> None:
    attribute(prim, "extent", "float3[]", vectors(box, "Vec3f"))


def fitted(document: Document, item: Mesh) -> Mesh:
    """A mesh that says what USD keeps on meshes and the document on materials: both sides, and a factor of its colours.

    The factor is that of the materials that read the colours, where they have the same.
    """
    numbers = {subset.material for subset in item.subsets} or {item.material}
    if any(document.materials[n].double_sided for n in numbers if n >= 0):
        item = replace(item, double_sided=True)
    if item.colors is None or -1 in numbers:
        return item
    looks = [document.materials[n] for n in sorted(numbers)]
    factors = {
        look.base_color.value[:3] for look in looks if look.vertex_color and not look.base_color.texture
    }
    if len(factors) != 1 or factors == {(1.0, 1.0, 1.0)}:
        return item
    factor = np.ones(item.colors.values.shape[1])
    factor[:3] = factors.pop()
    return replace(item, colors=replace(item.colors, values=item.colors.values * factor))
