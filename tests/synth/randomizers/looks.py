"""What tests of materials and lights share."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from twinstage.scene.snapshot import Light, Material, Snapshot
from twinstage.synth.frame import FrameMaker

MakeYard = Callable[..., tuple[FrameMaker, Path]]

POSTER = """
def Mesh "Poster" (prepend apiSchemas = ["MaterialBindingAPI"])
{
    int[] faceVertexCounts = [4]
    int[] faceVertexIndices = [0, 1, 2, 3]
    point3f[] points = [(-1, 3.9, 0.5), (1, 3.9, 0.5), (1, 3.9, 1.5), (-1, 3.9, 1.5)]
    texCoord2f[] primvars:st = [(0, 0), (1, 0), (1, 1), (0, 1)] (interpolation = "vertex")
    uniform token subdivisionScheme = "none"
    rel material:binding = </Yard/Looks/Printed>
}
"""
"""Cubes have no texture coordinates; this has."""


def light_of(snapshot: Snapshot, path: str) -> Light:
    return next(light for light in snapshot.lights if snapshot.prims.path[light.prim] == path)


def material_of(snapshot: Snapshot, path: str) -> Material:
    return next(m for m in snapshot.materials if m.path == path)


def save(folder: Path, name: str, value: tuple[int, int, int]) -> str:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", (8, 4), value).save(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()
