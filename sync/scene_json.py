"""A snapshot as the JSON of `/api/scene`; section 2 of docs/protocol.md. Pure and deterministic.

Nothing of the machine leaves with it: files are named by their last part only.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

import msgspec
import numpy as np

from twinstage.scene.glb import glb_size, primitive_slots
from twinstage.scene.labels import Levels
from twinstage.scene.skins import SkinWeights, bone_boxes
from twinstage.scene.snapshot import Light, Material, Prototype, SceneCamera, Snapshot, Texture, TextureInput
from twinstage.scene.tables import Frames
from twinstage.sync.hub import Scene, SignalMeta
from twinstage.sync.messages import PROTOCOL

_PART = 120_000
_MAGIC = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8", "image/jpeg"),
    (b"\x76\x2f\x31\x01", "image/x-exr"),
    (b"#?", "image/vnd.radiance"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
)


ShapeRows = dict[str, dict[str, Any]]
"""Rows of `prototypes` by hash, which says all that they say."""


def scene_document(scene: Scene, *, tables: bool = True, known: ShapeRows | None = None) -> dict[str, Any]:
    """The document as plain dicts and lists; numbers that are not finite become null when it is encoded.

    tables: with the columns of numbers, and the objects; else without them, for someone who writes them in another way.
    known: rows of an earlier document, which are not worked out again (each looks at all points); those of this one come in.
    """
    snapshot = scene.snapshot
    prims = snapshot.prims
    stage = snapshot.stage
    return {
        "protocol": PROTOCOL,
        "epoch": scene.epoch,
        "revision": scene.revision,
        "stage": {
            "name": PurePath(stage.path).name,
            "hash": stage.hash,
            "metersPerUnit": stage.meters_per_unit,
            "upAxis": stage.up_axis,
            "timeCodesPerSecond": stage.time_codes_per_second,
        },
        "nodes": {
            "count": len(prims),
            "path": list(prims.path),
            "type": list(prims.type_name),
            "kind": list(prims.kind),
            "purpose": list(prims.purpose),
            "label": list(prims.labels),
            **(_lists(node_columns(snapshot)) | {"local": _affine(prims.local)} if tables else {}),
        },
        "points": {
            "count": len(snapshot.points),
            **(_lists(point_columns(snapshot)) | {"local": _affine(snapshot.points.local)} if tables else {}),
        },
        "prototypes": [_prototype_row(one, known) for one in snapshot.prototypes],
        "instances": {
            "count": len(snapshot.instances),
            **(_lists(instance_columns(snapshot)) | {"local": _instance_local(snapshot)} if tables else {}),
        },
        "objects": list(_objects(snapshot)) if tables else [],
        **_skins(snapshot),
        "materialSets": snapshot.material_sets,
        "materials": [_material(material) for material in snapshot.materials],
        "textures": [_texture(texture) for texture in snapshot.textures],
        "cameras": [_camera(camera, prims.path) for camera in snapshot.cameras],
        "lights": [_light(light, prims.path) for light in snapshot.lights],
        "signals": [_signal(signal) for signal in scene.signals],
        "bindings": {path: list(ids) for path, ids in sorted(scene.bindings.items())},
    }


def _signal(signal: SignalMeta) -> dict[str, Any]:
    about: dict[str, Any] = {"id": signal.id, "unit": signal.unit, "type": signal.type}
    if signal.labels:
        about["labels"] = {str(code): name for code, name in sorted(signal.labels.items())}
    return about


def scene_bytes(scene: Scene, known: ShapeRows | None = None) -> bytes:
    """The encoded document; the same scene always gives the same bytes. `known`: as in `scene_document`.

    Column by column: the numbers of a million points as Python objects would take ten times what they take as text.
    """
    snapshot = scene.snapshot
    document = scene_document(scene, tables=False, known=known)
    frames, rows = snapshot.prims.frames, snapshot.instances
    document["nodes"] |= _texts(node_columns(snapshot)) | {"local": _affine_text(frames)}
    document["points"] |= _texts(point_columns(snapshot)) | {"local": _affine_text(snapshot.points.frames)}
    local = None if rows.frames.is_identity else _affine_text(rows.frames)
    document["instances"] |= _texts(instance_columns(snapshot)) | {"local": local}
    document["objects"] = msgspec.Raw(b"[" + b",".join(map(msgspec.json.encode, _objects(snapshot))) + b"]")
    return msgspec.json.encode(document)


def _texts(columns: Mapping[str, np.ndarray]) -> dict[str, Any]:
    return {name: msgspec.Raw(msgspec.json.encode(values.tolist())) for name, values in columns.items()}


def _affine_text(frames: Frames) -> msgspec.Raw:
    """Upper three rows of matrices, row after row, a part at a time."""
    rows = frames.matrices if frames.index is None else frames.matrices[frames.index]
    flat = rows.reshape(-1)
    parts = (msgspec.json.encode(flat[at : at + _PART].tolist())[1:-1] for at in range(0, len(flat), _PART))
    return msgspec.Raw(b"[" + b",".join(parts) + b"]")


def image_type(data: bytes) -> str:
    """Content type of an image file by its first bytes."""
    for magic, name in _MAGIC:
        if data.startswith(magic):
            return name
    return "image/webp" if data[8:12] == b"WEBP" else "application/octet-stream"


def _affine(matrices: np.ndarray) -> list[float]:
    """Upper three rows of matrices [n, 4, 4], row after row."""
    flat: list[float] = matrices[:, :3, :].reshape(-1).tolist()
    return flat


def node_columns(snapshot: Snapshot) -> dict[str, np.ndarray]:
    """The columns of numbers of the prim table, but for the matrices."""
    prims = snapshot.prims
    return {"parent": prims.parent, "resets": prims.resets, "visible": prims.visible, "proxy": prims.proxy}


def point_columns(snapshot: Snapshot) -> dict[str, np.ndarray]:
    """The columns of the point table, but for the matrices."""
    points = snapshot.points
    return {"instancer": points.instancer, "id": points.point_id, "visible": points.visible}


def instance_columns(snapshot: Snapshot) -> dict[str, np.ndarray]:
    """The columns of the instance table, but for the matrices."""
    rows = snapshot.instances
    return {
        "prototype": rows.prototype,
        "node": rows.node,
        "prim": rows.prim,
        "point": rows.point_id,
        "materialSet": rows.material_set,
        "object": rows.object,
        "visible": rows.visible,
    }


def _lists(columns: Mapping[str, np.ndarray]) -> dict[str, Any]:
    return {name: values.tolist() for name, values in columns.items()}


def _instance_local(snapshot: Snapshot) -> list[float] | None:
    rows = snapshot.instances
    return None if rows.frames.is_identity else _affine(rows.local)


def _objects(snapshot: Snapshot) -> Iterator[dict[str, Any]]:
    return (
        {
            "id": i + 1,
            "prim": item.prim,
            "path": item.prim_path,
            "point": item.point_id,
            "class": item.name,
            "labels": item.labels,
            "levels": levels_json(item.levels),
        }
        for i, item in enumerate(snapshot.objects)
    )


def _skins(snapshot: Snapshot) -> dict[str, Any]:
    """Only where there are any: most scenes have none."""
    if not snapshot.skins:
        return {}
    return {"skins": [{"instance": skin.instance, "nodes": skin.nodes} for skin in snapshot.skins]}


def levels_json(levels: Levels) -> list[dict[str, tuple[str, ...]]]:
    """Labels by taxonomy of an object and its labelled ancestors, nearest first."""
    return [dict(groups) for groups in levels]


def _prototype_row(prototype: Prototype, known: ShapeRows | None) -> dict[str, Any]:
    if known is None:
        return _prototype(prototype)
    row = known.get(prototype.hash)
    if row is None:
        row = known[prototype.hash] = _prototype(prototype)
    return row


def _prototype(prototype: Prototype) -> dict[str, Any]:
    points = prototype.points
    bounds = np.concatenate([points.min(0), points.max(0)]).tolist() if len(points) else [0.0] * 6
    return {
        "hash": prototype.hash,
        "url": f"/glb/{prototype.hash}.glb",
        "slots": prototype.slots,
        "primitives": primitive_slots(prototype),
        "vertices": len(points),
        "triangles": len(prototype.triangles),
        "bytes": glb_size(prototype),
        "doubleSided": prototype.double_sided,
        "bounds": bounds,
        **({} if prototype.skin is None else {"skin": _skin(prototype.skin)}),
    }


def _skin(skin: SkinWeights) -> dict[str, Any]:
    return {
        "bones": len(skin.bone_from_gprim),
        "boneFromGprim": _affine(skin.bone_from_gprim),
        "boxes": [None if np.isnan(box).any() else box.tolist() for box in bone_boxes(skin)],
    }


def _material(material: Material) -> dict[str, Any]:
    return {
        "path": material.path,
        "diffuseColor": material.diffuse_color,
        "emissiveColor": material.emissive_color,
        "useSpecularWorkflow": material.use_specular_workflow,
        "specularColor": material.specular_color,
        "metallic": material.metallic,
        "roughness": material.roughness,
        "clearcoat": material.clearcoat,
        "clearcoatRoughness": material.clearcoat_roughness,
        "opacity": material.opacity,
        "opacityThreshold": material.opacity_threshold,
        "ior": material.ior,
        "occlusion": material.occlusion,
        "opacityMode": material.opacity_mode,
        "vertexColor": material.vertex_color,
        "textures": {name: _texture_input(source) for name, source in material.textures},
    }


def _texture_input(source: TextureInput) -> dict[str, Any]:
    return {
        "texture": source.texture,
        "channel": source.channel,
        "wrapS": source.wrap_s,
        "wrapT": source.wrap_t,
        "colorSpace": source.color_space,
        "scale": source.scale,
        "bias": source.bias,
        "uvScale": source.uv_scale,
        "uvRotation": math.degrees(source.uv_rotation),
        "uvTranslation": source.uv_translation,
    }


def _texture(texture: Texture) -> dict[str, Any]:
    return {
        "hash": texture.hash,
        "url": f"/texture/{texture.hash}",
        "type": image_type(texture.data),
        "name": PurePath(texture.path).name,
    }


def _camera(camera: SceneCamera, paths: Sequence[str]) -> dict[str, Any]:
    focal = camera.focal_length
    return {
        "name": camera.name,
        "path": paths[camera.prim],
        "node": camera.prim,
        "projection": camera.projection,
        "focalLength": focal,
        "horizontalAperture": camera.horizontal_aperture,
        "verticalAperture": camera.vertical_aperture,
        "horizontalOffset": camera.horizontal_offset,
        "verticalOffset": camera.vertical_offset,
        "near": camera.near,
        "far": camera.far,
        "verticalFov": 2 * math.atan2(camera.vertical_aperture, 2 * focal),
    }


def _light(light: Light, paths: Sequence[str]) -> dict[str, Any]:
    return {
        "path": paths[light.prim],
        "node": light.prim,
        "kind": light.kind,
        "radiance": light.radiance,
        "normalize": light.normalize,
        "width": light.width,
        "height": light.height,
        "radius": light.radius,
        "length": light.length,
        "angle": light.angle,
        "texture": light.texture if light.texture >= 0 else None,
        "coneAngle": light.shaping.cone_angle if light.shaping else None,
        "coneSoftness": light.shaping.cone_softness if light.shaping else None,
        "nodeFromMap": [value for row in light.node_from_map for value in row],
    }
