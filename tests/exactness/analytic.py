"""Captures of scenes whose answer is known in closed form, judged: largest errors, and sentences for what must not be."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from exactness import ours
from exactness.closed_form import FirstHits, Thing, first_hits
from exactness.eyes import Eye
from exactness.stages import Set
from exactness.verdict import angle, inner, tight_box
from twinstage.render.capture import Capture
from twinstage.scene.snapshot import Snapshot

DEPTH = 1e-6
"""Relative error of depth and range that is allowed on planes and boxes."""


@dataclass(frozen=True)
class Scene:
    """Things with the snapshot that was read of their stage; `row`: the object of each thing; `chord` [m] of each. By name of a
    thing, of points in its frame: `uv` f8[n, 2], `part` i[n], and how far the border between parts is, `border` f8[n]."""

    things: Sequence[Thing]
    snapshot: Snapshot
    row: np.ndarray
    instance: np.ndarray
    chord: np.ndarray
    unit: float
    uv: Mapping[str, Callable[[np.ndarray], np.ndarray]]
    part: Mapping[str, Callable[[np.ndarray], np.ndarray]]
    border: Mapping[str, Callable[[np.ndarray], np.ndarray]]

    @classmethod
    def of(cls, stage: Set) -> "Scene":
        """Read the stage with the product's reader and find each thing's rows by its path."""
        snapshot = ours.read(stage.save())
        paths = [snapshot.prims.path[o.prim] for o in snapshot.objects]
        row = np.array([paths.index(thing.path) for thing in stage.things])
        drawn = [snapshot.prims.path[p] for p in snapshot.instances.prim.tolist()]
        instance = np.array([drawn.index(thing.path) for thing in stage.things])
        chord = [snapshot.prototypes[k].chord_error for k in snapshot.instances.prototype[instance].tolist()]
        return cls(
            stage.things,
            snapshot,
            row,
            instance,
            np.array(chord),
            stage.unit,
            stage.uv,
            stage.part,
            stage.border,
        )


@dataclass
class Report:
    """Largest errors by name, and what must not be."""

    figures: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def most(self, name: str, values: np.ndarray | float) -> float:
        """Keep the largest value under that name; NaN counts as infinite."""
        worst = float(np.nan_to_num(np.abs(values), nan=np.inf).max(initial=0.0))
        self.figures[name] = max(self.figures.get(name, 0.0), worst)
        return worst

    def limit(self, name: str, values: np.ndarray | float, limit: float) -> None:
        """The same, with a limit."""
        if self.most(name, values) > limit:
            self.problems.append(f"{name} is {self.figures[name]:.3g}, not within {limit:.3g}")

    def none(self, name: str, wrong: np.ndarray) -> None:
        """Nothing of that may be."""
        self.limit(name, float(np.count_nonzero(wrong)), 0)


@dataclass(frozen=True)
class Truth:
    """What the closed forms say of one picture: first hits, and `ids` [h, w], thing + 1; `still`: 3 x 3 pixels of one id
    and face."""

    eye: Eye
    hits: FirstHits
    ids: np.ndarray
    inner: np.ndarray
    still: np.ndarray

    @classmethod
    def of(cls, things: Sequence[Thing], eye: Eye, grow: int = 0) -> "Truth":
        pixels = eye.grid(grow)
        origin, direction = eye.rays(pixels)
        hits = first_hits(things, origin, direction, eye.near, eye.far)
        shape = eye.height * (2 * grow + 1), eye.width * (2 * grow + 1)
        ids = (hits.thing + 1).reshape(shape)
        faces = np.where(hits.thing >= 0, hits.face, -1).reshape(shape)
        alone = inner(ids)
        return cls(eye, hits, ids, alone, alone & inner(faces))


def expected_aovs(truth: Truth, things: Sequence[Thing], row: np.ndarray) -> Mapping[str, np.ndarray]:
    """What AOVs should hold, in float64."""
    eye, hits, shape = truth.eye, truth.hits, truth.ids.shape
    met = hits.thing >= 0
    rows = eye.grid()[:, 1].astype(int)
    local = eye.local(np.where(met[:, None], hits.point, 0.0), rows)
    origin, _ = eye.rays(eye.grid())
    pose = np.broadcast_to(eye.pose, (eye.height, 4, 4)) if eye.poses is None else eye.poses
    nocs = np.full((len(met), 3), np.nan)
    for k, thing in enumerate(things):
        mine = hits.thing == k
        low, high = thing.shape.box()
        flat = high > low
        at = np.where(flat, (hits.local[mine] - low) / np.where(flat, high - low, 1), 0.5)
        turned = np.abs(thing.own[:3, :3]) @ np.ones(3)
        assert np.allclose(turned, 1)
        nocs[mine] = (at - 0.5) @ thing.own[:3, :3].T + 0.5
    out = {
        "depth": np.where(met, local[:, 2], np.inf),
        "range": np.where(met, np.linalg.norm(hits.point - origin, axis=1), np.inf),
        "object": np.append(row + 1, 0)[hits.thing],
        "position": hits.point,
        "normal": hits.normal,
        "normal_camera": np.einsum("nji,nj->ni", pose[rows][:, :3, :3], hits.normal),
        "nocs": nocs,
    }
    return {name: value.reshape(*shape, *value.shape[1:]) for name, value in out.items()}


def judge(scene: Scene, truth: Truth, capture: Capture, canvas: bool = False) -> Report:
    """AOVs, masks and counts of one capture against the closed form, as far as it has them.

    Planes and boxes: depth within `DEPTH`, normals within 0.001 degrees. Curved shapes: the point where the ray ends is
    within the declared chord error of the true surface.
    """
    report = Report()
    expected = expected_aovs(truth, scene.things, scene.row)
    ids = capture.aovs["object"]
    alike = ids == expected["object"]
    report.most("pixels", float(np.count_nonzero(truth.ids)))
    report.none("wrong pixels away from edges", ~alike & truth.inner)
    report.most("wrong pixels on edges", float(np.count_nonzero(~alike & ~truth.inner)))
    flat = np.append(scene.chord == 0, False)[truth.hits.thing].reshape(ids.shape)
    sure = alike & truth.inner & (truth.ids > 0)
    _distances(scene, truth, capture, report, expected, sure, sure & flat)
    _directions(capture, report, expected, truth.still & sure & flat)
    _places(scene, truth, capture, report, expected, sure & flat & truth.still)
    _surface(scene, truth, capture, report, sure & truth.still)
    _masks(scene, truth, capture, report, canvas)
    return report


def _distances(
    scene: Scene,
    truth: Truth,
    capture: Capture,
    report: Report,
    expected: Mapping[str, np.ndarray],
    sure: np.ndarray,
    flat: np.ndarray,
) -> None:
    for name in ("depth", "range"):
        if name in capture.aovs:
            got, want = capture.aovs[name].astype(np.float64), expected[name]
            report.limit(f"{name}, relative, planes and boxes", got[flat] / want[flat] - 1, DEPTH)
            report.none(f"{name} where nothing is", np.isfinite(got) & (truth.ids == 0) & truth.inner)
    origin, direction = truth.eye.rays(truth.eye.grid())
    t = capture.aovs["depth" if truth.eye.along_axis else "range"].astype(np.float64).ravel()
    for k, thing in enumerate(scene.things):
        mine = (sure & (truth.ids == k + 1)).ravel()
        if scene.chord[k] == 0 or not mine.any():
            continue
        point = origin[mine] + t[mine, None] * direction[mine]
        local = (point - thing.placed[:3, 3]) @ np.linalg.inv(thing.placed[:3, :3]).T
        off = thing.shape.distance(local) * scene.unit
        rounding = np.abs(t[mine]).max() * 1e-6
        report.limit("distance to the true surface / chord error", off / (scene.chord[k] + rounding), 1.0)


def _directions(
    capture: Capture, report: Report, expected: Mapping[str, np.ndarray], still: np.ndarray
) -> None:
    for name in ("normal", "normal_camera"):
        if name in capture.aovs:
            off = angle(capture.aovs[name][still].astype(np.float64), expected[name][still])
            report.limit(f"{name} [degrees], planes and boxes", off, 1e-3)


def _places(
    scene: Scene,
    truth: Truth,
    capture: Capture,
    report: Report,
    expected: Mapping[str, np.ndarray],
    still: np.ndarray,
) -> None:
    if "position" in capture.aovs:
        off = np.linalg.norm(capture.aovs["position"] - expected["position"], axis=-1)[still]
        size = np.abs(expected["position"][still]).max(initial=0.0)
        rounding = np.spacing(np.float32(size)) * 2  # float32 holds a point 10 km out to half a millimetre
        report.limit(
            "position, relative to depth, planes and boxes",
            np.maximum(off - rounding, 0) / expected["depth"][still],
            2e-6,
        )
    if "nocs" in capture.aovs:
        got, want = capture.aovs["nocs"], expected["nocs"]
        report.limit("NOCS, planes and boxes", got[still] - want[still], 1e-5)
        report.none("NOCS where nothing is", np.isfinite(got).any(-1) & (truth.ids == 0) & truth.inner)


def _surface(scene: Scene, truth: Truth, capture: Capture, report: Report, still: np.ndarray) -> None:
    """Texture coordinates and parts, where the scene knows them."""
    shape = truth.ids.shape
    for k, thing in enumerate(scene.things):
        mine = still & (truth.ids == k + 1)
        local = truth.hits.local.reshape(*shape, 3)[mine]
        name = thing.path.rpartition("/")[2]
        if name in scene.uv:
            report.limit("uv", capture.aovs["uv"][mine] - scene.uv[name](local), 1e-5)
        else:
            report.none(
                "uv where there are none", np.isfinite(capture.aovs["uv"][mine]) & (scene.chord[k] == 0)
            )
        part = scene.part[name](local) if name in scene.part else np.ones(len(local))
        border = scene.border[name](local) if name in scene.border else np.full(len(local), np.inf)
        wrong = (capture.aovs["part"][mine] != part) & (border > 1e-5)
        report.none("wrong parts", wrong)


def _masks(scene: Scene, truth: Truth, capture: Capture, report: Report, canvas: bool) -> None:
    shape = truth.ids.shape
    wide = (
        Truth.of(scene.things, truth.eye, 1)
        if truth.eye.kind != "brown" and truth.eye.sweep is None
        else None
    )
    got = {mask.object: mask for mask in capture.objects}
    for k, row in enumerate(scene.row.tolist()):
        amodal = truth.hits.hit[k].reshape(shape)
        sure = inner(amodal)
        mask = got.pop(row, None)
        if mask is None:
            report.none("objects missed", amodal & sure)
            continue
        visible = truth.ids == k + 1
        report.none("visible mask: wrong pixels away from edges", (mask.visible != visible) & truth.inner)
        report.none("full mask: wrong pixels away from edges", (mask.amodal != amodal) & sure)
        report.most("visible_px off", float(mask.visible_px - np.count_nonzero(visible)))
        report.most("amodal_px_in_frame off", float(mask.amodal_px_in_frame - np.count_nonzero(amodal)))
        _box(report, mask.visible, visible)
        report.none(
            "counts that differ from their masks",
            np.array([mask.visible.sum() - mask.visible_px, mask.amodal.sum() - mask.amodal_px_in_frame]),
        )
        if wide is not None:
            whole = wide.hits.hit[k].reshape(wide.ids.shape)
            edge = np.count_nonzero(~inner(whole))
            off = abs(mask.amodal_px_total - np.count_nonzero(whole))
            report.most("amodal_px_total off", off)
            share = max(off - 1, 0) / max(edge, 1)
            report.limit("amodal_px_total off / pixels on the outline", share, 0.1 if scene.chord[k] else 0.0)
    report.none("objects that are not there", np.array(list(got)) >= 0)


def _box(report: Report, got: np.ndarray, want: np.ndarray) -> None:
    a, b = tight_box(got), tight_box(want)
    if (a is None) != (b is None):
        report.most("tight box [px]", np.inf if np.count_nonzero(want) > 4 else 0.0)
    elif a is not None and b is not None:
        report.limit("tight box [px]", np.subtract(a, b).astype(float), 1)
