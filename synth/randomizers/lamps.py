"""What randomizers that bring lights of their own share: where these are, and what they take the place of."""

import re
from collections.abc import Sequence

import numpy as np

from twinstage.base.errors import UserError, did_you_mean
from twinstage.scene.author import NewPrim
from twinstage.scene.columns import F8
from twinstage.scene.edits import Edit, EditValue, stage_world
from twinstage.scene.snapshot import Light, Snapshot
from twinstage.synth.canonical import sha256_hex
from twinstage.synth.paths import editable_prims, matching
from twinstage.synth.randomizers.base import Setting

LIGHTS = "/TwinstageRandomLights"
"""Parent of all lights that randomizers bring; those of a recipe's `lights` are elsewhere, so names cannot meet."""

TURNED_UP = np.array([[1.0, 0, 0, 0], [0, 0, -1.0, 0], [0, 1.0, 0, 0], [0, 0, 0, 1.0]])
"""world_from_dome of a map whose pole (+Y) is the world's up (+Z)."""


def light_path(name: str, part: str = "") -> str:
    """Where a randomizer of that name has its light; `part`: which of several."""
    safe = re.sub(r"\W", "_", name, flags=re.ASCII)
    if safe != name:  # two names must not become one
        safe += f"_{sha256_hex(name.encode())[:8]}"
    return f"{LIGHTS}/_{safe}{part}"


def new_light(
    setting: Setting, path: str, type_name: str, attributes: Sequence[tuple[str, str, EditValue]], world: F8
) -> NewPrim:
    """A light below `LIGHTS`, dark until an edit sets its radiance; sizes in `attributes` are in stage units."""
    pose = tuple(float(v) for v in stage_world(setting.info, world).ravel())
    return NewPrim(path, type_name, pose, (("inputs:intensity", "float", 0.0), *attributes))


def light_at(snapshot: Snapshot, path: str, kind: str, who: str) -> Light:
    """The light at that path. Raises UserError where there is none of that kind."""
    prim = snapshot.prims.index_of.get(path, -1)
    for light in snapshot.lights:
        if light.prim == prim and light.kind == kind:
            return light
    names = [snapshot.prims.path[light.prim] for light in snapshot.lights if light.kind == kind]
    raise UserError(f"{who}: the stage has no {kind} light {path}{did_you_mean(path, names)}")


def hidden(snapshot: Snapshot, patterns: Sequence[str], who: str) -> list[Edit]:
    """Edits that put out the lights that the patterns mean. Raises UserError for a pattern that means none."""
    if not patterns:
        return []
    names = [snapshot.prims.path[light.prim] for light in snapshot.lights]
    for pattern in patterns:
        if not matching([pattern], names):
            raise UserError(f"{who}: no light matches {pattern!r}{did_you_mean(pattern, names)}")
    lights = {light.prim for light in snapshot.lights}
    prims = [prim for prim in editable_prims(snapshot, patterns, who=who) if prim in lights]
    return [Edit(snapshot.prims.path[prim], "visibility", "invisible") for prim in prims]


def shining(at: F8, toward: F8) -> F8:
    """world_from_light f8[4, 4] of a light at `at` [m] whose -Z goes `toward` (a direction)."""
    back = -toward / np.linalg.norm(toward)
    helper = np.array([0.0, 0, 1]) if abs(back[2]) < 0.999 else np.array([1.0, 0, 0])
    right = np.cross(helper, back)
    right /= np.linalg.norm(right)
    out = np.eye(4)
    out[:3, :3] = np.stack([right, np.cross(back, right), back], 1)
    out[:3, 3] = at
    return out


def direction(azimuth: float, elevation: float) -> F8:
    """Unit vector to that azimuth (0 = +X, 90 = +Y) and elevation [degrees]."""
    a, e = np.radians(azimuth), np.radians(elevation)
    return np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
