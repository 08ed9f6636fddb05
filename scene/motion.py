"""What moves in a stage, as curves over seconds: nodes, the joints of skeletons, the weights of morph targets. numpy only.

`read.motion` fills it from pxr; `glb_motion` and `glb_skins` write it as glTF has it. Lengths are metres, rotations unit
quaternions wxyz; a snapshot says where everything is at one moment, and this says where it goes.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from twinstage.base.finding import Finding
from twinstage.scene.columns import F8
from twinstage.scene.transforms import compose_trs, decompose_trs

FRACTIONS = (0.2360679774997898, 0.5, 0.7071067811865476)
"""Where between two keys straight lines are compared with what they stand for. Whole turns between two keys are not seen by
that, wherever one looks: `read.motion_keys` sees to it that there are none."""
TOLERANCE = 1e-5
"""How far they may be off: of the scale for the linear part, of the way that is gone for the place."""
ROUNDING = 1e-9
"""The least that a place may be off, by the size of its numbers and of a metre: below lies what rounding makes of it."""
JUMP = 1.5e-4
"""Longest way between two values that stands for a step [s]."""
NOISE = 5e-7
"""Relative change of a part of a matrix that is no motion: matrices come from single precision, too."""
PLACE_NOISE = 1.5e-7
"""The same for places: little more than the least step of single precision, in which a GLB file has them."""
SHEAR = 1e-4
"""Shear by its scale above which its loss is told."""
MOST_SPLITS = 9
"""How often a span between two keys is halved at most."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A property over time.

    Attributes:
        times: f8[k] [s], strictly rising; of one key, the value holds for all times.
        values: f8[k, w].
        held: values jump at each key instead of going to it in a straight line (rotations: along the shorter arc).
    """

    times: F8
    values: F8
    held: bool = False

    @property
    def still(self) -> bool:
        """Whether it says one value only."""
        return len(self.times) == 1


@dataclass(frozen=True, slots=True)
class Track:
    """A node's local transform over time; None for a part that nothing is said of."""

    translation: Curve | None = None
    rotation: Curve | None = None
    scale: Curve | None = None

    def parts(self) -> Iterator[tuple[str, Curve]]:
        """The parts that are there, with the names that glTF gives them."""
        for name, curve in (
            ("translation", self.translation),
            ("rotation", self.rotation),
            ("scale", self.scale),
        ):
            if curve is not None:
                yield name, curve


@dataclass(frozen=True, slots=True)
class Skeleton:
    """Joints below a prim. `parents`: i4[j], -1 below the prim itself, parents first.

    Attributes:
        prim: row of the Skeleton in the prim table.
        names: last part of each joint's name.
        local: parent_from_joint at the moment read, f8[j, 4, 4] [m].
        bones: rows of the prims that are the joints, where they are prims (`scene.bones`); else ().
    """

    prim: int
    names: tuple[str, ...]
    parents: tuple[int, ...]
    local: F8
    bones: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Clip:
    """Motions that play together.

    Attributes:
        nodes: by row of the prim table; joints: by number of the skeleton and of its joint.
        weights: of morph targets f8[k, targets], by row of the instance table.
    """

    name: str
    nodes: Mapping[int, Track] = field(default_factory=dict)
    joints: Mapping[tuple[int, int], Track] = field(default_factory=dict)
    weights: Mapping[int, Curve] = field(default_factory=dict)

    def curves(self) -> Iterator[Curve]:
        """All curves."""
        for track in (*self.nodes.values(), *self.joints.values()):
            for _, curve in track.parts():
                yield curve
        yield from self.weights.values()


@dataclass(frozen=True, slots=True)
class Motion:
    """All that moves beside a snapshot that was read at rest.

    Attributes:
        hung: number of the skeleton of each drawing that one bends or morphs, by row of the instance table.
        weights: of the morph targets of each such drawing at the moment read.
        findings: what could not be said.
    """

    clips: tuple[Clip, ...] = ()
    skeletons: tuple[Skeleton, ...] = ()
    hung: Mapping[int, int] = field(default_factory=dict)
    weights: Mapping[int, tuple[float, ...]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def unit(quats: np.ndarray) -> F8:
    """Quaternions of length 1 [..., 4]; of no length: no turn."""
    values = np.asarray(quats, np.float64)
    length = np.linalg.norm(values, axis=-1, keepdims=True)
    return np.where(length > 0, values / np.where(length > 0, length, 1.0), [1.0, 0.0, 0.0, 0.0])


def continuous(quats: np.ndarray) -> F8:
    """The same turns f8[k, 4], each quaternion on the side of the one before it, so that lines between them are short."""
    out = np.array(quats, np.float64)
    flips = (out[1:] * out[:-1]).sum(1) < 0
    out[1:][np.cumsum(flips) % 2 == 1] *= -1
    return out


def slerp(a: np.ndarray, b: np.ndarray, part: np.ndarray) -> F8:
    """Between unit quaternions [n, 4] along the shorter arc, at fractions [n]."""
    dot = (a * b).sum(-1, keepdims=True)
    b, dot = np.where(dot < 0, -b, b), np.abs(dot)
    angle = np.arccos(np.clip(dot, -1.0, 1.0))
    sine, part = np.sin(angle), part[:, None]
    near = sine < 1e-9
    safe = np.where(near, 1.0, sine)
    wa = np.where(near, 1.0 - part, np.sin((1.0 - part) * angle) / safe)
    wb = np.where(near, part, np.sin(part * angle) / safe)
    return unit(wa * a + wb * b)


def thinned(curve: Curve, tolerance: float = 0.0) -> Curve:
    """Without the keys inside a stretch of one value; a curve that stays within `tolerance` is its first key alone.

    The last key stays, so that an animation that ends with a rest is as long as it was.
    """
    values = curve.values
    if np.ptp(values, axis=0).max(initial=0.0) <= tolerance:
        return Curve(curve.times[:1], values[:1], curve.held)
    same = (values[1:] == values[:-1]).all(1)
    keep = np.ones(len(values), bool)
    if curve.held:
        keep[1:-1] = ~same[:-1]
    else:
        keep[1:-1] = ~(same[1:] & same[:-1])
    return Curve(curve.times[keep], values[keep], curve.held)


def stepped(curve: Curve) -> Curve:
    """A curve that only stands still and jumps within `JUMP`, as a held one: so importers write steps into USD.

    For keys as they were authored: those that `track_of_matrices` puts in may lie as close together.
    """
    if curve.held or len(curve.times) < 3:
        return curve
    same = (np.diff(curve.values, axis=0) == 0).all(1)
    if not (same | (np.diff(curve.times) <= JUMP)).all() or same.all():
        return curve
    keep = np.concatenate([[True], ~same])
    keep[-1] = True
    return Curve(curve.times[keep], curve.values[keep], True)


def track_of_matrices(
    at: Callable[[np.ndarray], F8], times: np.ndarray, *, held: bool = False, split: bool = True
) -> tuple[Track, float, bool]:
    """The track of a transform that is known as matrices; its greatest shear, by its scale (TRS loses it); whether it is steep.

    Args:
        at: parent_from_node f8[n, 4, 4] at times [n].
        times: the keys; between two of them more are put in until straight lines stay within `TOLERANCE`. Where that needs
            more than `MOST_SPLITS` halvings, the transform is steep.
        split: whether to do that.

    Keys whose matrix is not finite are left out; without any other the track says nothing.
    """
    matrices = at(times)
    good = np.asarray(np.isfinite(matrices).all((1, 2)), bool)
    open_ = good[1:] & good[:-1]
    open_ = open_[good[:-1]][: max(int(good.sum()) - 1, 0)]  # spans that begin with a key that is kept
    times, matrices = times[good], matrices[good]
    if not len(times):
        return Track(), 0.0, False
    open_ &= np.diff(times) > JUMP
    authored, steep = len(times), False
    if split and not held and len(times) > 1:
        times, matrices, steep = _split(at, times, matrices, open_)
    t, r, s, shear = decompose_trs(matrices)
    size = max(float(np.abs(s).max(initial=0.0)), 1e-30)
    curves = (
        thinned(Curve(times, t, held), PLACE_NOISE * float(np.abs(t).max(initial=0.0))),
        thinned(Curve(times, continuous(r), held), NOISE),
        thinned(Curve(times, s, held), NOISE * size),
    )
    if len(times) == authored:
        curves = (stepped(curves[0]), stepped(curves[1]), stepped(curves[2]))
    return Track(*curves), float(shear.max(initial=0.0)) / size, steep


def _split(
    at: Callable[[np.ndarray], F8], times: np.ndarray, matrices: F8, open_: np.ndarray
) -> tuple[np.ndarray, F8, bool]:
    """The same with keys put in where straight lines would be off in spans `open_`, and whether some still are."""
    reach = float(np.ptp(matrices[:, :3, 3], axis=0).max())
    size = max(float(np.linalg.norm(matrices[:, :3, :3], axis=1).max()), 1e-30)
    limits = np.full((3, 4), TOLERANCE * size)
    limits[:, 3] = max(TOLERANCE * reach, ROUNDING * max(1.0, float(np.abs(matrices[:, :3, 3]).max())))
    for halvings in range(MOST_SPLITS + 1):
        spans = np.flatnonzero(open_)
        bad = spans[_off(at, times, matrices, spans, limits)]
        if not len(bad) or halvings == MOST_SPLITS:
            break
        middle = (times[bad] + times[bad + 1]) / 2
        times = np.insert(times, bad + 1, middle)
        matrices = np.insert(matrices, bad + 1, at(middle), axis=0)
        open_ = np.zeros(len(times) - 1, bool)
        places = bad + np.arange(len(bad))  # of the first half of each span that was halved
        open_[places] = open_[places + 1] = True
    return times, matrices, bool(len(bad))


def _off(
    at: Callable[[np.ndarray], F8], times: np.ndarray, matrices: F8, spans: np.ndarray, limits: F8
) -> np.ndarray:
    """Which of those spans straight lines between their ends do not say, bool[spans]."""
    (ta, ra, sa, _), (tb, rb, sb, _) = decompose_trs(matrices[spans]), decompose_trs(matrices[spans + 1])
    out = np.zeros(len(spans), bool)
    for part in FRACTIONS:
        true = at(times[spans] * (1 - part) + times[spans + 1] * part)
        line = compose_trs(
            ta * (1 - part) + tb * part,
            slerp(ra, rb, np.full(len(spans), part)),
            sa * (1 - part) + sb * part,
        )
        gap = np.abs(true - line)[:, :3]
        out |= (gap > limits).any((1, 2)) & np.isfinite(gap).all((1, 2))
    return out
