"""Native datasets made by hand: boxes cast by numpy, masks by pycocotools. Nothing here is the product's but file bytes."""

import contextlib
import io
import json
import struct
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from twinstage.render.picture import exr_bytes
from twinstage.synth.dataset import Dataset
from twinstage.synth.writers import WRITERS
from twinstage.synth.writers.base import export

W, H = 160, 120
K = np.array([[140.0, 0, 83.0], [0, 150.0, 57.0], [0, 0, 1]])
CORNERS = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
CLASSES = [
    {
        "id": 1,
        "name": "crate",
        "labels": ["crate"],
        "supercategory": "goods",
        "keypoints": ["left", "right", "top"],
        "skeleton": [[1, 2], [2, 3]],
        "sigmas": [0.05, 0.05, 0.08],
        "flip": [["left", "right"]],
    },
    {"id": 2, "name": "parcel", "labels": ["parcel"], "supercategory": "goods"},
    {"id": 3, "name": "floor", "labels": ["floor"], "supercategory": ""},
]
KEYPOINTS = {"left": [-0.5, 0, 0], "right": [0.5, 0, 0], "top": [0, 0, 0.5]}


def turn(axis: int, degrees: float) -> np.ndarray:
    """A rotation about x, y or z."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    i, j = [(1, 2), (2, 0), (0, 1)][axis]
    out = np.eye(3)
    out[i, i] = out[j, j] = c
    out[i, j], out[j, i] = -s, s
    return out


@dataclass
class Box:
    """A box of a class: its size [m], the rotation and place of its middle, and the hash of its model."""

    cls: str
    size: tuple[float, float, float]
    R: np.ndarray
    t: np.ndarray
    model: str | None
    path: str
    mirrored: bool = False

    def cast(self, origin: np.ndarray, rays: np.ndarray) -> np.ndarray:
        """Where rays [..., 3] enter it, in lengths of the ray; inf where they do not."""
        half = np.array(self.size) / 2
        o, d = self.R.T @ (origin - self.t), rays @ self.R
        with np.errstate(divide="ignore", invalid="ignore"):
            a, b = (-half - o) / d, (half - o) / d
        near, far = np.minimum(a, b).max(-1), np.maximum(a, b).min(-1)
        return np.where((near <= far) & (near > 0), near, np.inf)


def look(eye: tuple[float, float, float], yaw: float, pitch: float) -> np.ndarray:
    """World from camera (OpenCV axes): yaw from +y to the left, pitch downwards [degrees]."""
    level = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # x right, y down, z along +y
    out = np.eye(4)
    out[:3, :3] = turn(2, yaw) @ level @ turn(0, -pitch)
    out[:3, 3] = eye
    return out


@dataclass
class Native:
    """Writes one native dataset."""

    root: Path
    cameras: dict[str, np.ndarray]
    boxes: Callable[[int], list[Box]]
    frames: int = 4
    splits: dict[int, str] = field(default_factory=dict)
    accept: dict[str, Any] = field(default_factory=lambda: {"min_visible_px": 12, "min_visibility": 0.4})

    def write(self) -> Path:
        models: dict[str, Box] = {}
        for folder in ("records", "images", "models", "sensors"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        for frame in range(self.frames):
            boxes = self.boxes(frame)
            models |= {b.model: b for b in boxes if b.model is not None}
            views = [self._camera(frame, name, pose, boxes) for name, pose in self.cameras.items()]
            record = {
                "record": 1,
                "frame": frame,
                "split": self.splits.get(frame),
                "rejected": False,
                "rejected_attempts": [],
                "cameras": views,
                "sensors": [self._lidar(frame, boxes)],
            }
            self._json(f"records/{frame:06d}.json", record)
        rejected = {"rejected": True, "rejected_attempts": [{"attempt": 0, "reason": "no"}], "cameras": []}
        self._json(f"records/{self.frames:06d}.json", {**record, **rejected, "frame": self.frames})
        splits = list(dict.fromkeys(self.splits.values()))
        self._json("labels.json", {"labels": 1, "classes": CLASSES, "accept": self.accept, "splits": splits})
        for model, box in models.items():
            (self.root / f"models/{model}.ply").write_bytes(ply(CORNERS * box.size))
        listed = {m: {"class": b.cls, "prim_path": b.path, "size": list(b.size)} for m, b in models.items()}
        self._json("models/models.json", listed)
        return self.root

    def _json(self, path: str, data: Any) -> None:
        (self.root / path).write_text(json.dumps(data))

    def _camera(self, frame: int, name: str, pose: np.ndarray, boxes: list[Box]) -> dict[str, Any]:
        x, y = np.meshgrid(np.arange(-W, 2 * W) + 0.5, np.arange(-H, 2 * H) + 0.5)
        rays = (
            np.stack([(x - K[0, 2]) / K[0, 0], (y - K[1, 2]) / K[1, 1], np.ones_like(x)], -1) @ pose[:3, :3].T
        )
        depths = np.stack(
            [b.cast(pose[:3, 3], rays) for b in boxes]
        )  # z, since rays have z = 1 in the camera
        inner = np.s_[H : 2 * H, W : 2 * W]
        first = depths[:, *inner].argmin(0)
        depth = depths[:, *inner].min(0)
        objects = []
        for number, box in enumerate(boxes):
            whole = np.isfinite(depths[number])
            amodal, visible = whole[inner], (first == number) & np.isfinite(depth)
            if amodal.any():
                objects.append(_object(number, box, pose, whole, amodal, visible, depth))
        places = np.zeros((H, W), np.uint8)
        for place, item in enumerate(objects, start=1):
            places[mask_of(item["visible_rle"])] = place
        stem = f"images/{frame:06d}_{name}"
        Image.fromarray(np.stack([places * 9, places * 5 + 7, places], -1)).save(
            self.root / f"{stem}_rgb.png"
        )
        (self.root / f"{stem}_depth.exr").write_bytes(exr_bytes({"Z": depth.astype(np.float32)}))
        return {
            "name": name,
            "resolution": [W, H],
            "K": K.tolist(),
            "projection": {"kind": "pinhole"},
            "distortion": [],
            "path": None,
            "world_from_camera": pose.tolist(),
            "images": {"rgb": f"{stem}_rgb.png", "depth": f"{stem}_depth.exr"},
            "objects": objects,
        }

    def _lidar(self, frame: int, boxes: list[Box]) -> dict[str, Any]:
        """A lidar above the first camera, turned a little: points on the surfaces of boxes, as KITTI's .bin."""
        pose = np.eye(4)
        pose[:3, :3] = turn(2, 80)  # forward +x of the sensor looks nearly along +y
        pose[:3, 3] = (0.1, -4.2, 1.0)
        azimuth, elevation = np.meshgrid(np.radians(np.arange(-40, 41, 2)), np.radians(np.arange(-30, 6, 2)))
        own = np.stack(
            [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)], -1
        )
        ranges = np.min([b.cast(pose[:3, 3], own @ pose[:3, :3].T) for b in boxes], 0)
        hit = np.isfinite(ranges)
        points = np.column_stack([own[hit] * ranges[hit][:, None], np.full(hit.sum(), 0.5)]).astype("<f4")
        path = f"sensors/{frame:06d}_top_points.bin"
        (self.root / path).write_bytes(points.tobytes())
        return {
            "name": "top",
            "kind": "lidar",
            "camera": None,
            "world_from_sensor": pose.tolist(),
            "files": {"points": path},
        }


def _object(
    number: int,
    box: Box,
    pose: np.ndarray,
    whole: np.ndarray,
    amodal: np.ndarray,
    visible: np.ndarray,
    depth: np.ndarray,
) -> dict[str, Any]:
    world = np.eye(4)
    world[:3, :3], world[:3, 3] = box.R, box.t
    seen = np.linalg.inv(pose) @ world
    rows, columns = np.nonzero(whole)
    full = [columns.min() - W, rows.min() - H, np.ptp(columns) + 1, np.ptp(rows) + 1]
    out = {
        "instance_id": number + 1,
        "prim_path": box.path,
        "point_id": -1,
        "class": box.cls,
        "world_from_object": world.tolist(),
        "size": list(box.size),
        "bbox_3d": (CORNERS * box.size @ box.R.T + box.t).tolist(),
        "visible_px": int(visible.sum()),
        "amodal_px_in_frame": int(amodal.sum()),
        "amodal_px_total": int(whole.sum()),
        "occlusion": float(1 - visible.sum() / amodal.sum()),
        "truncation": float(1 - amodal.sum() / whole.sum()),
        "bbox_visible": box_of(visible),
        "bbox_amodal": box_of(amodal),
        "bbox_full": [float(v) for v in full],
        "visible_rle": rle_of(visible),
        "amodal_rle": rle_of(amodal),
        "obb": rectangle(visible),
        "pose": None if box.mirrored else {"R": seen[:3, :3].tolist(), "t": seen[:3, 3].tolist()},
        "model": None if box.mirrored else box.model,
    }
    if box.cls == "crate":
        out["keypoints"] = [_keypoint(name, at, box, pose, depth) for name, at in KEYPOINTS.items()]
    return out


def _keypoint(name: str, at: list[float], box: Box, pose: np.ndarray, depth: np.ndarray) -> dict[str, Any]:
    world = box.R @ (np.array(at) * box.size) + box.t
    c = np.linalg.inv(pose) @ [*world, 1]
    if c[2] <= 0:
        return {"name": name, "world": world.tolist(), "px": None, "v": 0}
    x, y = (K @ c[:3] / c[2])[:2]
    if not (0 <= x < W and 0 <= y < H):
        return {"name": name, "world": world.tolist(), "px": [x, y], "v": 0}
    v = 2 if c[2] <= depth[int(y), int(x)] + 0.02 else 1
    return {"name": name, "world": world.tolist(), "px": [x, y], "v": v}


def rle_of(mask: np.ndarray) -> dict[str, Any]:
    from pycocotools import mask as coco

    out = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": list(mask.shape), "counts": out["counts"].decode()}


def mask_of(rle: dict[str, Any]) -> np.ndarray:
    from pycocotools import mask as coco

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # pycocotools under NumPy 2
        return coco.decode({"size": rle["size"], "counts": rle["counts"].encode()}).astype(bool)


def box_of(mask: np.ndarray) -> list[float] | None:
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return None
    return [float(v) for v in (columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1)]


def rectangle(mask: np.ndarray) -> list[list[float]] | None:
    """The smallest rectangle around the pixels, by OpenCV."""
    import cv2

    rows, columns = np.nonzero(mask)
    if not len(rows):
        return None
    corners = [np.column_stack([columns + i, rows + j]) for i in (0, 1) for j in (0, 1)]
    points = cv2.boxPoints(cv2.minAreaRect(np.concatenate(corners).astype(np.float32)))
    return [[float(v) for v in p] for p in points]


def ply(vertices: np.ndarray) -> bytes:
    """A box as binary PLY in metres."""
    quads = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    faces = [t for a, b, c, d in quads for t in ([a, b, c], [a, c, d])]
    header = (
        "ply\nformat binary_little_endian 1.0\ncomment unit m\n"
        f"element vertex {len(vertices)}\nproperty float x\nproperty float y\nproperty float z\n"
        f"element face {len(faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    body = vertices.astype("<f4").tobytes() + b"".join(struct.pack("<B3i", 3, *f) for f in faces)
    return header.encode() + body


CAMERAS = {"front": look((0.0, -4.0, 0.8), 0, 0), "high": look((1.5, -3.5, 2.5), 20, 30)}


def goods(frame: int) -> list[Box]:
    """Upright boxes of two models, a tilted one, one behind another, one half out of the picture, and the floor."""
    random = np.random.default_rng(frame)
    small, large = (0.4, 0.6, 0.3), (1.0, 0.5, 0.8)
    out = [Box("floor", (5.0, 4.6, 0.1), np.eye(3), np.array([0.3, 1.6, -0.05]), "f" * 16, "/World/Floor")]
    for n in range(6):
        cls, size, model = [("crate", large, "a" * 16), ("parcel", small, "b" * 16)][n % 2]
        at = np.array([-2.0 + 0.8 * n, random.uniform(-0.5, 2.0), size[2] / 2])
        out.append(Box(cls, size, turn(2, random.uniform(-180, 180)), at, model, f"/World/Box_{n}"))
    behind = np.array([out[1].t[0] * 1.6, 5.0, small[2] / 2])
    out.append(Box("parcel", small, np.eye(3), behind, "b" * 16, "/World/Behind"))
    tilted = turn(2, random.uniform(-180, 180)) @ turn(0, 35)
    out.append(Box("crate", large, tilted, np.array([0.4, 0.0, 1.6]), "a" * 16, "/World/Tilted"))
    out.append(Box("crate", large, turn(2, 30), np.array([-2.2, -0.8, 0.4]), "a" * 16, "/World/Left"))
    return out


@pytest.fixture(scope="session")
def goods_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four frames of two cameras in two splits. Not to be changed."""
    root = tmp_path_factory.mktemp("goods") / "native"
    return Native(root, CAMERAS, goods, splits={0: "train", 1: "train", 2: "val", 3: "train"}).write()


@pytest.fixture(scope="session")
def native() -> type[Native]:
    """The maker of such datasets."""
    return Native


@pytest.fixture(scope="session")
def box_type() -> type[Box]:
    """What its `boxes` gives."""
    return Box


@pytest.fixture(scope="session")
def decoded() -> Callable[[dict[str, Any]], np.ndarray]:
    """Run lengths to a mask, by pycocotools."""
    return mask_of


@pytest.fixture(scope="session")
def records() -> Callable[[Path], list[dict[str, Any]]]:
    """The records of a dataset that were not rejected."""

    def read(root: Path) -> list[dict[str, Any]]:
        found = [json.loads(p.read_text()) for p in sorted((root / "records").glob("*.json"))]
        return [r for r in found if not r["rejected"]]

    return read


@pytest.fixture(scope="session")
def coco() -> Callable[[Path], Any]:
    """A file loaded by COCO's toolkit."""

    def load(path: Path) -> Any:
        from pycocotools.coco import COCO

        with contextlib.redirect_stdout(io.StringIO()):
            return COCO(str(path))

    return load


@pytest.fixture(scope="session")
def exported() -> Callable[..., Path]:
    """A function (dataset, out, kind, fields...) that exports and gives back the export's folder."""

    def run(dataset: Path, out: Path, kind: str, **fields: Any) -> Path:
        writer = WRITERS.get(kind).model_validate(fields)
        export(writer, Dataset(dataset), out)
        return out / writer.folder

    return run
