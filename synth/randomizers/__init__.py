"""Randomizers by kind. Importing this package registers those that ship; others come by entry point.

Each lives in one small file: a frozen model whose call turns (snapshot, draws) into USD edits.
"""

from twinstage.synth.randomizers import (
    animation,
    articulation,
    background,
    binding,
    camera,
    color,
    context,
    count,
    distractors,
    environment,
    fog,
    light,
    lights,
    material,
    pose,
    scatter,
    sensor,
    settle,
    sun,
    variants,
    visibility,
)
from twinstage.synth.randomizers.base import RANDOMIZERS, Randomizer, Rejected, Setting

__all__ = [
    "RANDOMIZERS",
    "Randomizer",
    "Rejected",
    "Setting",
    "animation",
    "articulation",
    "background",
    "binding",
    "camera",
    "color",
    "context",
    "count",
    "distractors",
    "environment",
    "fog",
    "light",
    "lights",
    "material",
    "pose",
    "scatter",
    "sensor",
    "settle",
    "sun",
    "variants",
    "visibility",
]
