"""UsdGeomPoints -> a small sphere for each point."""

from typing import Any

import numpy as np

from twinstage.scene.read.context import ReadContext
from twinstage.scene.read.fields import fitting, read_color, read_points, read_widths
from twinstage.scene.read.geometry import MeshData
from twinstage.scene.read.skel import Skin
from twinstage.scene.tessellate import ball

MAX_TRIANGLES = 1_000_000
QUALITIES = ((24, 12), (12, 6), (8, 4), (4, 2))
"""Segments a turn and rings from pole to pole, best first."""


def read_point_cloud(
    context: ReadContext, prim: Any, uv_name: str = "", skin: Skin | None = None
) -> MeshData | None:
    """The spheres of a Points prim, or None with a finding; coarser, and then fewer, where there are very many points."""
    points = read_points(context, prim, skin)
    if points is None:
        return None
    path, number = prim.GetPath(), len(points)
    counts = {"constant": 1, "uniform": 1, "vertex": number, "varying": number}
    found = read_widths(context, prim, points)
    widths = fitting(context, prim, "widths", found, counts)
    if widths is not None and widths.interpolation in ("vertex", "varying"):
        radius = widths.values[:number, 0] / 2
    else:
        radius = np.full(number, found.values[0, 0] / 2)
    color = read_color(context, prim)
    color = color and fitting(context, prim, "displayColor", color, counts)
    keep = np.flatnonzero(np.isfinite(points).all(1) & (radius > 0))
    if len(keep) < number:
        context.finding(
            "points.left-out",
            f"{path}: {number - len(keep)} points without a place or a width are left out",
            path,
        )
    if len(keep) == 0:
        return None
    for segments, rings in QUALITIES:
        template = ball(segments, rings)
        every = -(-len(keep) * len(template.triangles) // MAX_TRIANGLES)
        if every == 1:
            break
    if every > 1:
        context.finding(
            "points.many",
            f"{path}: one of {every} points is drawn, to stay below {MAX_TRIANGLES:,} triangles",
            path,
        )
        keep = keep[::every]
    centres, sizes = points[keep], radius[keep]
    size = len(template.points)
    scale = context.conversion.scale
    flag = prim.GetAttribute("doubleSided")
    per_point = color is not None and color.interpolation in ("vertex", "varying")
    return MeshData(
        points=((centres[:, None] + template.points * sizes[:, None, None]) * scale)
        .reshape(-1, 3)
        .astype(np.float32),
        normals=np.tile(template.normals, (len(keep), 1)).astype(np.float32),
        triangles=(np.arange(len(keep))[:, None, None] * size + template.triangles)
        .reshape(-1, 3)
        .astype(np.uint32),
        color=np.repeat(color.values[keep], size, 0).astype(np.float32) if color and per_point else None,
        double_sided=bool(flag and flag.Get(context.time)),
        chord_error=float(np.float32(template.chord_error * sizes.max() * scale)),
    )
