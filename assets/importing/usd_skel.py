"""Skins and morph targets as UsdSkel: SkelRoot, Skeleton, SkelAnimation, BlendShape. Touches pxr."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from twinstage.assets.importing.document import Channel, Document, Mesh, note
from twinstage.assets.importing.motion import by_property, codes_of, evaluate, sample_times
from twinstage.assets.importing.names import Names, prim_name
from twinstage.assets.importing.plan import Plan
from twinstage.assets.importing.skinning import Rig, make_rig, poses, skinned
from twinstage.assets.importing.usd_author import (
    apply,
    attribute,
    define,
    floats,
    integers,
    matrices,
    over,
    relate,
    tokens,
    valid_name,
    vectors,
)
from twinstage.assets.importing.usd_geometry import Prepared, write
from twinstage.assets.importing.usd_motion import Clip
from twinstage.assets.importing.usd_nodes import decorate, override
from twinstage.base.finding import Finding
from twinstage.scene.transforms import compose_trs, decompose_trs

MAX_POSES = 32
"""Poses of an animation from which the box around a skinned mesh is made."""


@dataclass
class _Shapes:
    """Morph targets under one SkelRoot: their tokens, the weights at rest, and the channels of each node."""

    tokens: list[str] = field(default_factory=list)
    rest: list[float] = field(default_factory=list)
    places: dict[int, list[int]] = field(default_factory=dict)


@dataclass
class Skeletons:
    """Writes the SkelRoots of a document. `boxes`: around what is drawn at rest, by node [m]."""

    layer: Any
    document: Document
    plan: Plan
    made: Sequence[Prepared | None]
    materials: Mapping[int, str]
    clips: Sequence[Clip]
    notes: dict[Finding, None] = field(default_factory=dict)
    boxes: dict[int, np.ndarray] = field(default_factory=dict)

    def write(self) -> None:
        """All of them."""
        for number, path in self.plan.skins.items():
            self._skin(number, path)
        for node in sorted(self.plan.morphed):
            self._morphed(node, self.plan.nodes[node])

    def _skin(self, number: int, path: str) -> None:
        rig = make_rig(self.document, number)
        root = define(self.layer, path, "SkelRoot")
        skeleton = define(self.layer, f"{path}/Skeleton", "Skeleton")
        attribute(skeleton, "joints", "token[]", tokens(_valid(rig.names)), uniform=True)
        attribute(skeleton, "bindTransforms", "matrix4d[]", matrices(rig.bind), uniform=True)
        attribute(skeleton, "restTransforms", "matrix4d[]", matrices(rig.local), uniform=True)
        shapes = _Shapes()
        nodes = [
            n
            for n in sorted(self.plan.deformed)
            if self.document.nodes[n].skin == number and self.plan.geometry[n]
        ]
        box: list[np.ndarray] = []
        for n in nodes:
            self._mesh(n, rig, skeleton, shapes, several=len(nodes) > 1)
            box += self._boxes(n, rig)
        corners = np.concatenate(box)
        extent = np.stack([corners.min(0), corners.max(0)])
        attribute(root, "extent", "float3[]", vectors(extent, "Vec3f"))
        self._animations(path, skeleton, rig, shapes)

    def _mesh(self, n: int, rig: Rig, skeleton: Any, shapes: _Shapes, *, several: bool) -> None:
        node, path = self.document.nodes[n], self.plan.geometry[n]
        made = self.made[node.geometry]
        assert made is not None and made.mesh is not None and made.mesh.joints is not None
        prim = write(self.layer, path, made, self.materials)
        indices = integers(rig.rank[made.mesh.joints].reshape(-1))
        prim.attributes["primvars:skel:jointIndices"].default = indices
        relate(prim, "skel:skeleton", str(skeleton.path))
        if node.material >= 0:
            override(prim, self.materials.get(node.material), made)
        if self.plan.nodes[n] == path:
            decorate(prim, node)
        self._shapes(n, prim, made, shapes, several=several)

    def _boxes(self, n: int, rig: Rig) -> list[np.ndarray]:
        """Corners of the boxes around a skinned mesh, at rest and over its animations."""
        made = self.made[self.document.nodes[n].geometry]
        assert made is not None and made.mesh is not None
        mesh = made.mesh
        assert mesh.joints is not None and mesh.weights is not None
        joints = rig.rank[mesh.joints]
        locals_ = [rig.local]
        for clip in self.clips:
            channels = by_property(clip.animation)
            times, t, r, s = poses(self.document, rig, channels)
            for k in np.unique(np.linspace(0, len(times) - 1, MAX_POSES).astype(int)).tolist():
                locals_.append(compose_trs(t[k], r[k], s[k]))
        out = []
        for local in locals_:
            for offsets in (0.0, *(morph.offsets for morph in mesh.morphs[:MAX_POSES])):
                points = skinned(mesh.points + offsets, joints, mesh.weights, rig, local)
                out.append(np.stack([points.min(0), points.max(0)]))
        self.boxes[n] = out[0]
        return out

    def _animations(self, path: str, skeleton: Any, rig: Rig | None, shapes: _Shapes) -> None:
        """A SkelAnimation for each clip that moves this skeleton; one without samples where only weights are set."""
        names = Names()
        apply(skeleton, "SkelBindingAPI")
        bound = False
        for clip in self.clips:
            channels = by_property(clip.animation)
            moves = rig is not None and any(node in rig.moving and p != "weights" for node, p in channels)
            weights = [n for n in shapes.places if (n, "weights") in channels]
            if not (moves or weights or (shapes.tokens and len(self.clips) > 1)):
                continue
            text = "Animation" if len(self.clips) == 1 else f"Animation_{clip.animation.name}"
            name = names.give(valid_name(prim_name(text, "Animation"), "Animation"))
            prim = define(self.layer, f"{path}/{name}", "SkelAnimation")
            if moves and rig is not None:
                self._joints(prim, rig, channels, clip)
            self._weights(prim, shapes, channels, clip.rate)
            relate(over(self.layer, clip.at(str(skeleton.path))), "skel:animationSource", str(prim.path))
            bound = True
        if shapes.tokens and not bound:
            prim = define(self.layer, f"{path}/Animation", "SkelAnimation")
            self._weights(prim, shapes, {}, 24.0)
            relate(skeleton, "skel:animationSource", str(prim.path))

    def _joints(self, prim: Any, rig: Rig, channels: Mapping[tuple[int, str], Channel], clip: Clip) -> None:
        times, t, r, s = poses(self.document, rig, channels)
        codes = codes_of(times, clip.rate)
        attribute(prim, "joints", "token[]", tokens(_valid(rig.names)), uniform=True)
        rough = float(np.abs(s - s.astype(np.float16)).max(initial=0.0))
        if rough > 1e-6:
            where = f"skin of {self.document.nodes[rig.nodes[0]].name!r}"
            text = (
                f"UsdSkel keeps scales of moving joints as 16-bit numbers: they are off by up to {rough:.0e}"
            )
            self.notes[note("skin", where, text, severity="info")] = None
        for name, kind, values, row in (
            ("translations", "float3[]", t, "Vec3f"),
            ("rotations", "quatf[]", r, "Quatf"),
            ("scales", "half3[]", s, "Vec3h"),
        ):
            if (values == values[:1]).all():
                attribute(prim, name, kind, vectors(values[0], row))
            else:
                samples = {code: vectors(v, row) for code, v in zip(codes, values, strict=True)}
                attribute(prim, name, kind, samples=samples)
        sheared = decompose_trs(rig.local)[3].max(initial=0.0)
        if sheared > 1e-4:
            where = f"skin of {self.document.nodes[rig.nodes[0]].name!r}"
            self.notes[
                note("skin", where, "some of its joints are sheared, which an animation cannot say")
            ] = None

    def _weights(
        self, prim: Any, shapes: _Shapes, channels: Mapping[tuple[int, str], Channel], rate: float
    ) -> None:
        if not shapes.tokens:
            return
        attribute(prim, "blendShapes", "token[]", tokens(shapes.tokens), uniform=True)
        mine = [(n, channels[(n, "weights")]) for n in shapes.places if (n, "weights") in channels]
        start = np.array(shapes.rest)
        if not mine:
            attribute(prim, "blendShapeWeights", "float[]", floats(start))
            return
        times = np.unique(np.concatenate([sample_times(channel) for _, channel in mine]))
        rows = np.repeat(start[None], len(times), 0)
        for n, channel in mine:
            values = evaluate(channel, times)
            places = shapes.places[n]
            if values.shape[1] != len(places):
                where = f"node {self.document.nodes[n].name!r}"
                text = f"its weights are animated as {values.shape[1]}, and its mesh has {len(places)} morph targets"
                self.notes[note("animation", where, text)] = None
            width = min(values.shape[1], len(places))
            rows[:, places[:width]] = values[:, :width]
        samples = {c: floats(row) for c, row in zip(codes_of(times, rate), rows, strict=True)}
        attribute(prim, "blendShapeWeights", "float[]", samples=samples)

    def _morphed(self, n: int, path: str) -> None:
        """A mesh that morphs without a skin: its node is the SkelRoot, with a skeleton that moves nothing."""
        node = self.document.nodes[n]
        made = self.made[node.geometry]
        assert made is not None
        skeleton = define(self.layer, f"{path}/Skeleton", "Skeleton")
        still = matrices(np.eye(4)[None])
        attribute(skeleton, "joints", "token[]", tokens(["root"]), uniform=True)
        attribute(skeleton, "bindTransforms", "matrix4d[]", still, uniform=True)
        attribute(skeleton, "restTransforms", "matrix4d[]", still, uniform=True)
        prim = self.layer.GetPrimAtPath(self.plan.geometry[n])
        apply(prim, "SkelBindingAPI")
        relate(prim, "skel:skeleton", str(skeleton.path))
        shapes = _Shapes()
        self._shapes(n, prim, made, shapes, several=False)
        attribute(self.layer.GetPrimAtPath(path), "extent", "float3[]", vectors(_reach(made), "Vec3f"))
        self._animations(path, skeleton, None, shapes)

    def _shapes(self, n: int, prim: Any, made: Prepared, shapes: _Shapes, *, several: bool) -> None:
        """The BlendShapes of a mesh."""
        mesh, item, node = made.mesh, made.item, self.document.nodes[n]
        if mesh is None or not mesh.morphs or not isinstance(item, Mesh):
            return
        names, targets, mine = Names(str(child.name) for child in prim.nameChildren), [], []
        said = node.morph_weights or item.morph_weights
        shapes.places[n] = []
        for k, morph in enumerate(mesh.morphs):
            name = names.give(valid_name(prim_name(morph.name, f"target_{k}"), f"target_{k}"))
            shape = define(self.layer, f"{prim.path}/{name}", "BlendShape")
            moved = (morph.offsets != 0).any(1)
            if morph.normal_offsets is not None:
                moved |= (morph.normal_offsets != 0).any(1)
            where = np.flatnonzero(moved)
            attribute(shape, "offsets", "vector3f[]", vectors(morph.offsets[where], "Vec3f"), uniform=True)
            if morph.normal_offsets is not None:
                rows = vectors(morph.normal_offsets[where], "Vec3f")
                attribute(shape, "normalOffsets", "vector3f[]", rows, uniform=True)
            attribute(shape, "pointIndices", "int[]", integers(where), uniform=True)
            targets.append(str(shape.path))
            mine.append(f"{prim.name}_{name}" if several else name)
            shapes.places[n].append(len(shapes.tokens) + k)
        shapes.tokens += mine
        shapes.rest += [said[k] if k < len(said) else 0.0 for k in range(len(mine))]
        apply(prim, "SkelBindingAPI")
        attribute(prim, "skel:blendShapes", "token[]", tokens(mine), uniform=True)
        relate(prim, "skel:blendShapeTargets", *targets)


def _reach(made: Prepared) -> np.ndarray:
    """A box that holds the mesh with each target at 0 or 1 alone."""
    mesh = made.mesh
    assert mesh is not None
    low, high = made.box
    for morph in mesh.morphs:
        moved = mesh.points + morph.offsets
        low, high = np.minimum(low, moved.min(0)), np.maximum(high, moved.max(0))
    return np.stack([low, high])


def _valid(names: Sequence[str]) -> list[str]:
    """Joint names that the USD library takes as paths."""
    return ["/".join(valid_name(part, "joint") for part in name.split("/")) for name in names]
