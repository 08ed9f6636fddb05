"""Animations of nodes as time samples: transforms and visibility. Touches pxr.

One animation plays as it is. Several are variants of the set `animation` on the root prim; the values that any of them moves
are then said in the variants alone, since what a layer says outright would hide them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.assets.importing.document import Animation, Channel, Document, Node
from twinstage.assets.importing.motion import by_property, codes_of, evaluate, rate_of, sample_times
from twinstage.assets.importing.names import Names, prim_name
from twinstage.assets.importing.plan import Plan
from twinstage.assets.importing.usd_author import attribute, over, quat
from twinstage.assets.importing.usd_geometry import shape_scale
from twinstage.scene.transforms import decompose_trs

SET = "animation"
OPS = {
    "translation": ("xformOp:translate", "double3"),
    "rotation": ("xformOp:orient", "quatd"),
    "scale": ("xformOp:scale", "double3"),
}


@dataclass(frozen=True)
class Clip:
    """An animation and where it is written. `home`: the root prim, or its variant."""

    animation: Animation
    home: str
    root: str
    rate: float

    def at(self, path: str) -> str:
        """Where opinions about a prim go."""
        return self.home + (
            path[len(self.root) :].lstrip("/") if self.home != self.root else path[len(self.root) :]
        )

    @property
    def seconds(self) -> float:
        """From the first to the last key."""
        times = [channel.times for channel in self.animation.channels]
        return float(max(t[-1] for t in times) - min(t[0] for t in times))


def make_clips(layer: Any, document: Document, plan: Plan, valid: Any) -> list[Clip]:
    """The clips of a document; of several, the first variant is selected. `valid`: as for `make_plan`."""
    animations = document.animations
    rate = rate_of(animations)
    if len(animations) < 2:
        return [Clip(animation, plan.root, plan.root, rate) for animation in animations]
    from pxr import Sdf

    root = layer.GetPrimAtPath(plan.root)
    root.variantSetNameList.prependedItems.append(SET)
    variants = Sdf.VariantSetSpec(root, SET)
    names, out = Names(), []
    for n, animation in enumerate(animations):
        name = names.give(valid(prim_name(animation.name, f"animation_{n}"), f"animation_{n}"))
        Sdf.VariantSpec(variants, name)
        if n == 0:
            root.variantSelections[SET] = name
        out.append(Clip(animation, f"{plan.root}{{{SET}={name}}}", plan.root, rate))
    return out


def times_of(clips: list[Clip]) -> dict[str, float]:
    """The stage's times: codes per second, first and last code of all clips."""
    if not clips:
        return {}
    rate = clips[0].rate
    codes = [
        code
        for clip in clips
        for channel in clip.animation.channels
        for code in codes_of(channel.times[[0, -1]], rate)
    ]
    return {
        "timeCodesPerSecond": rate,
        "framesPerSecond": rate,
        "startTimeCode": min(codes),
        "endTimeCode": max(codes),
    }


def animated(document: Document) -> dict[int, frozenset[str]]:
    """Properties that some animation moves, by node."""
    found: dict[int, set[str]] = {}
    for animation in document.animations:
        for channel in animation.channels:
            found.setdefault(channel.node, set()).add(channel.path)
    return {node: frozenset(paths) for node, paths in found.items()}


def write_motion(layer: Any, document: Document, plan: Plan, clips: list[Clip]) -> None:
    """Samples of nodes that are prims. With several clips, each says all that any of them moves."""
    moved = animated(document)
    for clip in clips:
        channels = by_property(clip.animation)
        for node, paths in moved.items():
            path = plan.nodes[node]
            if not path or (node in plan.deformed and plan.geometry[node] == path):
                continue
            inner = (
                shape_scale(document.geometry[document.nodes[node].geometry])
                if plan.geometry[node] == path
                else None
            )
            for name in sorted(paths & {*OPS, "visibility"}):
                channel = channels.get((node, name))
                if channel is not None or len(clips) > 1:
                    _write(layer, clip, path, document.nodes[node], name, channel, inner)


def _write(
    layer: Any,
    clip: Clip,
    path: str,
    node: Node,
    name: str,
    channel: Channel | None,
    inner: tuple[float, float, float] | None,
) -> None:
    kind, type_name = OPS.get(name, ("visibility", "token"))
    prim = over(layer, clip.at(path))
    spec = prim.attributes.get(kind) or attribute(prim, kind, type_name)
    if channel is None:
        spec.default = _value(name, rest(node)[name], inner)
        return
    times = sample_times(channel)
    for code, row in zip(codes_of(times, clip.rate), evaluate(channel, times), strict=True):
        layer.SetTimeSample(spec.path, code, _value(name, row, inner))


def _value(name: str, row: np.ndarray, inner: tuple[float, float, float] | None) -> Any:
    if name == "rotation":
        return quat((row + 0.0).tolist(), double=True)
    if name == "visibility":
        return "inherited" if float(row[0]) > 0.5 else "invisible"
    if name == "scale" and inner is not None:
        row = row * np.array(inner)
    from pxr import Gf

    return Gf.Vec3d(*(row + 0.0).tolist())


def rest(node: Node) -> Mapping[str, np.ndarray]:
    """Translation, rotation wxyz, scale and visibility of a node as it stands."""
    transform = node.transform
    seen = np.array([1.0 if node.visible else 0.0])
    if transform.matrix is not None:
        t, r, s, _ = decompose_trs(transform.to_matrix()[None])
        return {"translation": t[0], "rotation": r[0], "scale": s[0], "visibility": seen}
    rotation = np.array(transform.rotation, np.float64)
    length = float(np.linalg.norm(rotation))
    return {
        "translation": np.array(transform.translation, np.float64),
        "rotation": rotation / length if length > 0 else np.array([1.0, 0.0, 0.0, 0.0]),
        "scale": np.array(transform.scale, np.float64),
        "visibility": seen,
    }
