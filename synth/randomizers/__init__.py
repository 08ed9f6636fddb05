"""Randomizers by kind. Importing this package registers those that ship; others come by entry point.

Each lives in one small file: a frozen model whose call turns (snapshot, draws) into USD edits.
"""

from twinstage.synth.randomizers import (
    articulation,
    background,
    binding,
    camera,
    camera_path,
    color,
    environment,
    fog,
    lens,
    light,
    lights,
    material,
    pose,
    sensor,
    settle,
    shutter,
    sun,
    visibility,
)
from twinstage.synth.randomizers.base import RANDOMIZERS, Randomizer, Rejected, Setting

__all__ = [
    "RANDOMIZERS",
    "Randomizer",
    "Rejected",
    "Setting",
    "articulation",
    "background",
    "binding",
    "camera",
    "camera_path",
    "color",
    "environment",
    "fog",
    "lens",
    "light",
    "lights",
    "material",
    "pose",
    "sensor",
    "settle",
    "shutter",
    "sun",
    "visibility",
]
