"""Changes to a scene as data: what a producer writes into its own USD layer, and the same applied to a snapshot.

An `Edit` says what USD would hold: stage units, float32 where the attribute is one, so that a snapshot with edits applied
equals the snapshot read from the stage with the authored layer on top (`scene.author` writes it; a test proves it).
Two forms are ours:

- matrices are column-vector, as everywhere outside pxr; the author transposes them;
- on a Material, `inputs:X` means the X of its preview surface, wherever that shader is, and `inputs:X/inputs:Y` the Y of
  the texture that feeds X. Setting a plain `inputs:X` also cuts off a texture that fed it.

`variants:<set>` is for the author alone: a snapshot that is edited has to come from the stage with these variants.

Edits hide but never show: `visibility` may be "invisible", and `invisibleIds` may only grow.

The only place here that asks pxr is the colour of a black body, so that both sides use USD's own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from twinstage.base.errors import UserError
from twinstage.scene.camera_edits import CAMERA_TYPES, edited_camera
from twinstage.scene.columns import F8, VisibilityColumns, frozen
from twinstage.scene.snapshot import Frames, Light, Material, PrimTable, Snapshot, StageInfo

TRANSFORM = "xformOp:transform:randomized"
"""The one op of an edited prim: its full local matrix. The authored ops come back when the layer goes."""

VARIANTS = "variants:"
"""`variants:<set>` selects a variant. No snapshot can follow that: the stage is composed and read again with it."""

EditValue = bool | int | float | str | tuple[float, ...] | tuple[int, ...]

PROPERTY_TYPES: Mapping[str, str] = {
    TRANSFORM: "matrix4d",
    "visibility": "token",
    "invisibleIds": "int64[]",
    **CAMERA_TYPES,
}
"""USD type of each property outside shading; lights and materials have tables of their own."""

LIGHT_TYPES: Mapping[str, str] = {
    "inputs:color": "color3f",
    "inputs:intensity": "float",
    "inputs:exposure": "float",
    "inputs:enableColorTemperature": "bool",
    "inputs:colorTemperature": "float",
}

MATERIAL_TYPES: Mapping[str, str] = {
    "inputs:diffuseColor": "color3f",
    "inputs:emissiveColor": "color3f",
    "inputs:roughness": "float",
    "inputs:metallic": "float",
    "inputs:opacity": "float",
    "inputs:diffuseColor/inputs:scale": "float4",
}


@dataclass(frozen=True, slots=True)
class Edit:
    """One opinion: a property of a prim, as USD would hold it; `time` None means the default value."""

    prim_path: str
    property: str
    value: EditValue
    time: float | None = None


@dataclass(frozen=True, slots=True)
class EditBatch:
    """Edits in the order (path, property), one each: what a layer can hold."""

    edits: tuple[Edit, ...] = ()

    def __len__(self) -> int:
        return len(self.edits)

    def by_prim(self) -> dict[str, dict[str, EditValue]]:
        """Values by property by prim path."""
        out: dict[str, dict[str, EditValue]] = {}
        for edit in self.edits:
            out.setdefault(edit.prim_path, {})[edit.property] = edit.value
        return out


def batch(edits: Iterable[Edit]) -> EditBatch:
    """A batch; where two edits set the same property, the later one holds."""
    latest = {(e.prim_path, e.property): e for e in edits}
    return EditBatch(tuple(latest[key] for key in sorted(latest)))


# --- making edits -------------------------------------------------------------------------------------------------


def transform_edit(snapshot: Snapshot, prim: int, local: np.ndarray) -> Edit:
    """The edit that gives the prim the local matrix `local` [m, Z-up], f8[4, 4] as in `PrimTable.local`."""
    authored = _stage_local(snapshot, prim, np.asarray(local, np.float64))
    return Edit(snapshot.prims.path[prim], TRANSFORM, tuple(float(v) for v in authored.ravel()))


def world_edit(snapshot: Snapshot, prim: int, world: np.ndarray) -> Edit:
    """The edit that puts the prim at world_from_prim `world` [m, Z-up], f8[4, 4], where its parent is now."""
    parent = int(snapshot.node_parent[prim])
    local = world if parent < 0 else np.linalg.solve(snapshot.node_world[parent], world)
    return transform_edit(snapshot, prim, local)


def lens_edit(snapshot: Snapshot, path: str, focal_length: float) -> Edit:
    """The edit that gives a camera that focal length [mm]; USD holds it in tenths of a stage unit."""
    return Edit(path, "focalLength", focal_length / 100.0 / snapshot.stage.meters_per_unit)


def light_edits(
    path: str, color: tuple[float, float, float], intensity: float, temperature: float | None = None
) -> list[Edit]:
    """Edits that fix a light's radiance whatever is authored: all five inputs are set. `temperature` in kelvin."""
    values: dict[str, EditValue] = {
        "inputs:color": color,
        "inputs:intensity": intensity,
        "inputs:exposure": 0.0,
        "inputs:enableColorTemperature": temperature is not None,
        "inputs:colorTemperature": 6500.0 if temperature is None else temperature,
    }
    return [Edit(path, name, value) for name, value in values.items()]


# --- applying edits -----------------------------------------------------------------------------------------------


def apply_edits(snapshot: Snapshot, edits: EditBatch) -> Snapshot:
    """The snapshot that reading the stage with these edits authored on top would give; unchanged parts are shared.

    Raises UserError for a prim or property that the snapshot does not know.
    """
    poses: dict[int, EditValue] = {}
    hidden: set[int] = set()
    lights, cameras = list(snapshot.lights), list(snapshot.cameras)
    light_row = {light.prim: row for row, light in enumerate(lights)}
    camera_row = {camera.prim: row for row, camera in enumerate(cameras)}
    material_row = {m.path: row for row, m in enumerate(snapshot.materials) if m.path}
    materials = list(snapshot.materials)
    for path, values in edits.by_prim().items():
        prim = snapshot.prims.index_of.get(path, -1)
        rest = {name: value for name, value in values.items() if not name.startswith(VARIANTS)}
        if TRANSFORM in rest:
            poses[_known(prim, path)] = rest.pop(TRANSFORM)
        if rest.pop("visibility", "inherited") == "invisible":
            hidden.add(_known(prim, path))
        if "invisibleIds" in rest:
            hidden.update(_points(snapshot, _known(prim, path), rest.pop("invisibleIds")))
        if path in material_row:
            row = material_row[path]
            materials[row] = _material(materials[row], rest)
        elif prim in light_row:
            lights[light_row[prim]] = _light(lights[light_row[prim]], rest, path)
        elif prim in camera_row:
            row = camera_row[prim]
            cameras[row] = edited_camera(cameras[row], path, rest, snapshot.stage)
        elif rest:
            raise UserError(f"{path} has no property {sorted(rest)[0]!r} that an edit can set")
    out = _posed(snapshot, poses)
    if hidden:
        index = frozen(np.array(sorted(hidden)), np.uint32)
        out = out.with_visibility(VisibilityColumns(index, frozen(np.zeros(len(index)), np.bool_)))
    changed = tuple(lights) != snapshot.lights or tuple(materials) != snapshot.materials
    return _share_hierarchy(
        snapshot,
        replace(
            out,
            lights=tuple(lights),
            cameras=tuple(cameras),
            materials=tuple(materials),
            revision=snapshot.revision + int(changed),
        ),
    )


def _known(prim: int, path: str) -> int:
    if prim < 0:
        raise UserError(f"there is no prim {path} to edit")
    return prim


def _points(snapshot: Snapshot, instancer: int, ids: Any) -> list[int]:
    """Nodes of the instancer's points with those ids."""
    rows = np.flatnonzero((snapshot.points.instancer == instancer) & np.isin(snapshot.points.point_id, ids))
    return [len(snapshot.prims) + int(row) for row in rows]


def _f4(value: Any) -> float:
    """The float32 that a USD float attribute would hold."""
    return float(np.float32(value))


def _f4s(values: Any) -> tuple[float, ...]:
    return tuple(float(v) for v in np.asarray(values, np.float32))


def _posed(snapshot: Snapshot, poses: Mapping[int, EditValue]) -> Snapshot:
    if not poses:
        return snapshot
    rows = list(poses)
    matrices = [np.array(poses[prim], np.float64).reshape(4, 4) for prim in rows]
    local = [_snapshot_local(snapshot, prim, matrix) for prim, matrix in zip(rows, matrices, strict=True)]
    frames = snapshot.prims.frames.replaced(np.array(rows, np.int64), np.array(local))
    return replace(snapshot, prims=_with_frames(snapshot.prims, frames))


def _with_frames(prims: PrimTable, frames: Frames) -> PrimTable:
    out = replace(prims, frames=frames)
    if "index_of" in prims.__dict__:
        out.__dict__["index_of"] = prims.index_of
    return out


def _share_hierarchy(old: Snapshot, new: Snapshot) -> Snapshot:
    """Parents did not change, so neither did what is cached about them."""
    for name in ("_levels", "node_parent"):
        if name in old.__dict__:
            new.__dict__[name] = old.__dict__[name]
    return new


def _light(light: Light, values: Mapping[str, EditValue], path: str) -> Light:
    if not values:
        return light
    if set(values) != set(LIGHT_TYPES):
        odd = sorted(set(values) ^ set(LIGHT_TYPES))[0]
        raise UserError(f"{path}: an edit of a light sets all of {', '.join(LIGHT_TYPES)} (see {odd})")
    color = np.array(_f4s(values["inputs:color"]))
    if values["inputs:enableColorTemperature"]:
        color = color * np.array(blackbody(_f4(values["inputs:colorTemperature"])))
    radiance = color * _f4(values["inputs:intensity"]) * 2.0 ** _f4(values["inputs:exposure"])
    return replace(light, radiance=(float(radiance[0]), float(radiance[1]), float(radiance[2])))


def blackbody(kelvin: float) -> tuple[float, float, float]:
    """Linear rgb of a black body, luminance 1, as UsdLux defines it."""
    from pxr import UsdLux

    r, g, b = UsdLux.BlackbodyTemperatureAsRgb(kelvin)
    return float(r), float(g), float(b)


_MATERIAL_FIELDS = {
    "inputs:diffuseColor": "diffuse_color",
    "inputs:emissiveColor": "emissive_color",
    "inputs:roughness": "roughness",
    "inputs:metallic": "metallic",
    "inputs:opacity": "opacity",
}


def _material(material: Material, values: Mapping[str, EditValue]) -> Material:
    for name, value in values.items():
        if name == "inputs:diffuseColor/inputs:scale":
            material = _tinted(material, _f4s(value))
        elif name in _MATERIAL_FIELDS:
            new = _f4s(value) if isinstance(value, tuple) else _f4(value)
            textures = tuple(t for t in material.textures if t[0] != name.removeprefix("inputs:"))
            material = replace(material, textures=textures, **{_MATERIAL_FIELDS[name]: new})  # type: ignore[arg-type]
        else:
            raise UserError(f"material {material.path} has no input {name!r} that an edit can set")
    return material


def _tinted(material: Material, scale: tuple[float, ...]) -> Material:
    if material.texture("diffuseColor") is None:
        raise UserError(f"material {material.path} has no texture on diffuseColor to tint")
    rgba = (scale[0], scale[1], scale[2], scale[3])
    textures = tuple((n, replace(t, scale=rgba) if n == "diffuseColor" else t) for n, t in material.textures)
    return replace(material, textures=textures)


# --- units and axes -----------------------------------------------------------------------------------------------


def z_up_from_stage(up_axis: str) -> F8:
    """f8[4, 4] that turns the stage's up axis to Z: (x, y, z) -> (x, -z, y) for Y-up, identity for Z-up."""
    if up_axis.upper() != "Y":
        return np.eye(4)
    return np.array([[1.0, 0, 0, 0], [0, 0, -1.0, 0], [0, 1.0, 0, 0], [0, 0, 0, 1.0]])


def stage_world(info: StageInfo, world: np.ndarray) -> F8:
    """A world matrix [m, Z-up] of a root prim in stage units and axes, column-vector f8[4, 4]."""
    turned = z_up_from_stage(info.up_axis).T @ np.asarray(world, np.float64)
    turned[:3, 3] /= info.meters_per_unit
    return turned


def _hangs_off_world(snapshot: Snapshot, prim: int) -> bool:
    return bool(snapshot.node_parent[prim] < 0)


def _stage_local(snapshot: Snapshot, prim: int, local: np.ndarray) -> F8:
    if _hangs_off_world(snapshot, prim):
        return stage_world(snapshot.stage, local)
    out = np.array(local, np.float64)
    out[:3, 3] /= snapshot.stage.meters_per_unit
    return out


def _snapshot_local(snapshot: Snapshot, prim: int, authored: np.ndarray) -> F8:
    """The inverse of `_stage_local`."""
    out = np.array(authored, np.float64)
    out[:3, 3] *= snapshot.stage.meters_per_unit
    return z_up_from_stage(snapshot.stage.up_axis) @ out if _hangs_off_world(snapshot, prim) else out
