"""Cameras and lights of a snapshot in glTF's words (KHR_lights_punctual). numpy and plain data only.

UsdLux tells a radiance (taken as nits), glTF the illuminance of directional lights [lx] and the luminous intensity of the
others [cd]: a lamp small against its distance has radiance times projected area, and a distant light radiance times the
solid angle of its disk. Area lights shine as spots of half a sphere, domes not at all: both are told.
"""

import math
from typing import Any

import numpy as np

from twinstage.base.finding import Finding
from twinstage.scene.glb_builder import GlbBuilder
from twinstage.scene.snapshot import Light, SceneCamera, Snapshot

_KHR = "KHR_lights_punctual"


def add_cameras(
    builder: GlbBuilder, snapshot: Snapshot, nodes: dict[int, int], findings: list[Finding]
) -> None:
    """Give the nodes of camera prims their cameras."""
    for camera in snapshot.cameras:
        path = snapshot.prims.path[camera.prim]
        entry = _camera(camera)
        if entry is None:
            text = f"camera {path} has no field of view or clipping range that glTF can hold; it is left out"
            findings.append(Finding("gltf.camera", "warning", path, text))
            continue
        if camera.horizontal_offset or camera.vertical_offset:
            text = f"camera {path} has an aperture offset, which glTF cannot hold; its picture is centred"
            findings.append(Finding("gltf.camera-offset", "warning", path, text))
        builder.get("nodes")[nodes[camera.prim]]["camera"] = builder.add("cameras", entry)


def _camera(camera: SceneCamera) -> dict[str, Any] | None:
    width, height = camera.horizontal_aperture, camera.vertical_aperture
    numbers = (width, height, camera.focal_length, camera.near, camera.far)
    if not all(math.isfinite(x) for x in numbers) or min(width, height) <= 0:
        return None
    near, far = max(camera.near, 1e-6), camera.far
    if far <= near:
        return None
    if camera.projection == "orthographic":
        # An aperture of an orthographic camera is tenths of a stage unit, as a length; half of it is glTF's magnitude.
        lens: dict[str, Any] = {"xmag": width / 2000.0, "ymag": height / 2000.0, "znear": near, "zfar": far}
        return {"type": "orthographic", "name": camera.name, "orthographic": lens}
    if camera.focal_length <= 0:
        return None
    lens = {
        "aspectRatio": width / height,
        "yfov": 2.0 * math.atan(height / 2.0 / camera.focal_length),
        "znear": near,
        "zfar": far,
    }
    return {"type": "perspective", "name": camera.name, "perspective": lens}


def add_lights(
    builder: GlbBuilder, snapshot: Snapshot, nodes: dict[int, int], findings: list[Finding]
) -> None:
    """Give the nodes of lights their lamps."""
    lamps: list[dict[str, Any]] = []
    for light in snapshot.lights:
        if light.prim not in nodes:
            continue
        path = snapshot.prims.path[light.prim]
        lamp = _lamp(light)
        if lamp is None:
            text = f"{path} is a {light.kind} light, which glTF has not; it is left out"
            findings.append(Finding("gltf.light", "info", path, text))
            continue
        if light.kind in ("rect", "disk", "cylinder"):
            text = f"{path} is a {light.kind} light; glTF has points and spots only, so it shines from its middle"
            findings.append(Finding("gltf.light", "info", path, text))
        entry = builder.get("nodes")[nodes[light.prim]]
        entry.setdefault("extensions", {})[_KHR] = {"light": len(lamps)}
        lamps.append({"name": path.rpartition("/")[2], **lamp})
    if lamps:
        builder.extensions.add(_KHR)
        builder.root_extensions[_KHR] = {"lights": lamps}


def _lamp(light: Light) -> dict[str, Any] | None:
    radiance = np.nan_to_num(np.maximum(np.asarray(light.radiance, np.float64), 0.0))
    top = float(radiance.max())
    color = [1.0, 1.0, 1.0] if top == 0 else (radiance / top).tolist()
    if light.kind == "distant":
        solid = math.pi * math.sin(light.angle / 2.0) ** 2
        strength = top if light.normalize or light.angle <= 0 else top * solid
        return {"type": "directional", "color": color, "intensity": strength}
    areas = {
        "sphere": (math.pi * light.radius**2, 4.0 * math.pi * light.radius**2),
        "rect": (light.width * light.height,) * 2,
        "disk": (math.pi * light.radius**2,) * 2,
        "cylinder": (2.0 * light.radius * light.length, 2.0 * math.pi * light.radius * light.length),
    }
    if light.kind not in areas:
        return None
    projected, surface = areas[light.kind]
    strength = top * projected
    if light.normalize:
        strength = strength / surface if surface > 0 else top
    out: dict[str, Any] = {"type": "point", "color": color, "intensity": strength}
    if light.kind in ("rect", "disk"):
        out |= {"type": "spot", "spot": {"innerConeAngle": 0.0, "outerConeAngle": math.pi / 2}}
    return out
