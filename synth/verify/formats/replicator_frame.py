"""One frame of the BasicWriter: its files, its camera, its segmentations."""

import re
from dataclasses import dataclass

import numpy as np

from twinstage.synth.verify.formats.folder import Folder
from twinstage.synth.verify.formats.values import is_int, is_number, numbers, shown
from twinstage.synth.verify.report import Judge

ARRAYS = (
    "bounding_box_2d_tight",
    "bounding_box_2d_loose",
    "bounding_box_3d",
    "distance_to_camera",
    "distance_to_image_plane",
)
PICTURES = ("rgb", "semantic_segmentation", "instance_segmentation", "instance_id_segmentation", "normals")


@dataclass(frozen=True, slots=True)
class Shot:
    """The files of one product and frame, by kind (`bounding_box_2d_tight`, `bounding_box_2d_tight/labels`, ...)."""

    folder: str
    number: str
    files: dict[str, str]

    @property
    def where(self) -> str:
        """What people look for."""
        return f"frame {self.number}" if self.folder == "." else f"{self.folder} frame {self.number}"


@dataclass(frozen=True, slots=True)
class Camera:
    """`K` f8[3, 3] with the pixel-edge origin; `view` f8[4, 4]: world to OpenGL camera, for row vectors."""

    K: np.ndarray
    size: tuple[int, int]
    view: np.ndarray

    def rays(self) -> np.ndarray:
        """Length of each pixel's ray at z = 1, f8[height, width]."""
        width, height = self.size
        x = (np.arange(width) + 0.5 - self.K[0, 2]) / self.K[0, 0]
        y = (np.arange(height) + 0.5 - self.K[1, 2]) / self.K[1, 1]
        return np.asarray(np.sqrt(1 + x[None, :] ** 2 + y[:, None] ** 2))


def read_camera(folder: Folder, name: str, judge: Judge) -> Camera | None:
    """camera_params of a frame; None where it is no pinhole's, or damaged (with a finding)."""
    data = folder.json(name)
    size = data.get("renderProductResolution")
    right = isinstance(size, list) and len(size) == 2 and all(is_int(v) and v > 0 for v in size)
    view, projection = data.get("cameraViewTransform"), data.get("cameraProjection")
    if not judge.check(
        right and numbers(view, 16) and numbers(projection, 16),
        "replicator.camera",
        name,
        "renderProductResolution, cameraViewTransform and cameraProjection are not 2, 16 and 16 numbers",
    ):
        return None
    if data.get("cameraModel", "pinhole") not in ("pinhole", "pinholeOpenCV", ""):
        return None  # other lenses: nothing is claimed about them
    width, height = size
    V, P = np.array(view, float).reshape(4, 4), np.array(projection, float).reshape(4, 4)
    turn = V[:3, :3]
    rigid = np.allclose(turn @ turn.T, np.eye(3), atol=1e-3) and np.linalg.det(turn) > 0
    rowwise = np.allclose(V[:3, 3], 0, atol=1e-6) and abs(V[3, 3] - 1) < 1e-6
    if not judge.check(
        rigid and rowwise,
        "replicator.camera",
        name,
        f"cameraViewTransform is no rotation and translation for row vectors: last column {shown(V[:, 3])}",
    ):
        return None
    if not judge.check(
        P[0, 0] > 0 and P[1, 1] > 0 and abs(P[2, 3] + 1) < 1e-6,
        "replicator.camera",
        name,
        f"cameraProjection is no perspective for row vectors: {shown(P)}",
    ):
        return None
    K = np.array(
        [
            [P[0, 0] * width / 2, 0, width / 2 * (1 - P[2, 0])],
            [0, P[1, 1] * height / 2, height / 2 * (1 + P[2, 1])],
            [0, 0, 1],
        ]
    )
    focal, aperture = data.get("cameraFocalLength"), data.get("cameraAperture")
    if is_number(focal) and numbers(aperture, 2) and aperture[0] > 0:
        fx = focal / aperture[0] * width
        judge.check(
            abs(fx - K[0, 0]) <= 0.01 * fx,
            "replicator.camera",
            name,
            f"the projection's focal length is {K[0, 0]:.2f} px, focal length and aperture give {fx:.2f} px",
        )
    return Camera(K, (width, height), V)


@dataclass(frozen=True, slots=True)
class Instances:
    """A segmentation: `ids` i8[height, width], 0 where the mapping says background; `names` by id."""

    ids: np.ndarray
    names: dict[int, str]

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)."""
        return int(self.ids.shape[1]), int(self.ids.shape[0])

    def by_path(self) -> dict[str, np.ndarray]:
        """Masks of what has pixels, by prim path; colours that share a path are one."""
        out: dict[str, np.ndarray] = {}
        for number in np.unique(self.ids).tolist():
            name = self.names.get(number, "")
            if name.startswith("/"):
                mask = self.ids == number
                out[name] = out[name] | mask if name in out else mask
        return out


_COLOUR = re.compile(r"^\(\s*(\d+),\s*(\d+),\s*(\d+),\s*(\d+)\s*\)$")


def _key(text: str) -> int:
    match = _COLOUR.match(text)
    if match:
        r, g, b, a = (int(v) for v in match.groups())
        return r | g << 8 | b << 16 | a << 24
    return int(text)


def read_instances(folder: Folder, shot: Shot, kind: str, judge: Judge) -> Instances | None:
    """A segmentation picture and its mapping; None where one of them is not there."""
    mapping = shot.files.get(f"{kind}/mapping") or shot.files.get(f"{kind}/labels")
    if kind not in shot.files or mapping is None:
        return None
    pixels = folder.image(shot.files[kind])
    if pixels.ndim == 3:
        wide = pixels.astype(np.int64)
        alpha = wide[..., 3] if pixels.shape[2] > 3 else np.full(pixels.shape[:2], 255)
        ids = wide[..., 0] | wide[..., 1] << 8 | wide[..., 2] << 16 | alpha << 24
    else:
        ids = pixels.astype(np.int64)
    names = {}
    for key, value in folder.json(mapping).items():
        names[_key(key)] = value if isinstance(value, str) else str(value)
    for number in np.unique(ids).tolist():
        judge.check(
            number in names or number == 0,
            "replicator.instance-unlabelled",
            shot.files[kind],
            f"{int((ids == number).sum())} pixels have a colour that {mapping} does not name",
        )
    return Instances(ids, names)
