"""Rigid models of the objects that records list: what pose estimation renders and measures.

    x_camera = R x_model + t

The model is the object's triangles in metres with its scale and shear baked in (`render.poses`), so R is a pure rotation.
Its name is a hash of its geometry and of nothing that says where it stands, so all equal objects of all frames share one.

Touches files: `models/<model>.ply`, written once by whichever process comes first, with the same bytes.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from twinstage.scene.columns import F8
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.canonical import TEMPORARY, canonical_json
from twinstage.synth.dataset import MODELS, Dataset, model_path
from twinstage.synth.symmetries import Symmetry, listed

STEP = 1e-9
"""Grid on which poses of parts in their model are named and baked [m]: rounding of a frame's poses must not show."""

_OFF_GRID = 0.618
"""Where between two steps a number goes up: numbers of few digits lie on none of these limits, unlike on halves."""

MOST_VERTICES = 4096
"""Vertices among which the two farthest are looked for at once."""


@dataclass(frozen=True, slots=True)
class Model:
    """A rigid model: its name (16 hex digits) and its parts, each a row of `Snapshot.prototypes` and its pose f8[4, 4]."""

    name: str
    parts: tuple[tuple[int, F8], ...]


def model_of(snapshot: Snapshot, rows: np.ndarray, model_from_world: np.ndarray) -> Model | None:
    """The model of the instances `rows` in a frame that stands rigidly in the world, f8[4, 4] [m]; None without any."""
    if not len(rows):
        return None
    prototypes = snapshot.instances.prototype[rows].tolist()
    steps = np.floor((model_from_world @ snapshot.instance_world[rows])[:, :3] / STEP + _OFF_GRID)
    digest = hashlib.sha256(b"twinstage model 1")
    for prototype, step in zip(prototypes, steps.astype("<i8"), strict=True):
        digest.update(snapshot.prototypes[prototype].hash.encode() + step.tobytes())
    poses = np.tile(np.eye(4), (len(rows), 1, 1))
    poses[:, :3] = steps * STEP
    return Model(digest.hexdigest()[:16], tuple(zip(prototypes, poses, strict=True)))


def write_model(out: Path, snapshot: Snapshot, model: Model) -> None:
    """Write `models/<model>.ply` unless it is there."""
    path = out / model_path(model.name)
    if path.exists():
        return
    path.parent.mkdir(exist_ok=True)
    # Several processes may write the same model at once: each under a name of its own.
    part = path.with_name(f"{path.name}.{os.getpid()}{TEMPORARY}")
    part.write_bytes(ply_bytes(snapshot, model))
    os.replace(part, path)


def ply_bytes(snapshot: Snapshot, model: Model) -> bytes:
    """A binary PLY [m]: x y z nx ny nz of each vertex (float), three vertices a face, counter-clockwise from outside."""
    vertices, faces, first = [], [], 0
    for row, pose in model.parts:
        prototype = snapshot.prototypes[row]
        points = np.asarray(prototype.points, np.float64) @ pose[:3, :3].T + pose[:3, 3]
        vertices.append(np.concatenate([points, _normals(prototype.normals, pose[:3, :3])], 1))
        turned = np.linalg.det(pose[:3, :3]) < 0
        faces.append((prototype.triangles[:, ::-1] if turned else prototype.triangles) + np.uint32(first))
        first += len(points)
    corners = np.concatenate(vertices).astype("<f4") + np.float32(0)
    triangles = np.concatenate(faces).astype("<u4")
    table = np.empty(len(triangles), [("n", "u1"), ("v", "<u4", 3)])
    table["n"], table["v"] = 3, triangles
    head = (
        "ply\nformat binary_little_endian 1.0\ncomment unit m\n"
        f"element vertex {len(corners)}\n"
        + "".join(f"property float {name}\n" for name in ("x", "y", "z", "nx", "ny", "nz"))
        + f"element face {len(triangles)}\nproperty list uchar uint vertex_indices\nend_header\n"
    )
    return head.encode() + corners.tobytes() + table.tobytes()


def _normals(normals: np.ndarray, linear: F8) -> F8:
    """Unit normals after a linear map, by its cofactors, which need no inverse."""
    columns = linear.T
    cofactors = np.stack([np.cross(columns[(k + 1) % 3], columns[(k + 2) % 3]) for k in range(3)], 1)
    out = normals.astype(np.float64) @ cofactors.T * (-1.0 if np.linalg.det(linear) < 0 else 1.0)
    length = np.linalg.norm(out, axis=1, keepdims=True)
    result: F8 = out / np.where(length > 0, length, 1.0)
    return result


# --- models.json --------------------------------------------------------------------------------------------------


def models_document(dataset: Dataset, symmetries: Mapping[str, Sequence[Symmetry]]) -> bytes:
    """`models/models.json`, from records and PLY files alone: what each model is of, and its measures [m].

    By model: `class` and `prim_path` of the first object of that model in the records, `min` and `size` of its box along
    its own axes, `diameter` (the greatest distance of two vertices), `vertices` and `triangles` (counts); where `symmetries`
    (by class) has some, BOP's `symmetries_discrete` and `symmetries_continuous`.
    """
    users: dict[str, dict[str, Any]] = {}
    for record in dataset.records():
        for camera in record["cameras"]:
            for item in camera["objects"]:
                name = item["model"]
                if name is not None and name not in users:
                    users[name] = {"class": item["class"], "prim_path": item["prim_path"]}
    measured = {}
    for name, user in users.items():
        measures = _measures(dataset.root / model_path(name))
        own = listed(symmetries.get(user["class"], ()), measures["min"], measures["size"])
        measured[name] = user | measures | own
    return canonical_json(dict(sorted(measured.items())))


def is_models_file(path: str) -> bool:
    """Whether a path inside the dataset belongs to `models/`."""
    return path.startswith(f"{MODELS}/")


def _measures(path: Path) -> dict[str, Any]:
    points, triangles = ply_points(path.read_bytes())
    low, high = points.min(0), points.max(0)
    return {
        "min": [float(v) for v in low],
        "size": [float(v) for v in high - low],
        "diameter": diameter(points),
        "vertices": len(points),
        "triangles": triangles,
    }


def ply_points(data: bytes) -> tuple[F8, int]:
    """Vertices f8[n, 3] and the number of triangles of a PLY file of ours."""
    head, _, body = data.partition(b"end_header\n")
    words = [line.split() for line in head.decode("ascii").splitlines()]
    counts = {w[1]: int(w[2]) for w in words if w[:1] == ["element"]}
    points = np.frombuffer(body, "<f4", counts["vertex"] * 6).reshape(-1, 6)[:, :3]
    return points.astype(np.float64), counts["face"]


def diameter(points: np.ndarray) -> float:
    """The greatest distance of two of the points [n, 3].

    A point counts only where the far corner of all points' box is at least as far away as the best pair found so far.
    """
    points = np.unique(points, axis=0)
    low, high = points.min(0), points.max(0)
    best, at = 0.0, points[0]
    for _ in range(8):  # from the farthest to the farthest of it, as often as that helps
        away = np.linalg.norm(points - at, axis=1)
        if away.max() <= best:
            break
        best, at = float(away.max()), points[int(away.argmax())]
    reach = np.linalg.norm(np.maximum(points - low, high - points), axis=1)
    left = points[reach >= best]
    for a in range(0, len(left), MOST_VERTICES):
        block = left[a : a + MOST_VERTICES]
        for b in range(a, len(left), MOST_VERTICES):
            other = left[b : b + MOST_VERTICES]
            squared = (block**2).sum(1)[:, None] + (other**2).sum(1)[None] - 2 * block @ other.T
            i, j = np.unravel_index(int(squared.argmax()), squared.shape)
            best = max(best, float(np.linalg.norm(block[i] - other[j])))
    return best


def read_models(root: Path) -> dict[str, Any]:
    """`models/models.json` of a dataset."""
    out: dict[str, Any] = json.loads((root / MODELS / "models.json").read_bytes())
    return out
