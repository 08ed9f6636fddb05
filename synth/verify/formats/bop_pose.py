"""A model looked at through its pose: does it fill its mask, and is the depth there its surface's?"""

from dataclasses import dataclass

import numpy as np

from twinstage.synth.verify.formats.shapes import Mesh, first_hits, projected
from twinstage.synth.verify.formats.values import box_of, numbers, shown
from twinstage.synth.verify.report import Judge

REACH = 1.6
"""px: a silhouette's box ends at pixel centres, the vertices' anywhere; half a pixel more for the origin's convention."""
TRANSPARENT = 4.0
"""px: as far may the box of what transparency leaves of an object lie inside of its model's."""
SAMPLES = 49
MOST_TRIANGLES = 60_000


@dataclass(frozen=True, slots=True)
class View:
    """An image: K, (width, height), depth [mm] f8[height, width] or None, and the farthest that its integers reach [mm]."""

    K: np.ndarray
    size: tuple[int, int]
    depth: np.ndarray | None
    reach: float = float("inf")
    world: np.ndarray | None = None
    """Camera from world, 4x4 [mm], where scene_camera has it."""


Pose = tuple[np.ndarray, np.ndarray]


def check_object_pose(
    mesh: Mesh | None,
    pose: Pose,
    view: View,
    mask: np.ndarray | None,
    visible: np.ndarray | None,
    box: object,
    at: str,
    judge: Judge,
) -> None:
    """Reprojection against the full mask and bbox_obj; depth against the model's surface."""
    if mesh is None:
        return
    silhouette = mask if mask is not None else visible
    if silhouette is None or not silhouette.any():
        return
    full = mask is not None
    if (mesh.vertices @ pose[0].T + pose[1])[:, 2].min() <= 0:
        # A camera inside of an object is rare; a translation in metres among millimetres is not.
        off = misfit(mesh, (pose[0], pose[1] * 1000), view, silhouette, box, full)
        if not judge.check(
            off > REACH,
            "bop.translation",
            at,
            f"cam_t_m2c {shown(pose[1])} is in metres: times 1000 the model fits its mask ({off:.1f} px)",
        ):
            return
    off = misfit(mesh, pose, view, silhouette, box, full)
    if REACH < off < float("inf") and full and _fits_closer(mesh, pose, view, silhouette, visible, off):
        off = 0.0
    why = "" if off <= REACH else _why(mesh, pose, view, silhouette, box, full, off)
    if not judge.check(
        off <= REACH, "bop.pose-reprojection", at, f"the model reprojects {_px(off)} off its mask{why}"
    ):
        return
    if view.depth is not None and visible is not None and visible.any():
        _check_depth(mesh, pose, view, visible, at, judge)


def _fits_closer(
    mesh: Mesh, pose: Pose, view: View, silhouette: np.ndarray, visible: np.ndarray | None, off: float
) -> bool:
    """Looks again where the boxes differ: at a tip that no pixel centre meets; at holes that transparency cuts."""
    if fills(mesh, pose, view, silhouette, off):
        return True
    # The model covers more than its mask. Where the depth of what is seen is its surface's, so is the pose.
    if visible is None or not fills(mesh, pose, view, silhouette, 0.0):
        return False
    surface = surface_at(mesh, pose, view, visible)
    return surface is not None and len(surface.stored) >= 9 and surface.agrees


def misfit(mesh: Mesh, pose: Pose, view: View, silhouette: np.ndarray, box: object, full: bool) -> float:
    """How far the box around the projected vertices is from that around the silhouette [px]; infinite behind the camera.

    A silhouette's extremes are those of its projected vertices. Where the image cuts it, the box is cut, too; a visible
    mask alone (`full` false) can only lie inside.
    """
    points = mesh.vertices @ pose[0].T + pose[1]
    ends = box_of(silhouette)
    assert ends is not None
    if (points[:, 2] <= 1e-6).all():
        return float("inf")
    width, height = view.size
    cut = ends[0] == 0 or ends[1] == 0 or ends[2] == width - 1 or ends[3] == height - 1
    if (points[:, 2] <= 1e-6).any():
        # Partly behind the camera: its box is no statement, but what is seen of it reaches the border.
        return 0.0 if cut else float("inf")
    places = projected(view.K, points)
    low, high = places.min(0), places.max(0)
    seen = np.array([ends[0], ends[1], ends[2] + 1, ends[3] + 1], float)
    # Clipped vertices only bound the part inside: their box is exact where the silhouette stays inside the image.
    made = np.array([low[0], low[1], high[0], high[1]])
    if full and not cut:
        return float(np.abs(made - seen).max())
    if full and numbers(box, 4):
        assert isinstance(box, list)
        whole = np.array([box[0], box[1], box[0] + box[2] + 1, box[1] + box[3] + 1], float)
        return float(np.abs(made - whole).max())
    beyond = np.concatenate([made[:2] - seen[:2], seen[2:] - made[2:]])
    return float(max(beyond.max(), 0.0))


def _why(
    mesh: Mesh, pose: Pose, view: View, silhouette: np.ndarray, box: object, full: bool, off: float
) -> str:
    """Which mistake would explain it: the first other reading of the numbers that fits."""
    R, t = pose
    flip = np.diag([1.0, -1.0, -1.0])
    readings = {
        "the transposed rotation fits: matrices were multiplied in the wrong order or written column by column": (
            R.T,
            t,
        ),
        "the inverse pose fits: it is model-from-camera": (R.T, -R.T @ t),
        "OpenGL axes (y up, looking along -z) fit, not OpenCV's": (flip @ R, flip @ t),
        "a translation in metres fits": (R, t * 1000),
        "the model in metres fits": (R, t / 1000),
    }
    if view.world is not None:
        # written = object @ camera, where camera @ object was meant
        written = np.eye(4)
        written[:3, :3], written[:3, 3] = R, t
        meant = view.world @ written @ np.linalg.inv(view.world)
        text = (
            "camera times object fits, not object times camera: matrices were multiplied in the wrong order"
        )
        readings = {text: (meant[:3, :3], meant[:3, 3]), **readings}
    for text, other in readings.items():
        if (mesh.vertices @ other[0].T + other[1])[:, 2].min() <= 0:
            continue
        found = misfit(mesh, other, view, silhouette, box, full)
        if found <= REACH and found < off:
            return f"; {text} ({found:.1f} px)"
    return ""


def fills(mesh: Mesh, pose: Pose, view: View, silhouette: np.ndarray, off: float) -> bool:
    """Whether rays through pixel centres meet the model inside of its silhouette, and miss it outside; edges excepted."""
    count = min(400, 3_000_000 // max(len(mesh.triangles), 1))
    places = mesh.vertices @ pose[0].T + pose[1]
    if count < 50 or not len(mesh.triangles) or places[:, 2].min() <= 0:
        return False
    places = projected(view.K, places)
    low = np.clip(np.floor(places.min(0)).astype(int) - 1, 0, view.size)
    high = np.clip(np.ceil(places.max(0)).astype(int) + 2, 0, view.size)
    if (low >= high).any():
        return False
    around = np.pad(silhouette, 1, mode="edge")
    near = [
        around[y : y + silhouette.shape[0], x : x + silhouette.shape[1]] for y in (0, 1, 2) for x in (0, 1, 2)
    ]
    sure = np.all(near, axis=0) | ~np.any(near, axis=0)
    rows, columns = np.nonzero(sure[low[1] : high[1], low[0] : high[0]])
    if not len(rows):
        rows, columns = np.nonzero(np.ones((high[1] - low[1], high[0] - low[0]), bool))
    chosen = np.unique(np.linspace(0, len(rows) - 1, count).round().astype(int))
    rows, columns = rows[chosen] + low[1], columns[chosen] + low[0]
    wrong = []
    for shift in (0.5, 0.0):
        rays = np.stack([columns + shift, rows + shift, np.ones(len(rows))], -1) @ np.linalg.inv(view.K).T
        z = first_hits(mesh, *pose, rays, _near(view))
        hit, inside = np.isfinite(z), silhouette[rows, columns]
        # Holes that a picture's transparency cuts are not in the model: its box has to fit all the better.
        extra = 0.0 if off <= TRANSPARENT else (hit & ~inside).mean()
        wrong.append((inside & ~hit).mean() + extra)
    outside = silhouette.copy()
    outside[low[1] : high[1], low[0] : high[0]] = False
    return bool(min(wrong) <= 0.02 and not outside.any())


def _near(view: View) -> float:
    """What is nearer than anything in the depth picture was cut off by the camera's near plane [mm]."""
    if view.depth is None or not (view.depth > 0).any():
        return 0.0
    return float(view.depth[view.depth > 0].min()) * 0.998 - 1.0


def _px(off: float) -> str:
    return f"{off:.1f} px" if off < 1e6 else "behind the camera and"


@dataclass(frozen=True, slots=True)
class Surface:
    """Stored depths [mm] of some pixels, and the model's under each reading of where pixels lie: z and distance."""

    stored: np.ndarray
    readings: list[tuple[np.ndarray, np.ndarray]]

    def off(self, kind: int, factor: float = 1.0) -> float:
        """Median difference [mm] from z (0) or distance (1); infinite where half of the rays miss the model."""

        def error(surface: np.ndarray) -> float:
            known = np.isfinite(surface)
            if known.mean() < 0.5:
                return float("inf")
            return float(np.median(np.abs(self.stored[known] * factor - surface[known])))

        return min(error(reading[kind]) for reading in self.readings)

    @property
    def middle(self) -> float:
        """Of the model's depth z [mm]."""
        z = self.readings[-1][0]
        return float(np.median(z[np.isfinite(z)])) if np.isfinite(z).any() else float(np.median(self.stored))

    @property
    def allowed(self) -> float:
        """What rounding and edges may make [mm]."""
        return 1.0 + 0.002 * self.middle

    @property
    def agrees(self) -> bool:
        """Whether the stored depths are its own, as z or as range."""
        return min(self.off(0), self.off(1)) <= self.allowed


def surface_at(mesh: Mesh, pose: Pose, view: View, visible: np.ndarray) -> Surface | None:
    """Rays through some of the visible pixels that have a depth; None where there are none, or too many triangles."""
    if view.depth is None or not 0 < len(mesh.triangles) <= MOST_TRIANGLES:
        return None
    rows, columns = np.nonzero(visible & (view.depth > 0))
    if not len(rows):
        return None
    chosen = np.unique(np.linspace(0, len(rows) - 1, SAMPLES).round().astype(int))
    rows, columns = rows[chosen], columns[chosen]
    # The file does not say where its pixels lie; both origins are tried, and the better one is believed.
    readings = []
    for shift, cut in ((0.5, _near(view)), (0.0, _near(view)), (0.5, 0.0), (0.0, 0.0)):
        rays = np.stack([columns + shift, rows + shift, np.ones(len(rows))], -1) @ np.linalg.inv(view.K).T
        z = first_hits(mesh, *pose, rays, cut)
        readings.append((z, z * np.linalg.norm(rays, axis=1)))
    return Surface(view.depth[rows, columns], readings)


def _check_depth(mesh: Mesh, pose: Pose, view: View, visible: np.ndarray, at: str, judge: Judge) -> None:
    assert view.depth is not None
    surface = surface_at(mesh, pose, view, visible)
    if surface is None:
        nearest = float((mesh.vertices @ pose[0].T + pose[1])[:, 2].min())
        nothing = not (view.depth[visible] > 0).any()
        judge.check(
            not nothing or nearest >= view.reach,
            "bop.depth-mismatch",
            at,
            "none of its visible pixels has a depth",
        )
        return
    off, as_range, allowed = surface.off(0), surface.off(1), surface.allowed
    text = f"depths are {off:.2f} mm off the model's z, {as_range:.2f} mm off its distance to the camera: range was stored"
    if off <= allowed:
        judge.check(True, "bop.depth-mismatch", at, "")
        # Within the tolerance near the axis; further out the two readings part.
        ranged = as_range < 0.25 * off and off > 0.2 * allowed and as_range <= 0.6
        judge.check(not ranged, "bop.depth-is-range", at, text)
        return
    if as_range <= allowed or as_range < 0.2 * off:
        judge.check(False, "bop.depth-is-range", at, text)
        return
    for factor in (1000.0, 0.001, 10.0, 0.1):
        if surface.off(0, factor) <= allowed:
            stored = float(np.median(surface.stored))
            text = f"depths ({stored:.4g} mm) fit the model's z ({surface.middle:.4g} mm) when multiplied by {factor:g}"
            judge.check(False, "bop.depth-scale-wrong", at, text)
            return
    judge.check(
        False,
        "bop.depth-mismatch",
        at,
        f"stored depths are {off:.2f} mm off the surface of its model in its pose (allowed {allowed:.2f} mm)",
    )
