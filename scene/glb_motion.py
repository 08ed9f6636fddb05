"""Motions as animations of a glTF file. numpy and plain data only.

Each part of a node that changes gets a channel; equal samplers are written once. What stays as the node stands gets none.
glTF's times begin at 0: a clip that begins before is moved there, whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from twinstage.base.finding import Finding
from twinstage.scene.glb_builder import GlbBuilder
from twinstage.scene.motion import Clip, Curve, Motion

SAME = 1e-7
"""Relative difference up to which a value that never changes is the one that the node has: single precision."""
_REST = {"translation": (0.0, 0.0, 0.0), "rotation": (0.0, 0.0, 0.0, 1.0), "scale": (1.0, 1.0, 1.0)}


@dataclass(frozen=True, slots=True)
class Places:
    """Numbers of the nodes: by row of the prim table; by (skeleton, joint); of what morphs, by row of the instance table."""

    nodes: Mapping[int, int]
    joints: Mapping[tuple[int, int], int] = field(default_factory=dict)
    drawings: Mapping[int, int] = field(default_factory=dict)


def add_animations(builder: GlbBuilder, motion: Motion, places: Places, findings: list[Finding]) -> None:
    """Write the clips; those that move nothing in the file are left out."""
    begin = min(
        (float(c.times[0]) for clip in motion.clips for c in clip.curves() if not c.still), default=0.0
    )
    if begin < 0:
        text = f"the animation begins {-begin:g} s before time code 0, where a GLB file begins; it is moved there"
        findings.append(Finding("gltf.animation-start", "info", "", text))
    for clip in motion.clips:
        written = _ClipWriter(builder, max(0.0, -begin))
        written.add(clip, places)
        if written.wrong:
            text = f"{written.wrong} x keys of the animation are not finite in single precision; they are left out"
            findings.append(Finding("gltf.animation-keys", "warning", "", text))
        if written.channels:
            entry = {"name": clip.name, "channels": written.channels, "samplers": written.samplers}
            builder.add("animations", entry)


class _ClipWriter:
    """Channels and samplers of one animation."""

    def __init__(self, builder: GlbBuilder, shift: float) -> None:
        """`shift`: added to all times [s]."""
        self.builder, self.shift = builder, shift
        self.channels: list[dict[str, Any]] = []
        self.samplers: list[dict[str, Any]] = []
        self.wrong = 0
        self._known: dict[tuple[int, int, str], int] = {}

    def add(self, clip: Clip, places: Places) -> None:
        """All channels of a clip. Of a node that is a joint, its skeleton says how it moves, as it bends the mesh in USD."""
        posed = {
            places.joints[key]: track for key, track in sorted(clip.joints.items()) if key in places.joints
        }
        found = [
            (places.nodes[row], track)
            for row, track in sorted(clip.nodes.items())
            if row in places.nodes and places.nodes[row] not in posed
        ]
        found += posed.items()
        for node, track in found:
            for path, curve in track.parts():
                self._channel(node, path, curve)
        for row, curve in sorted(clip.weights.items()):
            if row in places.drawings:
                self._channel(places.drawings[row], "weights", curve)

    def _channel(self, node: int, path: str, curve: Curve) -> None:
        values = curve.values[:, [1, 2, 3, 0]] if path == "rotation" else curve.values
        if curve.still and self._stands(node, path, values[0]):
            return
        good = (np.abs(values) <= np.finfo(np.float32).max).all(1)
        self.wrong += int((~good).sum())
        if not good.any():
            return
        times, values = self._keys(curve.times[good] + self.shift, values[good])
        output = self.builder.values(values.reshape(-1, 1) if path == "weights" else values)
        key = (self.builder.times(times), output, "STEP" if curve.held else "LINEAR")
        if key not in self._known:
            self._known[key] = len(self.samplers)
            self.samplers.append({"input": key[0], "output": key[1], "interpolation": key[2]})
        self.channels.append({"sampler": self._known[key], "target": {"node": node, "path": path}})

    def _keys(self, times: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Keys that still rise in single precision; of those that fall together the last one."""
        single = times.astype(np.float32)
        if len(single) == 1:
            return np.maximum(single, 0), values
        keep = np.append(np.diff(single) > 0, True)
        return single[keep], values[keep]

    def _stands(self, node: int, path: str, value: np.ndarray) -> bool:
        """Whether the node stands so anyway."""
        entry = self.builder.get("nodes")[node]
        rest = np.array(entry.get(path, _REST.get(path, np.zeros(len(value)))))
        gap = np.abs(rest - value).max(initial=0.0)
        if path == "rotation":
            gap = min(gap, np.abs(rest + value).max())
        return bool(gap <= SAME * max(1.0, float(np.abs(rest).max(initial=0.0))))
