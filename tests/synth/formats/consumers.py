"""What consumers make of a dataset: COCO's toolkit, BOP's error functions, KITTI's devkit and Ultralytics' loader.

pycocotools itself; the others written here from their publications, apart from the product. Small and slow.
"""

import contextlib
import io
import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tests.synth.formats import shots

# --- COCO ---------------------------------------------------------------------------------------------------------


def coco_ap(
    truth: dict[str, Any], kind: str, found: list[dict[str, Any]] | None = None, sigmas: Any = None
) -> float:
    """AP (0.50:0.95) of `found` (by default the truth itself, each with score 1), by pycocotools; -1 where none counts.

    `maxDets` is not below the objects of an image; key points take the file's sigmas.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        gt = COCO()
        gt.dataset = {"info": {}, **truth, "annotations": [dict(a) for a in truth["annotations"]]}
        gt.createIndex()
        keys = (
            "image_id",
            "category_id",
            *{"bbox": ("bbox",), "segm": ("segmentation",), "keypoints": ("keypoints",)}[kind],
        )
        entries = truth["annotations"] if found is None else found
        if kind == "keypoints" and found is None:
            entries = [a for a in entries if a["num_keypoints"]]
        dt = gt.loadRes([{**{k: a[k] for k in keys}, "score": 1.0} for a in entries])
        score = COCOeval(gt, dt, kind)
        most = max(100, *Counter(a["image_id"] for a in truth["annotations"]).values())
        score.params.maxDets = [most] if kind == "keypoints" else [1, 10, most]
        if kind == "keypoints":
            score.params.kpt_oks_sigmas = np.array(sigmas)
        score.evaluate()
        score.accumulate()
    precision = score.eval["precision"][..., 0, -1]
    return float(precision[precision > -1].mean()) if (precision > -1).any() else -1.0


# --- BOP ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pose:
    """x_camera = R x_model + t [mm]."""

    R: np.ndarray
    t: np.ndarray


def pose_of(entry: dict[str, Any]) -> Pose:
    """Of an entry of scene_gt.json."""
    return Pose(np.array(entry["cam_R_m2c"], float).reshape(3, 3), np.array(entry["cam_t_m2c"], float))


def mssd(found: Pose, true: Pose, vertices: np.ndarray, symmetries: list[np.ndarray]) -> float:
    """Maximum symmetry-aware surface distance [mm] (BOP Challenge 2020): over symmetries the least greatest distance."""
    a = vertices @ found.R.T + found.t
    turned = [vertices @ S[:3, :3].T + S[:3, 3] for S in symmetries]
    return min(float(np.linalg.norm(a - (v @ true.R.T + true.t), axis=1).max()) for v in turned)


def mspd(found: Pose, true: Pose, K: np.ndarray, vertices: np.ndarray, symmetries: list[np.ndarray]) -> float:
    """Maximum symmetry-aware projection distance [px]."""

    def project(points: np.ndarray) -> np.ndarray:
        p = points @ K.T
        return p[:, :2] / p[:, 2:]

    a = project(vertices @ found.R.T + found.t)
    return min(
        float(
            np.linalg.norm(a - project((vertices @ S[:3, :3].T + S[:3, 3]) @ true.R.T + true.t), axis=1).max()
        )
        for S in symmetries
    )


def rendered(
    pose: Pose, K: np.ndarray, size: tuple[int, int], vertices: np.ndarray, triangles: np.ndarray
) -> np.ndarray:
    """Depth z [mm] of a model in its pose, 0 where it is not; pixels at whole numbers, as BOP's K has them."""
    width, height = size
    corners = vertices @ pose.R.T + pose.t
    out = np.zeros((height, width))
    if corners[:, 2].min() <= 0:
        return out
    places = corners @ K.T
    places = places[:, :2] / places[:, 2:]
    low = np.maximum(np.floor(places.min(0)).astype(int), 0)
    high = np.minimum(np.ceil(places.max(0)).astype(int) + 1, [width, height])
    if (low >= high).any():
        return out
    xs, ys = np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1]))
    rays = np.stack([xs.ravel(), ys.ravel(), np.ones(xs.size)], -1) @ np.linalg.inv(K).T
    z = shots._hit(corners[triangles], rays)
    out[low[1] : high[1], low[0] : high[0]] = np.where(np.isfinite(z), z, 0).reshape(xs.shape)
    return out


def ray_lengths(K: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """|ray| at z = 1: depth times this is the distance to the camera."""
    xs, ys = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    return np.sqrt(1 + ((xs - K[0, 2]) / K[0, 0]) ** 2 + ((ys - K[1, 2]) / K[1, 1]) ** 2)


def visible_part(model: np.ndarray, test: np.ndarray, delta: float) -> np.ndarray:
    """BOP's visibility: the model's distance image is at most `delta` [mm] behind the test image, or that is missing."""
    return (model > 0) & ((test == 0) | (model - test <= delta))


def vsd(
    found: np.ndarray, true: np.ndarray, test: np.ndarray, delta: float = 15.0, tau: float = 20.0
) -> float:
    """Visible surface discrepancy (Hodan et al., 2018) of two distance images against the test image [mm]."""
    seen_true = visible_part(true, test, delta)
    seen_found = visible_part(found, test, delta) | (seen_true & (found > 0))
    both, either = seen_true & seen_found, seen_true | seen_found
    if not either.any():
        return 1.0
    wrong = (either & ~both).sum() + (np.abs(found - true)[both] >= tau).sum()
    return float(wrong / either.sum())


# --- KITTI --------------------------------------------------------------------------------------------------------

LIMITS = {"easy": (40, 0, 0.15), "moderate": (25, 1, 0.30), "hard": (25, 2, 0.50)}
"""The devkit's difficulties: least height of the 2D box [px], greatest occlusion, greatest truncation."""


@dataclass(frozen=True)
class Object:
    """One row of a label file."""

    kind: str
    truncated: float
    occluded: int
    box: tuple[float, float, float, float]
    size: tuple[float, float, float]
    place: tuple[float, float, float]
    yaw: float

    def is_of(self, level: str, scale: float = 1.0) -> bool:
        """Whether the devkit counts it at a difficulty; `scale`: of the image against KITTI's 375 rows."""
        height, occluded, truncated = LIMITS[level]
        tall = self.box[3] - self.box[1] > height * scale
        return tall and self.occluded <= occluded and self.truncated <= truncated


def read_objects(path: Path) -> list[Object]:
    """As the devkit's reader: 15 columns of a row. Raises ValueError for anything else."""
    out = []
    for line in path.read_text().splitlines():
        kind, *words = line.split()
        v = [float(w) for w in words]
        if len(v) != 14:
            raise ValueError(f"{path}: {len(v) + 1} columns")
        out.append(Object(kind, v[0], int(v[1]), tuple(v[3:7]), tuple(v[7:10]), tuple(v[10:13]), v[13]))  # type: ignore[arg-type]
    return out


def overlap_2d(a: Object, b: Object) -> float:
    """Intersection over union of the 2D boxes."""
    w = min(a.box[2], b.box[2]) - max(a.box[0], b.box[0])
    h = min(a.box[3], b.box[3]) - max(a.box[1], b.box[1])
    if w <= 0 or h <= 0:
        return 0.0
    return w * h / (sum((o.box[2] - o.box[0]) * (o.box[3] - o.box[1]) for o in (a, b)) - w * h)


def _ground(o: Object) -> np.ndarray:
    _, w, length = o.size
    c, s = math.cos(o.yaw), math.sin(o.yaw)
    corners = [(length / 2, w / 2), (length / 2, -w / 2), (-length / 2, -w / 2), (-length / 2, w / 2)]
    return np.array([(o.place[0] + c * u + s * v, o.place[2] - s * u + c * v) for u, v in corners])


def _area(p: np.ndarray) -> float:
    return (
        float(abs(np.dot(p[:, 0], np.roll(p[:, 1], -1)) - np.dot(p[:, 1], np.roll(p[:, 0], -1))) / 2)
        if len(p) > 2
        else 0.0
    )


def _clipped(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Sutherland and Hodgman: polygon p within convex q."""
    sign = np.sign(np.cross(np.append(q[1] - q[0], 0), np.append(q[2] - q[1], 0))[2])
    points = list(p)
    for a, b in zip(q, np.roll(q, -1, axis=0), strict=True):
        side = [sign * ((b[0] - a[0]) * (v[1] - a[1]) - (b[1] - a[1]) * (v[0] - a[0])) for v in points]
        out = []
        for i, v in enumerate(points):
            j = (i + 1) % len(points)
            if side[i] >= -1e-9:
                out.append(v)
            if (side[i] >= -1e-9) != (side[j] >= -1e-9):
                out.append(v + side[i] / (side[i] - side[j]) * (points[j] - v))
        points = out
        if not points:
            break
    return np.array(points)


def overlap_3d(a: Object, b: Object) -> float:
    """Intersection over union of the 3D boxes."""
    high = min(a.place[1], b.place[1]) - max(a.place[1] - a.size[0], b.place[1] - b.size[0])
    if high <= 0:
        return 0.0
    shared = _area(_clipped(_ground(a), _ground(b))) * high
    return shared / (sum(math.prod(o.size) for o in (a, b)) - shared)


def kitti_ap(
    truth: list[list[Object]], found: list[list[Object]], level: str, solid: bool, least: float, scale: float
) -> float | None:
    """AP at 40 recalls of detections that all score 1, in %, by the devkit's matching; None where nothing counts.

    Objects of a harder level, and detections of them, are ignored.
    """
    overlap = overlap_3d if solid else overlap_2d
    hits = misses = false = 0
    for objects, detections in zip(truth, found, strict=True):
        objects = [o for o in objects if o.kind != "DontCare"]
        left = [d for d in detections if d.kind != "DontCare"]
        for o in sorted(objects, key=lambda o: not o.is_of(level, scale)):
            same = [d for d in left if d.kind == o.kind and overlap(o, d) >= least]
            best = max(same, key=lambda d: overlap(o, d), default=None)
            if best is not None:
                left.remove(best)
            if o.is_of(level, scale):
                hits, misses = hits + (best is not None), misses + (best is None)
        false += sum(d.box[3] - d.box[1] > LIMITS[level][0] * scale for d in left)
    if hits + misses == 0:
        return None
    # One score for all: one point of the curve, whose precision holds up to its recall.
    recall, precision = hits / (hits + misses), hits / max(hits + false, 1)
    return 100 * sum(precision for k in range(1, 41) if k / 40 <= recall + 1e-12) / 40


# --- Ultralytics --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Loaded:
    """What the loader hands to training: rows by image; images it dropped, with its reason; rows it dropped."""

    rows: dict[str, np.ndarray]
    corrupt: dict[str, str]
    duplicates: int
    background: int


def load_yolo(data_yaml: Path, split: str) -> Loaded:
    """One split, as the loader's checks of labels do it."""
    import yaml

    data = yaml.safe_load(data_yaml.read_text())
    names = data["names"] if isinstance(data["names"], dict) else dict(enumerate(data["names"]))
    points = data.get("kpt_shape")
    base = data_yaml.parent / (data.get("path") or "")
    rows: dict[str, np.ndarray] = {}
    corrupt: dict[str, str] = {}
    duplicates = background = 0
    for image in sorted((base / data[split]).rglob("*.*")):
        head, _, tail = str(image).rpartition("/images/")
        label = Path(f"{head}/labels/{tail}").with_suffix(".txt")
        with Image.open(image) as opened:
            if min(opened.size) < 10:
                corrupt[image.name] = "image too small"
        if not label.is_file():
            background += 1
            continue
        lines = [line.split() for line in label.read_text().splitlines() if line]
        if not lines:
            rows[image.name] = np.zeros((0, 5))
            continue
        if points is None and any(len(line) > 6 for line in lines):
            boxes = []
            for line in lines:
                ring = np.array(line[1:], float).reshape(-1, 2)
                low, high = ring.min(0), ring.max(0)
                boxes.append([float(line[0]), *((low + high) / 2), *(high - low)])
                if ring.min() < 0 or ring.max() > 1:
                    corrupt[image.name] = "non-normalized or out of bounds coordinates"
            table = np.array(boxes)
        else:
            table = np.array(lines, float)
        wanted = 5 + points[0] * points[1] if points else 5
        if table.shape[1] != wanted:
            corrupt[image.name] = f"labels require {wanted} columns"
            continue
        plain = table[:, 5:].reshape(-1, points[1])[:, :2] if points else table[:, 1:]
        if plain.max() > 1:
            corrupt[image.name] = "non-normalized or out of bounds coordinates"
        if table.min() < 0:
            corrupt[image.name] = "negative label values"
        if table[:, 0].max() >= len(names):
            corrupt[image.name] = "label class exceeds dataset class count"
        unique = np.unique(table, axis=0)
        duplicates += len(table) - len(unique)
        if image.name not in corrupt:
            rows[image.name] = table
    return Loaded(rows, corrupt, duplicates, background)
