"""Engines that make pictures: `path` and `direct` (Mitsuba 3), `raycast` (Embree and numpy), `null` (flat colours)."""

from twinstage.render.engines.base import ENGINES, Engine, EngineSettings, Expecting, FromHits, open_engine
from twinstage.render.engines.bpy import BpyEngine
from twinstage.render.engines.mitsuba import DirectEngine, PathEngine
from twinstage.render.engines.null import NullEngine
from twinstage.render.engines.raycast import RaycastEngine

__all__ = [
    "ENGINES",
    "BpyEngine",
    "DirectEngine",
    "Engine",
    "EngineSettings",
    "Expecting",
    "FromHits",
    "NullEngine",
    "PathEngine",
    "RaycastEngine",
    "open_engine",
]
