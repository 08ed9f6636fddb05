"""Changes to a scene as data: what a producer writes into its own USD layer, and the same applied to a snapshot.

An `Edit` says what USD would hold: stage units, float32 where the attribute is one, so that a snapshot with edits applied
equals the snapshot read from the stage with the authored layer on top (`scene.author` writes it; a test proves it).
Two forms are ours:

- matrices are column-vector, as everywhere outside pxr; the author transposes them;
- on a Material, `inputs:X` means the X of its preview surface, wherever that shader is, and `inputs:X/inputs:Y` the Y of
  the texture that feeds X. Setting a plain `inputs:X` also cuts off a texture that fed it.
  `inputs:X/texture` gives X an image (`TextureUse`), with shaders of the layer's own.
- `material:binding` binds one material to a prim and all below it, stronger than what is bound there.

`variants:<set>` is for the author alone: a snapshot that is edited has to come from the stage with these variants.

Edits hide but never show: `visibility` may be "invisible", and `invisibleIds` may only grow.

What lights and materials have, and how an edit changes them, is in `scene.edit_looks`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from twinstage.base.errors import UserError
from twinstage.scene.camera_edits import CAMERA_TYPES, edited_camera
from twinstage.scene.columns import F8, VisibilityColumns, frozen
from twinstage.scene.edit_looks import (
    BIAS,
    LIGHT_TYPES,
    MATERIAL_TYPES,
    SCALE,
    TEXTURE,
    ImageFile,
    Textures,
    TextureUse,
    blackbody,
    edited_light,
    edited_material,
)
from twinstage.scene.snapshot import Frames, PrimTable, Snapshot, StageInfo

__all__ = [
    "BINDING",
    "LIGHT_TYPES",
    "MATERIAL_TYPES",
    "PROPERTY_TYPES",
    "TRANSFORM",
    "VARIANTS",
    "Edit",
    "EditBatch",
    "EditValue",
    "ImageFile",
    "TextureUse",
    "apply_edits",
    "batch",
    "blackbody",
    "lens_edit",
    "light_edits",
    "stage_world",
    "transform_edit",
    "world_edit",
    "z_up_from_stage",
]

TRANSFORM = "xformOp:transform:randomized"
"""The one op of an edited prim: its full local matrix. The authored ops come back when the layer goes."""

VARIANTS = "variants:"
"""`variants:<set>` selects a variant. No snapshot can follow that: the stage is composed and read again with it."""

BINDING = "material:binding"
"""The path of the material that a prim and all below it wear."""

EditValue = bool | int | float | str | tuple[float, ...] | tuple[int, ...] | ImageFile | TextureUse

PROPERTY_TYPES: Mapping[str, str] = {
    TRANSFORM: "matrix4d",
    "visibility": "token",
    "invisibleIds": "int64[]",
    **CAMERA_TYPES,
}
"""USD type of each property outside shading; lights and materials have tables of their own."""


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
    """A batch; where two edits set the same property, or what feeds the same input of a material, the later one holds."""
    latest: dict[tuple[str, str], Edit] = {}
    for edit in edits:
        for name in _overruled(edit.property):
            latest.pop((edit.prim_path, name), None)
        latest[edit.prim_path, edit.property] = edit
    return EditBatch(tuple(latest[key] for key in sorted(latest)))


def _overruled(name: str) -> tuple[str, ...]:
    """Properties that say nothing once that one is set: an input has a number or an image, and a tint is of one image."""
    if name in MATERIAL_TYPES and not name.endswith((SCALE, BIAS)):
        plain = name.removesuffix(TEXTURE)
        return plain, plain + TEXTURE, plain + SCALE, plain + BIAS
    return ()


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
    material_rows: dict[str, list[int]] = {}  # several where primvars give a material several looks
    for row, material in enumerate(snapshot.materials):
        if material.path:
            material_rows.setdefault(material.path, []).append(row)
    materials, textures = list(snapshot.materials), Textures(snapshot.textures)
    bindings: dict[str, int] = {}
    for path, values in edits.by_prim().items():
        prim = snapshot.prims.index_of.get(path, -1)
        rest = {name: value for name, value in values.items() if not name.startswith(VARIANTS)}
        if TRANSFORM in rest:
            poses[_known(prim, path)] = rest.pop(TRANSFORM)
        if rest.pop("visibility", "inherited") == "invisible":
            hidden.add(_known(prim, path))
        if "invisibleIds" in rest:
            hidden.update(_points(snapshot, _known(prim, path), rest.pop("invisibleIds")))
        if BINDING in rest:
            bindings[snapshot.prims.path[_known(prim, path)]] = _bound(material_rows, rest.pop(BINDING), path)
        if path in material_rows:
            for row in material_rows[path]:
                materials[row] = edited_material(materials[row], rest, textures)
        elif prim in light_row:
            row, unit = light_row[prim], snapshot.stage.meters_per_unit
            lights[row] = edited_light(lights[row], rest, path, unit, textures)
        elif prim in camera_row:
            row = camera_row[prim]
            cameras[row] = edited_camera(cameras[row], path, rest, snapshot.stage)
        elif rest:
            raise UserError(f"{path} has no property {sorted(rest)[0]!r} that an edit can set")
    out = _dressed(_posed(snapshot, poses), bindings)
    if hidden:
        index = frozen(np.array(sorted(hidden)), np.uint32)
        out = out.with_visibility(VisibilityColumns(index, frozen(np.zeros(len(index)), np.bool_)))
    changed = tuple(lights) != snapshot.lights or tuple(materials) != snapshot.materials or bool(bindings)
    return _share_hierarchy(
        snapshot,
        replace(
            out,
            lights=tuple(lights),
            cameras=tuple(cameras),
            materials=tuple(materials),
            textures=textures.all,
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


def _bound(rows: Mapping[str, list[int]], material: Any, path: str) -> int:
    """The row of a material that is to be bound."""
    if material not in rows:
        raise UserError(
            f"{path} cannot wear {material}: the stage has no such material, or nothing in it wears it"
        )
    return rows[material][0]


def _dressed(snapshot: Snapshot, bindings: Mapping[str, int]) -> Snapshot:
    """All gprims at or below those paths with that material (row) on all their slots; the outermost path decides."""
    if not bindings:
        return snapshot
    sets, chosen = list(snapshot.material_sets), np.array(snapshot.instances.material_set)
    index = {row: i for i, row in enumerate(sets)}
    paths = snapshot.prims.path
    for path in sorted(bindings, key=len, reverse=True):
        for row, prim in enumerate(snapshot.instances.prim.tolist()):
            if paths[prim] == path or paths[prim].startswith(path + "/"):
                dress = (bindings[path],) * len(sets[chosen[row]])
                if dress not in index:
                    index[dress] = len(sets)
                    sets.append(dress)
                chosen[row] = index[dress]
    instances = replace(snapshot.instances, material_set=frozen(chosen, np.int32))
    return replace(snapshot, instances=instances, material_sets=tuple(sets))


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
