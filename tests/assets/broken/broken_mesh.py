"""Operators that break meshes. Each picks a mesh of the layer and one number or list in it."""

from collections.abc import Callable
from typing import Any

import numpy as np
from broken_bases import Copy, Fault, Operator

Lists = dict[str, np.ndarray]
"""points f8[n, 3], counts i8[f], indices i8[c] of a mesh."""


def _value(spec: Any, name: str) -> Any:
    attribute = spec.attributes.get(name)
    if attribute is None:
        return None
    times = spec.layer.ListTimeSamplesForPath(attribute.path)
    return None if times else attribute.default


def _lists(spec: Any) -> Lists | None:
    raw = {n: _value(spec, n) for n in ("points", "faceVertexCounts", "faceVertexIndices")}
    if any(v is None or (len(v) < 3 and n != "faceVertexCounts") for n, v in raw.items()):
        return None
    return {
        "points": np.array(raw["points"], np.float64).reshape(-1, 3),
        "counts": np.array(raw["faceVertexCounts"], np.int64),
        "indices": np.array(raw["faceVertexIndices"], np.int64),
    }


def _set(spec: Any, name: str, kind: str, value: Any) -> Any:
    from pxr import Sdf, Vt

    attribute = spec.attributes.get(name)
    if attribute is None:
        attribute = Sdf.AttributeSpec(spec, name, getattr(Sdf.ValueTypeNames, kind))
    arrays = {
        "IntArray": Vt.IntArray,
        "FloatArray": Vt.FloatArray,
        "Point3fArray": Vt.Vec3fArray,
        "Float3Array": Vt.Vec3fArray,
    }
    array = np.ascontiguousarray(value, np.int32 if kind == "IntArray" else np.float32)
    attribute.default = arrays[kind].FromNumpy(array)
    return attribute


def on_mesh(
    codes: tuple[str, ...],
) -> Callable[[Callable[[Copy, Any, Lists], "tuple[str, str] | None"]], Operator]:
    """An operator out of a function that breaks one mesh and gives (place below the mesh or "", what was done)."""

    def make(function: Callable[[Copy, Any, Lists], "tuple[str, str] | None"]) -> Operator:
        def operator(copy: Copy) -> Fault | None:
            layer = copy.layer()
            meshes = [(s, m) for s in copy.specs(layer, "Mesh") if (m := _lists(s)) is not None]
            copy.rng.shuffle(meshes)
            for spec, lists in meshes:
                done = function(copy, spec, lists)
                if done is not None:
                    name = str(spec.name)
                    copy.save(layer)
                    return Fault(
                        function.__name__, frozenset(codes), (done[0] or name,), f"{name}: {done[1]}"
                    )
            return None

        operator.__name__ = function.__name__
        return operator

    return make


@on_mesh(("mesh.index-range",))
def index_out_of_range(copy: Copy, spec: Any, mesh: Lists) -> tuple[str, str]:
    at, value = (
        copy.rng.randrange(len(mesh["indices"])),
        copy.rng.choice([-1, len(mesh["points"]), 10**6, 2**31 - 1]),
    )
    mesh["indices"][at] = value
    _set(spec, "faceVertexIndices", "IntArray", mesh["indices"])
    return "", f"corner {at} = {value}"


@on_mesh(("mesh.counts",))
def counts_do_not_add_up(copy: Copy, spec: Any, mesh: Lists) -> tuple[str, str]:
    at, by = copy.rng.randrange(len(mesh["counts"])), copy.rng.choice([1, -1, -100, 1000, 2 * 10**9])
    mesh["counts"][at] += by
    _set(spec, "faceVertexCounts", "IntArray", mesh["counts"])
    return "", f"face {at} by {by}"


@on_mesh(("mesh.counts",))
def indices_cut_off(copy: Copy, spec: Any, mesh: Lists) -> tuple[str, str]:
    keep = copy.rng.randrange(1, len(mesh["indices"]))
    _set(spec, "faceVertexIndices", "IntArray", mesh["indices"][:keep])
    return "", f"{keep} of {len(mesh['indices'])} corners"


@on_mesh(("mesh.not-finite",))
def point_not_finite(copy: Copy, spec: Any, mesh: Lists) -> tuple[str, str]:
    at, value = copy.rng.randrange(len(mesh["points"])), copy.rng.choice([np.nan, np.inf, -np.inf])
    mesh["points"][at, copy.rng.randrange(3)] = value
    _set(spec, "points", "Point3fArray", mesh["points"])
    return "", f"point {at} = {value}"


@on_mesh(("mesh.huge",))
def point_at_1e30(copy: Copy, spec: Any, mesh: Lists) -> tuple[str, str]:
    at, value = copy.rng.randrange(len(mesh["points"])), copy.rng.choice([1e30, -1e20, 1e14, 3e38])
    mesh["points"][at] = value
    _set(spec, "points", "Point3fArray", mesh["points"])
    return "", f"point {at} = {value}"


@on_mesh(("mesh.far", "mesh.huge", "stage.far"))
def mesh_far_from_origin(copy: Copy, spec: Any, mesh: Lists) -> tuple[str, str]:
    metres = spec.layer.pseudoRoot.GetInfo("metersPerUnit") or 0.01
    away = copy.rng.choice([3e5, 7e6]) / metres
    away = max(away, 30 * float(np.ptp(mesh["points"], axis=0).max()))
    mesh["points"][:, copy.rng.randrange(3)] += away
    _set(spec, "points", "Point3fArray", mesh["points"])
    return "", f"{away:g} units away"


@on_mesh(("mesh.degenerate", "mesh.zero-area"))
def all_points_the_same(copy: Copy, spec: Any, mesh: Lists) -> tuple[str, str]:
    mesh["points"][:] = mesh["points"][copy.rng.randrange(len(mesh["points"]))]
    _set(spec, "points", "Point3fArray", mesh["points"])
    return "", "one place"


@on_mesh(("mesh.zero-area", "mesh.degenerate"))
def faces_without_area(copy: Copy, spec: Any, mesh: Lists) -> tuple[str, str]:
    axis = copy.rng.randrange(3)
    other = (axis + 1) % 3
    mesh["points"][:, [axis, other]] = mesh["points"][0, [axis, other]]
    _set(spec, "points", "Point3fArray", mesh["points"])
    return "", "flattened to a line"


@on_mesh(("mesh.repeated-corner", "mesh.few-corners"))
def face_uses_a_point_twice(copy: Copy, spec: Any, mesh: Lists) -> tuple[str, str]:
    starts = np.cumsum(mesh["counts"]) - mesh["counts"]
    at = int(starts[copy.rng.randrange(len(starts))])
    mesh["indices"][at + 1] = mesh["indices"][at]
    _set(spec, "faceVertexIndices", "IntArray", mesh["indices"])
    return "", f"corner {at}"


@on_mesh(("mesh.duplicate-face",))
def face_twice(copy: Copy, spec: Any, mesh: Lists) -> tuple[str, str] | None:
    if any(n.startswith("primvars:") for n in spec.attributes.keys()) or spec.nameChildren:  # noqa: SIM118
        return None
    starts = np.cumsum(mesh["counts"]) - mesh["counts"]
    at = copy.rng.randrange(len(starts))
    face = mesh["indices"][starts[at] : starts[at] + mesh["counts"][at]]
    _set(spec, "faceVertexIndices", "IntArray", np.r_[mesh["indices"], face])
    _set(spec, "faceVertexCounts", "IntArray", np.r_[mesh["counts"], len(face)])
    return "", f"face {at}"


@on_mesh(("mesh.few-corners",))
def face_of_two_corners(copy: Copy, spec: Any, mesh: Lists) -> tuple[str, str] | None:
    if any(n.startswith("primvars:") for n in spec.attributes.keys()) or spec.nameChildren:  # noqa: SIM118
        return None
    _set(spec, "faceVertexIndices", "IntArray", np.r_[mesh["indices"], mesh["indices"][:2]])
    _set(spec, "faceVertexCounts", "IntArray", np.r_[mesh["counts"], 2])
    return "", "one more face"


@on_mesh(("mesh.unused-points",))
def loose_points(copy: Copy, spec: Any, mesh: Lists) -> tuple[str, str] | None:
    rest = [n for n in spec.attributes.keys() if n.startswith("primvars:") or n == "normals"]  # noqa: SIM118
    if rest:
        return None
    more = mesh["points"].mean(0) + np.zeros((copy.rng.randrange(1, 20), 3))
    _set(spec, "points", "Point3fArray", np.r_[mesh["points"], more])
    return "", f"{len(more)} points"


@on_mesh(("mesh.flipped-faces", "mesh.winding"))
def some_faces_turned(copy: Copy, spec: Any, mesh: Lists) -> tuple[str, str] | None:
    if len(mesh["counts"]) < 6:
        return None
    starts = np.cumsum(mesh["counts"]) - mesh["counts"]
    share = copy.rng.uniform(0.1, 0.5)
    shared = 0
    for at, (start, count) in enumerate(zip(starts, mesh["counts"], strict=True)):
        if copy.rng.random() < share or at == 0:
            rows = slice(start, start + count)
            mesh["indices"][rows] = mesh["indices"][rows][::-1]
            shared += 1
    if shared == len(starts) or not _connected(mesh):
        return None
    _set(spec, "faceVertexIndices", "IntArray", mesh["indices"])
    return "", f"{shared} faces"


def _connected(mesh: Lists) -> bool:
    """Whether most faces share points with others: a soup of triangles has no inside."""
    return len(np.unique(mesh["indices"])) < 0.8 * len(mesh["indices"])


@on_mesh(("mesh.winding",))
def all_faces_turned(copy: Copy, spec: Any, mesh: Lists) -> tuple[str, str] | None:
    scheme = spec.attributes.get("subdivisionScheme")
    normals = spec.attributes.get("normals") or spec.attributes.get("primvars:normals")
    if normals is None or scheme is None or scheme.default != "none":
        return None
    from pxr import Sdf

    if "geometryWindings" in copy.root.name:
        return None  # some of its meshes are turned already: turned again, they are right
    orientation = spec.attributes.get("orientation")
    if orientation is None:
        orientation = Sdf.AttributeSpec(spec, "orientation", Sdf.ValueTypeNames.Token, Sdf.VariabilityUniform)
    orientation.default = "rightHanded" if orientation.default == "leftHanded" else "leftHanded"
    return "", "orientation"


@on_mesh(("extent.wrong",))
def extent_wrong(copy: Copy, spec: Any, mesh: Lists) -> tuple[str, str]:
    low, high = mesh["points"].min(0), mesh["points"].max(0)
    size = max(float((high - low).max()), 1e-3)
    kind = copy.rng.choice(["small", "inverted", "moved", "huge"])
    middle = (low + high) / 2
    box = {
        "small": [middle - (middle - low) * 0.5, middle + (high - middle) * 0.5],
        "inverted": [high + size, low - size],
        "moved": [low + 3 * size, high + 3 * size],
        "huge": [low - 100 * size, high + 100 * size],
    }[kind]
    _set(spec, "extent", "Float3Array", np.array(box))
    return "", kind


@on_mesh(("mesh.normals",))
def normals_broken(copy: Copy, spec: Any, mesh: Lists) -> tuple[str, str] | None:
    name = "primvars:normals" if spec.attributes.get("primvars:normals") else "normals"
    values = _value(spec, name)
    if values is None or len(values) < 3:
        return None
    array = np.array(values, np.float64)
    value = copy.rng.choice([0.0, np.nan, np.inf])
    array[copy.rng.randrange(len(array))] = value
    from pxr import Vt

    spec.attributes[name].default = Vt.Vec3fArray.FromNumpy(array.astype(np.float32))
    return "", f"a normal = {value}"


@on_mesh(("primvar.length",))
def uv_of_wrong_length(copy: Copy, spec: Any, mesh: Lists) -> tuple[str, str] | None:
    from pxr import Vt

    for name in list(spec.attributes.keys()):
        attribute = spec.attributes[name]
        if not name.startswith("primvars:") or name.endswith(":indices") or attribute.default is None:
            continue
        indices = spec.attributes.get(f"{name}:indices")
        if attribute.GetInfo("interpolation") in ("constant", None, "") or "skel" in name:
            continue
        if indices is not None and hasattr(indices.default, "__len__"):
            array = np.array(indices.default, np.int32)
            cut = copy.rng.randrange(1, len(array)) if len(array) > 1 else 0
            if not cut:
                continue
            indices.default = Vt.IntArray.FromNumpy(array[:cut])
        elif indices is None and hasattr(attribute.default, "__len__") and len(attribute.default) > 1:
            attribute.default = type(attribute.default)(list(attribute.default)[:-1])
        else:
            continue
        return name, "cut"
    return None


@on_mesh(("primvar.index-range",))
def uv_index_out_of_range(copy: Copy, spec: Any, mesh: Lists) -> tuple[str, str] | None:
    from pxr import Vt

    for name in list(spec.attributes.keys()):
        attribute = spec.attributes[name]
        if not name.startswith("primvars:") or not name.endswith(":indices") or attribute.default is None:
            continue
        if not hasattr(attribute.default, "__len__") or not len(attribute.default):
            continue  # blocked, or empty
        array = np.array(attribute.default, np.int32)
        array[copy.rng.randrange(len(array))] = copy.rng.choice([-1, 10**6])
        attribute.default = Vt.IntArray.FromNumpy(array)
        return name.removesuffix(":indices"), "an index"
    return None


@on_mesh(("mesh.hole-range",))
def hole_out_of_range(copy: Copy, spec: Any, mesh: Lists) -> tuple[str, str]:
    value = copy.rng.choice([-1, len(mesh["counts"]), 10**6])
    _set(spec, "holeIndices", "IntArray", [value])
    return "", f"hole {value}"


@on_mesh(("mesh.crease",))
def crease_broken(copy: Copy, spec: Any, mesh: Lists) -> tuple[str, str]:
    kind = copy.rng.choice(["index", "lengths", "sharpness"])
    last = len(mesh["points"]) - 1
    _set(spec, "creaseIndices", "IntArray", [0, last + 5 if kind == "index" else last])
    _set(spec, "creaseLengths", "IntArray", [3 if kind == "lengths" else 2])
    _set(spec, "creaseSharpnesses", "FloatArray", [2.0] * (4 if kind == "sharpness" else 1))
    return "", kind


@on_mesh(("mesh.corner",))
def corner_broken(copy: Copy, spec: Any, mesh: Lists) -> tuple[str, str]:
    kind = copy.rng.choice(["index", "sharpness"])
    _set(spec, "cornerIndices", "IntArray", [len(mesh["points"]) if kind == "index" else 0])
    _set(spec, "cornerSharpnesses", "FloatArray", [2.0] * (2 if kind == "sharpness" else 1))
    return "", kind


@on_mesh(("subset.range",))
def subset_out_of_range(copy: Copy, spec: Any, mesh: Lists) -> tuple[str, str]:
    from pxr import Sdf, Vt

    subset = Sdf.PrimSpec(spec, "BrokenSubset", Sdf.SpecifierDef, "GeomSubset")
    for name, value in (("elementType", "face"), ("familyName", "materialBind")):
        Sdf.AttributeSpec(subset, name, Sdf.ValueTypeNames.Token, Sdf.VariabilityUniform).default = value
    faces = [copy.rng.choice([-1, len(mesh["counts"]), 10**6])]
    Sdf.AttributeSpec(subset, "indices", Sdf.ValueTypeNames.IntArray).default = Vt.IntArray(faces)
    return "", f"face {faces[0]}"


@on_mesh(("token.invalid", "primvar.interpolation"))
def word_misspelt(copy: Copy, spec: Any, mesh: Lists) -> tuple[str, str]:
    from pxr import Sdf

    name, value = copy.rng.choice(
        [("subdivisionScheme", "catmullclark"), ("orientation", "lefthanded"), ("purpose", "rendering"),
         ("visibility", "hidden"), ("interpolateBoundary", "edges"), ("subdivisionScheme", "smooth")]
    )  # fmt: skip
    attribute = spec.attributes.get(name)
    if attribute is None:
        attribute = Sdf.AttributeSpec(spec, name, Sdf.ValueTypeNames.Token, Sdf.VariabilityUniform)
    attribute.default = value
    return "", f"{name} = {value}"


MESH: tuple[Operator, ...] = (
    index_out_of_range, counts_do_not_add_up, indices_cut_off, point_not_finite, point_at_1e30, mesh_far_from_origin,
    all_points_the_same, faces_without_area, face_uses_a_point_twice, face_twice, face_of_two_corners, loose_points,
    some_faces_turned, all_faces_turned, extent_wrong, normals_broken, uv_of_wrong_length, uv_index_out_of_range,
    hole_out_of_range, crease_broken, corner_broken, subset_out_of_range, word_misspelt,
)  # fmt: skip
