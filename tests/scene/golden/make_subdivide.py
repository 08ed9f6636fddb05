"""Makes subdivide.json with Blender's OpenSubdiv: `python tests/scene/golden/make_subdivide.py` where `bpy` 5.0 is installed.

Development only (bpy is GPL); the tests read the numbers. Blender takes a crease of c as a sharpness of 10 * c * c.
"""

import json
import math
from pathlib import Path

import bpy

CUBE = {
    "points": [[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)],
    "faces": [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]],
}
SHEET = {
    "points": [[x, y, math.sin(1.3 * x + 0.7 * y)] for y in range(4) for x in range(4)],
    "faces": [
        [4 * y + x, 4 * y + x + 1, 4 * y + x + 5, 4 * y + x + 4]
        for y in range(3)
        for x in range(3)
        if (x, y) != (2, 2)
    ],
}
HOUSE = {  # a pentagonal prism with a triangle taken off one quad
    "points": [
        [0, 0, 0],
        [2, 0, 0],
        [2, 1.5, 0],
        [1, 2.5, 0.2],
        [0, 1.5, 0],
        [0, 0, 1.5],
        [2, 0, 1.5],
        [2, 1.5, 1.5],
        [1, 2.5, 1.7],
        [0, 1.5, 1.5],
    ],
    "faces": [
        [4, 3, 2, 1, 0],
        [5, 6, 7, 8, 9],
        [0, 1, 6, 5],
        [1, 2, 7, 6],
        [2, 3, 8, 7],
        [3, 4, 9, 8],
        [4, 0, 5],
        [4, 5, 9],
    ],
}


def curved(p: int, shift: float) -> list:
    """A uv for a point of the sheet, not linear in it."""
    x, y = p % 4, p // 4
    return [x * 0.2 + shift + 0.01 * y**2, y * 0.25 + 0.02 * x**2]


def sheet_uv() -> list:
    """A seam between the columns x = 0 and x = 1, elsewhere joined."""
    out = []
    for face in SHEET["faces"]:
        left = min(p % 4 for p in face) == 0
        out.append(
            [
                [
                    p % 4 * 0.2 + (0.5 if left else 0.0) + 0.01 * (p // 4) ** 2,
                    p // 4 * 0.25 + 0.02 * (p % 4) ** 2,
                ]
                for p in face
            ]
        )
    return out


def islands_uv() -> list:
    """Face (0, 0) and face (1, 0) apart from all others: a junction of three, and an island's corner in a concave place."""
    out = []
    for k, face in enumerate(SHEET["faces"]):
        shift = {0: 2.0, 1: -2.0}.get(k, 0.0)
        out.append(
            [[p % 4 * 0.2 + shift + 0.01 * (p // 4) ** 2, p // 4 * 0.25 + 0.02 * (p % 4) ** 2] for p in face]
        )
    return out


BOUNDARY = {"edgeAndCorner": "PRESERVE_CORNERS", "edgeOnly": "ALL"}
UV = {
    "none": "SMOOTH_ALL",
    "cornersOnly": "PRESERVE_CORNERS",
    "cornersPlus1": "PRESERVE_CORNERS_AND_JUNCTIONS",
    "cornersPlus2": "PRESERVE_CORNERS_JUNCTIONS_AND_CONCAVE",
    "boundaries": "PRESERVE_BOUNDARIES",
    "all": "NONE",
}


def case(
    cage, level, *, limit, boundary="edgeAndCorner", creases=(), corners=(), uv=None, fvar="cornersPlus1"
):
    mesh = bpy.data.meshes.new("m")
    mesh.from_pydata(cage["points"], [], cage["faces"])
    if creases:
        layer = mesh.attributes.new("crease_edge", "FLOAT", "EDGE")
        for a, b, sharpness in creases:
            for e in mesh.edges:
                if set(e.vertices) == {a, b}:
                    layer.data[e.index].value = math.sqrt(sharpness / 10)
    if corners:
        layer = mesh.attributes.new("crease_vert", "FLOAT", "POINT")
        for v, sharpness in corners:
            layer.data[v].value = math.sqrt(sharpness / 10)
    if uv:
        layer = mesh.uv_layers.new(name="st")
        for loop, value in zip(layer.data, [v for f in uv for v in f], strict=True):
            loop.uv = value
    thing = bpy.data.objects.new("o", mesh)
    bpy.context.collection.objects.link(thing)
    modifier = thing.modifiers.new("s", "SUBSURF")
    modifier.levels = level
    modifier.quality = 10
    modifier.use_limit_surface = limit
    modifier.boundary_smooth = BOUNDARY[boundary]
    modifier.uv_smooth = UV[fvar]
    made = thing.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
    rows = []
    layer = made.uv_layers["st"].data if uv else None
    for polygon in made.polygons:
        for k in polygon.loop_indices:
            row = tuple(round(c, 5) for c in made.vertices[made.loops[k].vertex_index].co)
            rows.append((*row, *(round(c, 5) for c in layer[k].uv)) if uv else row)
    return {
        "points": cage["points"],
        "faces": cage["faces"],
        "level": level,
        "limit": limit,
        "boundary": boundary,
        "creases": list(creases),
        "corners": list(corners),
        "uv": uv,
        "face_varying": fvar,
        "rows": [list(r) for r in sorted(set(rows))],
    }


RIM = [(0, 1), (1, 3), (3, 2), (2, 0)]
CASES = {
    "cube": case(CUBE, 2, limit=True),
    "cube refined": case(CUBE, 2, limit=False),
    "cube crease": case(CUBE, 2, limit=True, creases=[(a, b, 10.0) for a, b in RIM]),
    "cube semi-sharp": case(CUBE, 2, limit=False, creases=[(a, b, 1.5) for a, b in RIM]),
    "cube semi-sharp 3 at a corner": case(
        CUBE, 2, limit=False, creases=[(0, 1, 1.5), (0, 2, 0.6), (0, 4, 2.4)]
    ),
    "cube soft crease": case(CUBE, 2, limit=True, creases=[(a, b, 0.7) for a, b in RIM]),
    "cube semi-sharp limit": case(
        CUBE, 1, limit=True, creases=[(0, 1, 2.6), (0, 2, 1.2), (0, 4, 2.4), (4, 6, 3.0)]
    ),
    "cube corner": case(CUBE, 2, limit=False, corners=[(7, 10.0), (0, 1.3)]),
    "cube dart": case(CUBE, 2, limit=False, creases=[(0, 1, 10.0)]),
    "sheet corners": case(SHEET, 2, limit=True),
    "sheet edges": case(SHEET, 2, limit=True, boundary="edgeOnly"),
    "house": case(HOUSE, 2, limit=True),
    "house refined": case(HOUSE, 1, limit=False),
    **{f"uv {k}": case(SHEET, 2, limit=True, uv=sheet_uv(), fvar=k) for k in UV},
    **{f"islands {k}": case(SHEET, 1, limit=True, uv=islands_uv(), fvar=k) for k in list(UV)[:5]},
    "uv edges cornersOnly": case(
        SHEET, 2, limit=True, boundary="edgeOnly", uv=sheet_uv(), fvar="cornersOnly"
    ),
}
Path(__file__).with_name("subdivide.json").write_text(json.dumps(CASES, separators=(",", ":")) + "\n")
print({k: len(v["rows"]) for k, v in CASES.items()})
