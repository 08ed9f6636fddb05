"""Blender's own USD import as the third opinion: instance masks of what it draws against those of the label pass.

Blender reads with a USD of its own and evaluates its own scene; its triangles, in world space, are cast by Mitsuba from the
same cameras. So a wrong matrix in the snapshot, which both labels and the second opinion start from, cannot hide. Which of
Blender's drawings an instance is, its prim path says, never where it lies.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from conformance.blender import OTHERWISE, comparable
from conformance.reading import Library

from exactness import ours
from exactness.casting import Piece, Soup, pieces_of
from exactness.survey import eyes
from exactness.verdict import iou
from twinstage.render.engines.bpy_link import find_python
from twinstage.scene.columns import frozen

HERE = Path(__file__).resolve().parent
IOU = 0.995
"""Least intersection over union of an instance's masks."""

PIXELS = 100
"""From this size on instances are compared."""

TIE = 1e-5
"""Relative distance within which two of Blender's surfaces are in one place: it keeps world points in float32."""

BESIDE = 1e-4
"""The same a thousandth of a pixel beside, on a surface seen at a low angle."""

NUDGES = ((0.0, 0.0), (1e-3, 0.0), (-1e-3, 0.0), (0.0, 1e-3), (0.0, -1e-3))
"""How far beside a pixel's centre a border may run that float32 cannot tell from it [px]."""

KNOWN = {
    "features/usd_optimize/timesampledAttributes.usda": "Blender cuts its left-handed quads, which are not flat, along the "
    "other diagonal; 3 pixels of a mask of 298 show it",
}
"""Stages that differ for a reason of Blender's."""

SHORT = (
    "industrial/aws_small_warehouse/small_warehouse.usda",
    "features/usd_optimize/editStageMetrics_pointInstancer.usda",
    "features/usdz/CesiumMan/CesiumMan.usdz",
)
"""Native instances in metres; a left-handed PointInstancer in centimetres, Y-up; skinned."""


def drawings(
    stages: Sequence[Path], python: Path, timeout: float = 600
) -> list[list[tuple[Piece, dict[str, Any]]]]:
    """What Blender draws of each stage: triangles in the world, and what its paths say; all in one process."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    with tempfile.TemporaryDirectory() as folder:
        command = [str(python), str(HERE / "bpy_objects.py"), folder, *map(str, stages)]
        run = subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=environment)
        if run.returncode != 0:
            raise RuntimeError(f"Blender's import ended with {run.returncode}: {run.stderr[-2000:]}")
        return [_read(Path(folder), number) for number in range(len(stages))]


def _read(folder: Path, number: int) -> list[tuple[Piece, dict[str, Any]]]:
    names = json.loads((folder / f"{number}.json").read_text())
    with np.load(folder / f"{number}.npz") as data:
        points, triangles, owner = data["points"], data["triangles"], data["owner"]
    out = []
    for k, name in enumerate(names):
        used, corners = np.unique(triangles[owner == k], return_inverse=True)
        if len(used):
            faces = corners.reshape(-1, 3)
            out.append((Piece(k, points[used], faces, np.zeros(len(faces), np.int64)), name))
    return out


def same(ours_path: str, source: str, point: int, theirs: dict[str, Any]) -> bool:
    """Whether one of Blender's drawings is that instance, by their paths alone.

    Without instancing the paths are equal, but for the prim /root that Blender wraps what it writes in and unwraps. An
    instance's path begins with that of the object that instances, and ends as
    the object inside it; a point's prototype (`source`) ends so.
    """
    path, parent = theirs["path"], theirs["parent"]
    if not parent:
        return point < 0 and ours_path in (path, f"/root{path}")
    inside = path.rpartition("/")[2]
    if point < 0:
        return ours_path == parent + path or (
            ours_path.startswith(parent + "/") and ours_path.endswith("/" + inside)
        )
    below = ours_path == parent or ours_path.startswith(parent + "/")
    return below and source.endswith("/" + inside)


def meshes_only(snapshot: Any) -> Any:
    """The snapshot without what Blender was told to leave out: gprims that are no meshes."""
    types = [snapshot.prims.type_name[snapshot.prims.index_of[p.source]] for p in snapshot.prototypes]
    mesh = np.array([name == "Mesh" for name in types] + [False])
    table = snapshot.instances
    shown = frozen(table.visible & mesh[table.prototype], np.bool_)
    return replace(snapshot, instances=replace(table, visible=shown))


def agreement(
    snapshot: Any, drawn: list[tuple[Piece, dict[str, Any]]], size: tuple[int, int]
) -> dict[str, Any]:
    """One row: how many instances were compared in all views, the least IoU, and what must not be."""
    out: dict[str, Any] = {
        "instances": 0,
        "compared": 0,
        "least": 1.0,
        "ties": 0,
        "pixels": 0,
        "problems": [],
    }
    snapshot = meshes_only(snapshot)
    table = snapshot.instances
    paths = [snapshot.prims.path[k] for k in table.prim.tolist()]
    sources = [snapshot.prototypes[k].source for k in table.prototype.tolist()]
    candidates = {
        row: [
            piece.owner
            for piece, name in drawn
            if same(paths[row], sources[row], int(table.point_id[row]), name)
        ]
        for row in np.flatnonzero(table.visible).tolist()
    }
    met: set[int] = set()
    for name, eye in eyes(pieces_of(snapshot), *size).items():
        mine = ours.instances(ours.labels(snapshot, eye)).ravel()
        soup = Soup.of([piece for piece, _ in drawn], np.linalg.inv(eye.pose))
        local = replace(eye, pose=np.eye(4))
        rays = [local.rays(eye.grid() + nudge) for nudge in NUDGES]
        cast = soup.cast(*rays[0], eye.near)
        theirs = np.where(cast.t <= eye.far, cast.owner, -1)
        taken: set[int] = set()
        for row in np.unique(mine[mine >= 0]).tolist():
            if np.count_nonzero(mine == row) <= PIXELS:
                continue
            best, ties = _best(
                soup, rays, cast.t, mine == row, theirs, [c for c in candidates[row] if c not in taken]
            )
            taken.add(best[1])
            met.add(row)
            out["compared"] += 1
            out["ties"] += ties
            out["pixels"] += int(np.count_nonzero(mine == row))
            out["least"] = min(out["least"], best[0])
            if best[0] < IOU:
                where = f"{paths[row]} ({int(table.point_id[row])})"
                out["problems"].append(f"{name}: {where} has an IoU of {best[0]:.4f} with Blender's")
        for owner in np.unique(theirs[theirs >= 0]).tolist():
            if owner not in taken and np.count_nonzero((theirs == owner) & (mine < 0)) > PIXELS:
                out["problems"].append(f"{name}: Blender draws {drawn[0][1]} where labels have nothing")
    out["instances"] = len(met)
    return out


def _best(
    soup: Soup,
    rays: Sequence[tuple[np.ndarray, np.ndarray]],
    t: np.ndarray,
    mask: np.ndarray,
    theirs: np.ndarray,
    owners: Sequence[int],
) -> tuple[tuple[float, int], int]:
    """The drawing that fits best of those that may be it: (IoU, drawing), and pixels that were ties.

    A tie: there, or a thousandth of a pixel beside, the drawing alone is hit where something else is seen.
    """
    found, lost = (0.0, -1), 0
    for owner in owners:
        if not (mask & (theirs == owner)).any():
            continue
        differ = np.flatnonzero(mask != (theirs == owner))
        ties = np.zeros(len(mask), bool)
        only = soup.kept(soup.owner == owner)
        for k, (origin, direction) in enumerate(rays if len(differ) else ()):
            alone = only.cast(origin[differ], direction[differ]).t
            with np.errstate(invalid="ignore"):
                ties[differ] |= np.isfinite(alone) & (
                    np.abs(alone - t[differ]) <= (BESIDE if k else TIE) * t[differ]
                )
        value = iou(mask & ~ties, (theirs == owner) & ~ties)
        if value > found[0]:
            found, lost = (value, owner), int(ties.sum())
    return found, lost


def fitting(assets: Path, names: Sequence[str]) -> list[str]:
    """Those stages that draw polygon meshes only and that Blender reads as pxr does (see conformance.blender)."""
    library = Library(assets)
    out = [name for name in names if name not in OTHERWISE and comparable(library.read(name))]
    library.close()
    return out


def compared(assets: Path, names: Sequence[str], size: tuple[int, int]) -> Iterator[dict[str, Any]]:
    """A row for each of those stages; none where there is no Python with bpy."""
    python = find_python()
    if python is None or not names:
        return
    for name, drawn in zip(names, drawings([assets / name for name in names], python), strict=True):
        row = {"file": f"blender:{name}", "views": []} | agreement(
            ours.read(assets / name, assets), drawn, size
        )
        row["problems"] = [f"{name} | Blender | {text}" for text in row["problems"]]
        state = "different" if row["problems"] else "equal"
        if row["problems"] and name in KNOWN:
            state, row["reason"], row["problems"] = "otherwise", KNOWN[name], []
        yield row | {"state": state}
