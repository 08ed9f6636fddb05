"""What moves in a stage: time samples of transforms as tracks of nodes, in metres and seconds (`scene.motion`).

A prim whose ops are translate, orient and scale, as importers and exporters of other formats write them, keeps its authored
keys: between them glTF goes as USD does. Other stacks (Euler angles, pivots, splines) are sampled at their keys, and between
them wherever straight lines would be off. Matrices are taken at their keys only: USD blends their numbers in between, which
squeezes what turns, and nobody means that.

Several animations are variants of the set `animation` on the default prim (docs/import.md): each becomes a clip.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from twinstage.base.errors import UserError
from twinstage.scene.columns import F8
from twinstage.scene.motion import (
    SHEAR,
    Clip,
    Curve,
    Motion,
    Track,
    continuous,
    stepped,
    thinned,
    track_of_matrices,
    unit,
)
from twinstage.scene.read.context import Conversion, ReadContext
from twinstage.scene.read.motion_clips import clip_names, selected
from twinstage.scene.read.motion_keys import sample_codes
from twinstage.scene.read.skel_rest import CAGE
from twinstage.scene.transforms import matrix_to_quat, quat_multiply

if TYPE_CHECKING:
    from twinstage.scene.snapshot import Snapshot
    from twinstage.scene.stage import OpenedStage

MOST_NUMBERS = 50_000_000
"""Numbers of all curves at most; in a file they take four bytes each."""
_WIDTH = 4
"""About how many numbers a sample of a transform op is, with its time."""


def read_motion(opened: "OpenedStage", snapshot: "Snapshot") -> Motion:
    """What moves in that stage, of which `snapshot` was read at rest (`read_snapshot(at_rest=True)`).

    The stage's selections change while several animations are read, and are put back. UserError for more numbers than
    `MOST_NUMBERS`.
    """
    from pxr import UsdUtils

    from twinstage.scene.read import time_at
    from twinstage.scene.read.skel_motion import SkelReader
    from twinstage.scene.stage import diagnostics

    quiet = UsdUtils.CoalescingDiagnosticDelegate()
    context = ReadContext(
        stage=opened.stage,
        time=time_at(opened.stage, None),
        conversion=Conversion.of(opened.meters_per_unit, opened.up_axis),
        allowed=opened.allowed,
    )
    reader = MotionReader(context, snapshot)
    skeletal = SkelReader(context, snapshot, reader.seconds)
    skeletons, hung, weights = skeletal.skeletons()
    names = clip_names(opened.stage)
    moving: set[int] = set()
    numbers = 0
    for name in names:
        with selected(opened.stage, name):
            found, samples = reader.moving()
            moving |= found
            numbers += samples + skeletal.samples()
            check_size(numbers)  # before any of it is read
    clips = []
    for name in names:
        with selected(opened.stage, name):
            joints, morphs = skeletal.tracks()
            clip = Clip(name or "animation", reader.tracks(moving), joints, morphs)
        clips.append(clip)
        check_size(_numbers_of(clips))
    reader.tell_left_out()
    known = {finding.message for finding in snapshot.findings}
    cages = tuple(finding for finding in snapshot.findings if finding.code == CAGE)
    told = tuple(finding for finding in diagnostics(quiet) if finding.message not in known)
    return Motion(tuple(clips), skeletons, hung, weights, (*cages, *context.findings, *told))


def check_size(numbers: int) -> None:
    """UserError for more numbers than a file should hold."""
    if numbers > MOST_NUMBERS:
        raise UserError(
            f"the stage's animation has {numbers:,} numbers, and a GLB file holds at most {MOST_NUMBERS:,} of them here; "
            "--still writes one moment"
        )


def _numbers_of(clips: list[Clip]) -> int:
    sizes = {id(curve): curve.times.size + curve.values.size for clip in clips for curve in clip.curves()}
    return sum(sizes.values())


@dataclass
class MotionReader:
    """Reads the tracks of nodes.

    Prims are known by their rows: the paths of native prototypes change whenever another variant is selected.
    """

    context: ReadContext
    snapshot: "Snapshot"
    _lost: int = 0
    _instanced: int = 0

    def seconds(self, codes: Iterable[float]) -> F8:
        """Seconds of time codes."""
        return np.asarray(list(codes), np.float64) / float(self.context.stage.GetTimeCodesPerSecond())

    @property
    def held(self) -> bool:
        """Whether the stage holds values between samples."""
        from pxr import Usd

        return bool(self.context.stage.GetInterpolationType() == Usd.InterpolationTypeHeld)

    def _prims(self) -> Iterator[Any]:
        from pxr import Usd

        stage = self.context.stage
        for root in (stage.GetPseudoRoot(), *stage.GetPrototypes()):
            yield from Usd.PrimRange(root)

    def moving(self) -> tuple[set[int], int]:
        """Rows of the prims whose transform moves now, and about how many numbers their samples are."""
        from pxr import UsdGeom

        paths: set[str] = set()
        numbers = 0
        for prim in self._prims():
            xformable = UsdGeom.Xformable(prim)
            if xformable and not prim.IsPrototype() and xformable.TransformMightBeTimeVarying():
                paths.add(str(prim.GetPath()))
                ops = xformable.GetOrderedXformOps()
                numbers += _WIDTH * sum(op.GetAttr().GetNumTimeSamples() for op in ops)
        rows = dict(self._rows(paths))
        shown = {self.snapshot.prims.path[row]: path for row, path in rows.items()}
        drawn = {shown.get(path, path) for path in self._below_prototypes(paths | set(shown))}
        self._instanced = max(self._instanced, len(drawn))
        self._lost = max(self._lost, len(paths - drawn - set(rows.values())))
        return set(rows), numbers

    def _below_prototypes(self, paths: set[str]) -> set[str]:
        """Those of the paths at or below what point instancers draw."""
        from pxr import Sdf, UsdGeom

        drawn: set[Any] = set()
        for prim in self._prims() if paths else ():
            if prim.IsA(UsdGeom.PointInstancer):
                drawn.update(UsdGeom.PointInstancer(prim).GetPrototypesRel().GetForwardedTargets())
        return {path for path in paths if drawn and not drawn.isdisjoint(Sdf.Path(path).GetPrefixes())}

    def tracks(self, rows: set[int]) -> dict[int, Track]:
        """The tracks of these prims, by row, without those that are not there now; instances share those of what they hold."""
        table = self.snapshot.prims
        by_path: dict[str, Track] = {}
        out: dict[int, Track] = {}
        numbers = 0
        for row in sorted(rows):
            prim = self.context.stage.GetPrimAtPath(table.path[row])
            if not prim:
                continue
            own = prim.GetPrimInPrototype() if prim.IsInstanceProxy() else prim
            path = str(own.GetPath())
            if path not in by_path:
                track = self._track(own, in_world=table.parent[row] < 0 or bool(table.resets[row]))
                numbers += sum(curve.times.size + curve.values.size for _, curve in track.parts())
                check_size(numbers)
                by_path[path] = track
            out[row] = by_path[path]
        return out

    def _rows(self, paths: set[str]) -> Iterator[tuple[int, str]]:
        """Rows with those of the paths, in the stage or in a native prototype, that they have."""
        table, inside = self.snapshot.prims, False
        for path in sorted(paths):
            row = table.index_of.get(path, -1)
            if row >= 0:
                yield row, path
            inside |= row < 0
        if not inside:
            return
        for row in np.flatnonzero(table.proxy).tolist():
            prim = self.context.stage.GetPrimAtPath(table.path[row])
            own = str(prim.GetPrimInPrototype().GetPath()) if prim and prim.IsInstanceProxy() else ""
            if own in paths:
                yield row, own

    def _track(self, prim: Any, *, in_world: bool) -> Track:
        """The track of a prim; of one that has no transform now, or one that cannot be read, nothing is said."""
        from pxr import Tf, UsdGeom

        xformable = UsdGeom.Xformable(prim)
        if not xformable:
            return Track()
        world = self.context.conversion.world if in_world else np.eye(4)
        ops = xformable.GetOrderedXformOps()
        simple = self._simple(ops, world) if _is_trs(ops) else None
        try:
            return simple or self._sampled(xformable, ops, world)
        except Tf.ErrorException:
            text = f"{prim.GetPath()} stands still in a GLB file: its transform ops have values of another type than USD says"
            self.context.finding("gltf.transform-type", text, prim.GetPath())
            return Track()

    def _simple(self, ops: list[Any], world: F8) -> Track | None:
        """Ops that are translate, orient and scale: their own keys, number for number; None where one is blocked."""
        from pxr import UsdGeom

        op, scale = UsdGeom.XformOp, self.context.conversion.scale
        turn = matrix_to_quat(world[:3, :3])
        parts: dict[str, Curve] = {}
        for one in ops:
            found = self._samples(one)
            if found is None:
                return None
            times, values = found
            if one.GetOpType() == op.TypeTranslate:
                parts["translation"] = self._curve(times, values @ world[:3, :3].T * scale)
            elif one.GetOpType() == op.TypeScale:
                parts["scale"] = self._curve(times, values)
            else:
                quats = quat_multiply(turn, unit(values)) if turn[0] != 1.0 else unit(values)
                parts["rotation"] = self._curve(times, continuous(quats))
        for name, rest in (("translation", np.zeros(3)), ("rotation", turn), ("scale", np.ones(3))):
            parts.setdefault(name, Curve(np.zeros(1), rest[None]))
        return Track(**parts)

    def _samples(self, op: Any) -> tuple[np.ndarray, np.ndarray] | None:
        """Keys [s] and values of an op; quaternions as wxyz. None where a key has no value, or one of another type."""
        codes = op.GetTimeSamples() if op.MightBeTimeVarying() else []
        values = [op.Get(code) for code in codes] or [op.Get(self.context.time)]
        if any(value is None for value in values):
            return None
        rows = _numbers(values)
        return None if rows is None else (self.seconds(codes) if codes else np.zeros(1), rows)

    def _curve(self, times: np.ndarray, values: np.ndarray) -> Curve:
        return stepped(thinned(Curve(times, np.asarray(values, np.float64), self.held)))

    def _sampled(self, xformable: Any, ops: list[Any], world: F8) -> Track:
        """Any other stack: its matrices."""
        from pxr import UsdGeom

        codes = sample_codes(xformable, ops, held=self.held)
        rate = self.context.stage.GetTimeCodesPerSecond()
        moving = [op.GetOpType() for op in ops if op.MightBeTimeVarying()]
        matrices = set(moving) == {UsdGeom.XformOp.TypeTransform}

        def at(times: np.ndarray) -> F8:
            found = [np.array(xformable.GetLocalTransformation(float(t) * rate)) for t in times]
            return np.asarray(world @ self.context.conversion.matrices(np.array(found)))

        times = self.seconds(codes) if codes else np.zeros(1)
        track, shear, steep = track_of_matrices(at, times, held=self.held, split=not matrices)
        if matrices and len(times) > 1:
            text = "moving matrices: between their keys a GLB file turns what USD blends number by number"
            self.context.count("gltf.matrix-motion", text)
        path = xformable.GetPath()
        if steep:
            text = f"{path} moves so steeply between its keys that the straight lines of a GLB file are off there"
            self.context.finding("gltf.steep-motion", text, path)
        if shear > SHEAR:
            text = f"{path} is sheared while it moves, which a GLB file cannot say; its shear is left out"
            self.context.finding("gltf.shear-motion", text, path)
        return track

    def tell_left_out(self) -> None:
        """Count what changes over time and is neither a transform nor a skeleton's pose: a GLB file shows it as it is now."""
        if self._instanced:
            text = "moving prims are drawn by point instancers, whose points a GLB file shows as they are at the start"
            self.context.count("gltf.still", text, self._instanced)
        if self._lost:
            text = "prims move in an animation that is not selected and are not there in the one that is; they are left out"
            self.context.count("gltf.still", text, self._lost)
        counts: dict[str, int] = {}
        layers = self.context.stage.GetUsedLayers(includeClipLayers=True)
        if not any(layer.ListAllTimeSamples() for layer in layers):
            return
        for prim in self._prims():
            if prim.GetTypeName() in ("SkelAnimation",):
                continue
            for attribute in prim.GetAuthoredAttributes():
                name = str(attribute.GetName())
                if not name.startswith("xformOp") and attribute.ValueMightBeTimeVarying():
                    counts[name] = counts.get(name, 0) + 1
        for name, number in sorted(counts.items()):
            self.context.count(
                "gltf.still",
                f"{name} changes over time, which a GLB file shows as it is at the start",
                number,
            )


def _is_trs(ops: list[Any]) -> bool:
    """Whether ops are at most one translate, one orient and one scale, in that order, given as samples or plain values."""
    from pxr import UsdGeom

    op = UsdGeom.XformOp
    order = [op.TypeTranslate, op.TypeOrient, op.TypeScale]
    kinds = [one.GetOpType() for one in ops]
    if any(one.IsInverseOp() or one.GetAttr().HasSpline() for one in ops) or len(set(kinds)) < len(kinds):
        return False
    return all(kind in order for kind in kinds) and sorted(kinds, key=order.index) == kinds


def _numbers(values: list[Any]) -> F8 | None:
    """Values of one op as rows; quaternions as wxyz; None for values of another type."""
    from pxr import Gf, Vt

    kinds = {Gf.Vec3f: Vt.Vec3fArray, Gf.Vec3h: Vt.Vec3hArray, Gf.Vec3d: Vt.Vec3dArray}
    turns = {Gf.Quatf: Vt.QuatfArray, Gf.Quath: Vt.QuathArray, Gf.Quatd: Vt.QuatdArray}
    kind = type(values[0])
    if kind not in kinds | turns or any(type(value) is not kind for value in values):
        return None
    rows = np.asarray((kinds | turns)[kind](values), np.float64)
    return rows[:, [3, 0, 1, 2]] if kind in turns else rows  # in memory: x, y, z, w
