"""Cameras, lights, bound materials, uv coordinates and colours: what pxr says, against a snapshot. Lines as in `compare`."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from pxr import UsdGeom, UsdLux, UsdShade

from conformance.compare import line
from conformance.oracle import Oracle, quiet
from conformance.surfaces import surfaces
from twinstage.scene.snapshot import Snapshot

LIGHTS = (
    "DomeLight",
    "DomeLight_1",
    "DistantLight",
    "RectLight",
    "DiskLight",
    "SphereLight",
    "CylinderLight",
)


def differences(snapshot: Snapshot, oracle: Oracle, name: str) -> list[str]:
    """Everything that the snapshot says otherwise than pxr about looks; empty where they agree."""
    sides = (cameras, lights, materials, surfaces, primvars)
    with quiet():
        return [f"{name} | {text}" for side in sides for text in side(snapshot, oracle)]


def cameras(snapshot: Snapshot, oracle: Oracle) -> Iterator[str]:
    """Every UsdGeomCamera: projection, lens (as ratios), clipping and focus, from UsdGeom.Camera.GetCamera."""
    ours = {snapshot.prims.path[c.prim]: c for c in snapshot.cameras}
    theirs = {path: prim for path, prim in oracle.prims.items() if prim.IsA(UsdGeom.Camera)}
    for path in sorted(ours.keys() ^ theirs.keys()):
        yield line(path, "camera", path in theirs, path in ours)
    for path, prim in theirs.items():
        if path not in ours:
            continue
        got, camera = ours[path], UsdGeom.Camera(prim).GetCamera(oracle.time)
        size = camera.horizontalAperture
        expected = np.array(
            [
                camera.verticalAperture / size,
                camera.focalLength / size,
                camera.horizontalApertureOffset / size,
                camera.verticalApertureOffset / size,
                camera.clippingRange.min * oracle.scale,
                camera.clippingRange.max * oracle.scale,
                camera.focusDistance * oracle.scale,
                camera.fStop,
            ]
        )
        found = np.array(
            [
                got.vertical_aperture / got.horizontal_aperture,
                got.focal_length / got.horizontal_aperture,
                got.horizontal_offset / got.horizontal_aperture,
                got.vertical_offset / got.horizontal_aperture,
                got.near,
                got.far,
                got.focus_distance,
                got.f_stop,
            ]
        )
        if not np.allclose(found, expected, rtol=1e-5, atol=1e-9, equal_nan=True):
            yield line(path, "camera numbers", expected, found)
        if (got.projection == "orthographic") != (str(camera.projection).endswith("Orthographic")):
            yield line(path, "projection", camera.projection, got.projection)


def lights(snapshot: Snapshot, oracle: Oracle) -> Iterator[str]:
    """Every UsdLux light: its power (colour, intensity, exposure, temperature), sizes in metres, normalize."""
    ours = {snapshot.prims.path[x.prim]: x for x in snapshot.lights if x.kind != "mesh"}
    theirs = {path: prim for path, prim in oracle.prims.items() if str(prim.GetTypeName()) in LIGHTS}
    for path in sorted(ours.keys() ^ theirs.keys()):
        yield line(path, "light", path in theirs, path in ours)
    for path in theirs.keys() & ours.keys():
        yield from _light(path, theirs[path], ours[path], oracle)


def _light(path: str, prim: Any, got: Any, oracle: Oracle) -> Iterator[str]:
    api, time = UsdLux.LightAPI(prim), oracle.time
    power = np.array(api.GetColorAttr().Get(time), np.float64)
    power *= api.GetIntensityAttr().Get(time) * 2.0 ** api.GetExposureAttr().Get(time)
    if api.GetEnableColorTemperatureAttr().Get(time):
        power *= np.array(UsdLux.BlackbodyTemperatureAsRgb(api.GetColorTemperatureAttr().Get(time)))
    older = any(_older(prim, name) for name in ("color", "intensity", "exposure", "enableColorTemperature"))
    if not older and not np.allclose(got.radiance, power, rtol=2e-2, atol=1e-6):
        yield line(path, "radiance", power, np.array(got.radiance))
    if not _older(prim, "normalize") and bool(got.normalize) != bool(api.GetNormalizeAttr().Get(time)):
        yield line(path, "normalize", not got.normalize, got.normalize)
    for name in ("width", "height", "radius", "length"):
        attribute = prim.GetAttribute(f"inputs:{name}")
        if attribute and got.kind in ("rect", "disk", "sphere", "cylinder") and not _older(prim, name):
            expected = attribute.Get(time) * oracle.scale
            if expected > 0 and not np.isclose(getattr(got, name), expected, rtol=1e-6):
                yield line(path, name, expected, getattr(got, name))


def _older(prim: Any, name: str) -> bool:
    """Whether a light uses a name from before `inputs:`, which UsdLux of today does not see."""
    today, older = prim.GetAttribute(f"inputs:{name}"), prim.GetAttribute(name)
    return bool(older and older.HasAuthoredValue() and not (today and today.HasAuthoredValue()))


def materials(snapshot: Snapshot, oracle: Oracle) -> Iterator[str]:
    """The material of every gprim that is drawn for itself, from MaterialBindingAPI.ComputeBoundMaterial."""
    rows = np.flatnonzero(snapshot.instances.point_id < 0).tolist()
    for k in rows:
        path = snapshot.prims.path[snapshot.instances.prim[k]]
        prim = oracle.prims[path]
        slots = snapshot.prototypes[snapshot.instances.prototype[k]].slots
        indices = snapshot.material_sets[snapshot.instances.material_set[k]]
        whole = _bound(prim)
        for slot, index in zip(slots, indices, strict=False):
            child = prim.GetChild(slot) if slot else prim
            own = _bound(child) if child else {""}
            expected = whole if own == {""} else own
            got = snapshot.materials[index].path
            if expected.isdisjoint({got, got.rpartition("/")[2]} if got else {""}):
                yield line(f"{path} {slot}".strip(), "bound material", expected, got or "none")


def _bound(prim: Any) -> set[str]:
    """Paths of the material for previews and full pictures; names, too, where it lies in an instance; "" for none."""
    out = set()
    for purpose in (UsdShade.Tokens.preview, UsdShade.Tokens.full):
        material, _ = UsdShade.MaterialBindingAPI(prim).ComputeBoundMaterial(purpose)
        out.add(str(material.GetPath()) if material else "")
        if material and (material.GetPrim().IsInstanceProxy() or material.GetPrim().IsInPrototype()):
            out.add(str(material.GetPrim().GetName()))
    return out


def primvars(snapshot: Snapshot, oracle: Oracle) -> Iterator[str]:
    """Of polygon meshes: doubleSided, and the pairs of point and `st`, point and displayColor over all corners of faces."""
    done: set[int] = set()
    for k in np.flatnonzero(snapshot.instances.point_id < 0).tolist():
        index = int(snapshot.instances.prototype[k])
        prototype = snapshot.prototypes[index]
        path = snapshot.prims.path[snapshot.instances.prim[k]]
        prim = oracle.prims[path]
        shape = oracle.shapes.of(prim)
        if index in done or shape.rule != "exact" or shape.skinned:
            continue
        done.add(index)
        sided = bool(UsdGeom.Gprim(prim).GetDoubleSidedAttr().Get(oracle.time))
        if sided != prototype.double_sided:
            yield line(path, "doubleSided", sided, prototype.double_sided)
        for name, column in (("st", prototype.uv), ("displayColor", prototype.color)):
            expected = _corners(prim, oracle, name, 2 if name == "st" else 3)
            if expected is None or column is None:
                continue
            got = np.concatenate([prototype.points, column], 1)[prototype.triangles.reshape(-1)]
            a, b = _rows(expected), _rows(got)
            if a != b:
                yield line(
                    path, f"corners (point, {name})", len(a), f"{len(b)}, of them {len(a & b)} the same"
                )


def _corners(prim: Any, oracle: Oracle, name: str, width: int) -> np.ndarray | None:
    """(point, primvar) of each corner of the faces that are drawn, f8[n, 3 + width]."""
    mesh, time = UsdGeom.Mesh(prim), oracle.time
    primvar = UsdGeom.PrimvarsAPI(prim).FindPrimvarWithInheritance(name)
    flat = primvar.ComputeFlattened(time) if primvar and primvar.HasValue() else None
    values = np.array(flat, np.float64) if flat is not None else np.empty(0)
    if values.ndim != 2 or values.shape[1] != width:
        return None
    counts = np.array(mesh.GetFaceVertexCountsAttr().Get(time), np.int64)
    indices = np.array(mesh.GetFaceVertexIndicesAttr().Get(time), np.int64)
    face = np.repeat(np.arange(len(counts)), counts)
    element = {
        "constant": np.zeros_like(indices),
        "uniform": face,
        "faceVarying": np.arange(len(indices)),
    }.get(str(primvar.GetInterpolation()), indices)
    if len(values) <= element.max(initial=-1):
        return None
    holes = np.array(mesh.GetHoleIndicesAttr().Get(time) or [], np.int64)
    keep = (counts >= 3)[face] & ~np.isin(face, holes)
    points = np.array(mesh.GetPointsAttr().Get(time), np.float64)[indices] * oracle.scale
    return np.concatenate([points, values[element]], 1)[keep]


def _rows(values: np.ndarray) -> set[bytes]:
    return {row.tobytes() for row in np.ascontiguousarray(values.astype(np.float32) + np.float32(0))}
