"""Skeletons and their animations as tracks of joints and of morph weights (`scene.motion`), for what was read at rest.

The keys of a SkelAnimation's translations, rotations and scales are each read where they are authored: between them USD goes
straight, rotations along the arc, as glTF does. Touches pxr.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from twinstage.scene.bones import rig_of
from twinstage.scene.columns import F8
from twinstage.scene.motion import SHEAR, Curve, Skeleton, Track, continuous, stepped, thinned, unit
from twinstage.scene.read.context import ReadContext, array
from twinstage.scene.read.skel_rest import sub_shapes
from twinstage.scene.tables import Interned
from twinstage.scene.transforms import decompose_trs

if TYPE_CHECKING:
    from twinstage.scene.snapshot import Snapshot

JointTracks = dict[tuple[int, int], Track]
Weights = dict[int, Curve]


@dataclass(frozen=True)
class _Bound:
    """A skeleton and what it moves: `query`: UsdSkel.SkeletonQuery; `targets`: skinning queries by instance row."""

    path: str
    query: Any
    targets: dict[int, Any]


@dataclass
class SkelReader:
    """Reads the skeletons of what a snapshot draws. `seconds`: of time codes."""

    context: ReadContext
    snapshot: "Snapshot"
    seconds: Callable[[Iterable[float]], F8]
    _numbers: dict[str, int] = field(default_factory=dict)
    _pxr: list[Any] = field(default_factory=list)  # keeps queries' caches alive

    def skeletons(self) -> tuple[tuple[Skeleton, ...], dict[int, int], dict[int, tuple[float, ...]]]:
        """The skeletons that bend something, the number of the skeleton by instance row, and the weights of what morphs."""
        found: list[Skeleton] = []
        hung: dict[int, int] = {}
        weights: dict[int, tuple[float, ...]] = {}
        for bound in self._bindings():
            for row, target in bound.targets.items():
                prototype = self._prototype(row)
                if prototype.morphs:
                    weights[row] = tuple(self._weights(bound, target, [None])[0].tolist())
                if prototype.skin is None:
                    continue
                if bound.path not in self._numbers:
                    self._numbers[bound.path] = len(found)
                    found.append(self._skeleton(bound))
                hung[row] = self._numbers[bound.path]
        return tuple(found), hung, weights

    def tracks(self) -> tuple[JointTracks, Weights]:
        """How the joints and the weights move now, with those that stand still."""
        joints: JointTracks = {}
        weights: Weights = {}
        for bound in self._bindings():
            number = self._numbers.get(bound.path)
            if number is not None and not any(key[0] == number for key in joints):
                joints |= {(number, k): track for k, track in self._joints(bound.query).items()}
            for row, target in bound.targets.items():
                if self._prototype(row).morphs:
                    weights[row] = self._morphs(bound, target)
        return joints, weights

    def _prototype(self, row: int) -> Any:
        return self.snapshot.prototypes[int(self.snapshot.instances.prototype[row])]

    def _bindings(self) -> list[_Bound]:
        """Every skeleton with the drawings that it moves; counts what stands still though its skeleton moves."""
        from pxr import Usd, UsdSkel

        table, drawn = self.snapshot.prims, self.snapshot.instances
        rows = np.flatnonzero((drawn.point_id < 0) & drawn.visible)
        at = dict(zip(drawn.prim[rows].tolist(), rows.tolist(), strict=True))
        self._pxr.clear()
        out = []
        for root in np.flatnonzero(Interned.of(table.type_name).isin(["SkelRoot"])).tolist():
            prim = UsdSkel.Root(self.context.stage.GetPrimAtPath(table.path[root]))
            cache = UsdSkel.Cache()
            if not prim or not cache.Populate(prim, Usd.TraverseInstanceProxies()):
                continue
            self._pxr.append(cache)
            for binding in cache.ComputeSkelBindings(prim, Usd.TraverseInstanceProxies()):
                path = str(binding.GetSkeleton().GetPrim().GetPath())
                query = cache.GetSkelQuery(binding.GetSkeleton())
                found = {}
                for target in binding.GetSkinningTargets():
                    row = at.get(table.index_of.get(str(target.GetPrim().GetPath()), -1), -1)
                    if row >= 0:
                        found[row] = target
                if query and path in table.index_of:
                    out.append(_Bound(path, query, self._at_rest(query, found)))
        return out

    def _at_rest(self, query: Any, targets: dict[int, Any]) -> dict[int, Any]:
        """Those that were read at rest; the others are drawn as they stand, which is noted where they move."""
        kept = {}
        animation = query.GetAnimQuery()
        moves = animation and (
            animation.JointTransformsMightBeTimeVarying() or animation.BlendShapeWeightsMightBeTimeVarying()
        )
        for row, target in targets.items():
            if self._prototype(row).skin is not None or self._prototype(row).morphs:
                kept[row] = target
            elif moves:
                path = target.GetPrim().GetPath()
                text = f"{path} is drawn as its skeleton stands at the start: a GLB file cannot bend it (no mesh, not linear)"
                self.context.finding("gltf.skin", text, path)
        return kept

    def _skeleton(self, bound: _Bound) -> Skeleton:
        query, table = bound.query, self.snapshot.prims
        local = query.ComputeJointLocalTransforms(self.context.time)
        rig = rig_of(query.GetPrim())
        bones = tuple(table.index_of.get(bone, -1) for bone in rig.bones) if rig is not None else ()
        return Skeleton(
            prim=table.index_of[bound.path],
            names=tuple(str(joint).rpartition("/")[2] for joint in query.GetJointOrder()),
            parents=tuple(query.GetTopology().GetParentIndices()),
            local=self.context.conversion.matrices(np.asarray(local)),
            bones=bones if min(bones, default=-1) >= 0 else (),
        )

    # --- joints ------------------------------------------------------------------------------------------------

    def _joints(self, query: Any) -> dict[int, Track]:
        """The track of each joint, by its number in the skeleton."""
        from pxr import UsdSkel

        local = self.context.conversion.matrices(
            np.asarray(query.ComputeJointLocalTransforms(self.context.time))
        )
        t, r, s, shear = decompose_trs(local)
        sheared = int((shear > SHEAR * np.maximum(np.abs(s).max(1), 1e-30)).sum())
        if sheared:
            path = query.GetPrim().GetPath()
            text = (
                f"{path} has {sheared} sheared joints, which a GLB file cannot say; their shear is left out"
            )
            self.context.finding("gltf.shear-motion", text, path)
        zero = np.zeros(1)
        tracks = {
            k: Track(Curve(zero, t[k : k + 1]), Curve(zero, r[k : k + 1]), Curve(zero, s[k : k + 1]))
            for k in range(len(local))
        }
        animation = query.GetAnimQuery()
        if not animation or not animation.JointTransformsMightBeTimeVarying():
            return tracks
        prim = UsdSkel.Animation(animation.GetPrim())
        own = [str(joint) for joint in animation.GetJointOrder()]
        parts = [self._samples(attribute, (len(own), width)) for attribute, width in _parts(prim)]
        if any(part is None for part in parts):
            path = prim.GetPath()
            text = f"{path} is left out: at some of its keys it has not one value for each joint"
            self.context.finding("gltf.skel-animation", text, path)
            return tracks
        order = {str(joint): k for k, joint in enumerate(query.GetJointOrder())}
        for k, joint in enumerate(own):
            if joint in order:
                curves = [Curve(times, values[:, k], self._held) for times, values in filter(None, parts)]
                place, turn, size = curves
                tracks[order[joint]] = Track(
                    _keys(Curve(place.times, place.values * self.context.conversion.scale, place.held)),
                    # in memory: x, y, z, w
                    _keys(Curve(turn.times, continuous(unit(turn.values[:, [3, 0, 1, 2]])), turn.held)),
                    _keys(size),
                )
        return tracks

    @property
    def _held(self) -> bool:
        from pxr import Usd

        return bool(self.context.stage.GetInterpolationType() == Usd.InterpolationTypeHeld)

    def _samples(self, attribute: Any, shape: tuple[int, int]) -> "tuple[F8, F8] | None":
        """Keys [s] and values f8[k, *shape]; None where they are others than such, as many as there are joints."""
        codes = attribute.GetTimeSamples() if attribute.ValueMightBeTimeVarying() else []
        values = [attribute.Get(code) for code in codes] or [attribute.Get(self.context.time)]
        rows = [row for row in map(array, values) if row is not None and row.shape == shape]
        if len(rows) != len(values):
            return None
        return self.seconds(codes) if codes else np.zeros(1), np.stack(rows)

    def samples(self) -> int:
        """About how many numbers the samples of all animations are now, with their times."""
        from pxr import UsdSkel

        total = 0
        for bound in self._bindings():
            animation = bound.query.GetAnimQuery()
            if animation:
                joints = len(animation.GetJointOrder())
                for attribute, width in _parts(UsdSkel.Animation(animation.GetPrim())):
                    total += attribute.GetNumTimeSamples() * joints * (1 + width)
        return total

    # --- morph targets -----------------------------------------------------------------------------------------

    def _morphs(self, bound: _Bound, target: Any) -> Curve:
        """The weights of a drawing's morph targets."""
        animation = bound.query.GetAnimQuery()
        codes = list(animation.GetBlendShapeWeightTimeSamples()) if animation else []
        if len(codes) < 2:
            return Curve(np.zeros(1), self._weights(bound, target, [None]))
        codes = self._crossings(bound, target, codes)
        return _keys(Curve(self.seconds(codes), self._weights(bound, target, codes), self._held))

    def _shapes(self, target: Any) -> Any:
        from pxr import UsdSkel

        return UsdSkel.BlendShapeQuery(UsdSkel.BindingAPI(target.GetPrim()))

    def _primary(self, bound: _Bound, target: Any, codes: "list[Any]") -> F8:
        """Weights of the blend shapes at time codes, f8[k, shapes]; None: the moment read."""
        animation, mapper = bound.query.GetAnimQuery(), target.GetBlendShapeMapper()
        count = self._shapes(target).GetNumBlendShapes()
        out = np.zeros((len(codes), count))
        if not animation or mapper is None:
            return out
        for k, code in enumerate(codes):
            weights = animation.ComputeBlendShapeWeights(self.context.time if code is None else code)
            if weights:
                found = np.asarray(mapper.Remap(weights))[:count]
                out[k, : len(found)] = found
        return out

    def _weights(self, bound: _Bound, target: Any, codes: "list[Any]") -> F8:
        """Weights of the morph targets at time codes, f8[k, targets]."""
        from pxr import Vt

        query = self._shapes(target)
        place = {sub: k for k, sub in enumerate(sub_shapes(query))}
        primary = self._primary(bound, target, codes)
        out = np.zeros((len(codes), len(place)))
        for k, row in enumerate(primary):
            weights, _, subs = query.ComputeSubShapeWeights(Vt.FloatArray(row.tolist()))
            for weight, sub in zip(weights, subs, strict=True):
                if sub in place:
                    out[k, place[sub]] = weight
        return out

    def _crossings(self, bound: _Bound, target: Any, codes: list[float]) -> list[float]:
        """The same with the moments at which a weight passes an in-between or the rest shape, where straight lines bend."""
        query = self._shapes(target)
        knots: dict[int, set[float]] = {}
        for sub in range(query.GetNumSubShapes()):
            between = query.GetInbetween(sub)
            if between:
                knots.setdefault(query.GetBlendShapeIndex(sub), {0.0, 1.0}).add(float(between.GetWeight()))
        if not knots:
            return codes
        primary, out = self._primary(bound, target, codes), set(codes)
        for shape, weights in knots.items():
            for knot in weights:
                before, after = primary[:-1, shape] - knot, primary[1:, shape] - knot
                for k in np.flatnonzero(before * after < 0).tolist():
                    part = before[k] / (before[k] - after[k])
                    out.add(float(codes[k] * (1 - part) + codes[k + 1] * part))
        return sorted(out)


def _keys(curve: Curve) -> Curve:
    """Authored keys without those that say nothing."""
    return stepped(thinned(curve))


def _parts(animation: Any) -> tuple[tuple[Any, int], ...]:
    """The attributes of a UsdSkel.Animation that move joints, with the width of their values."""
    return (
        (animation.GetTranslationsAttr(), 3),
        (animation.GetRotationsAttr(), 4),
        (animation.GetScalesAttr(), 3),
    )
