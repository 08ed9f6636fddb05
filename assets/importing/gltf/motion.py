"""Animations of a glTF file: samplers and channels as the document's channels."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from twinstage.assets.importing.document import Animation, Channel, note
from twinstage.assets.importing.gltf.accessors import Accessors
from twinstage.assets.importing.gltf.container import Container
from twinstage.assets.importing.gltf.entry import Entry
from twinstage.base.errors import UserError
from twinstage.base.finding import Finding

WAYS: dict[str, Any] = {"LINEAR": "linear", "STEP": "step", "CUBICSPLINE": "cubic"}
TYPES = {"translation": "VEC3", "rotation": "VEC4", "scale": "VEC3", "weights": "SCALAR"}


@dataclass
class Motions:
    """Reads the animations of nodes in the scene. `number`: the document's node by the file's."""

    container: Container
    accessors: Accessors
    number: dict[int, int]
    notes: dict[Finding, None] = field(default_factory=dict)

    def read(self) -> tuple[Animation, ...]:
        """All animations that move something."""
        out = []
        for n, entry in enumerate(self.container.list("animations", "animation")):
            samplers = entry.entries("samplers", f"{entry.where}, sampler")
            channels: dict[tuple[int, str], Channel] = {}
            for one in entry.entries("channels", f"{entry.where}, channel"):
                channel = self._channel(one, samplers)
                if channel is None:
                    continue
                key = (channel.node, channel.path)
                if key in channels:
                    self._tell(
                        one.where, f"the {channel.path} of its node is animated twice; the first is taken"
                    )
                    continue
                channels[key] = channel
            if channels:
                out.append(Animation(entry.name or f"animation_{n}", tuple(channels.values())))
        return tuple(out)

    def _channel(self, entry: Entry, samplers: list[Entry]) -> Channel | None:
        target, index = entry.entry("target"), entry.integer("sampler")
        path = target.text("path")
        if path not in TYPES:
            self._tell(entry.where, f"it animates {path!r}, which is left out")
            return None
        if "node" not in target or target.integer("node") not in self.number:
            if "node" in target:
                self.container.item("nodes", "node", target.integer("node"), entry.where)
                self._tell(entry.where, "its node is not in the scene, so it is left out")
            return None
        if index >= len(samplers):
            raise UserError(f"{entry.where} names sampler {index}, and there are {len(samplers)}")
        sampler = samplers[index]
        way = sampler.text("interpolation", "LINEAR")
        if way not in WAYS:
            raise UserError(f"{sampler.where}: interpolation is {way!r}; {', '.join(WAYS)} were expected")
        times = self.accessors.floats(sampler.integer("input"), sampler.where, "SCALAR")[:, 0].astype(
            np.float64
        )
        rows = self.accessors.floats(sampler.integer("output"), sampler.where, TYPES[path]).astype(np.float64)
        falls = np.flatnonzero(np.diff(times) <= 0)
        if len(falls):
            k = int(falls[0])
            raise UserError(
                f"{sampler.where}: its key {k + 1} at {times[k + 1]:g} s does not come after key {k}"
            )
        values = _shaped(rows, len(times), path, way == "CUBICSPLINE", sampler.where)
        known: Any = path
        return Channel(self.number[target.integer("node")], known, times, values, WAYS[way])

    def _tell(self, where: str, text: str) -> None:
        self.notes[note("animation", where, text)] = None


def _shaped(rows: np.ndarray, keys: int, path: str, cubic: bool, where: str) -> np.ndarray:
    """Values [keys, w], or [keys, 3, w] with tangents; rotations as wxyz."""
    per_key = keys * (3 if cubic else 1)
    if path == "weights":
        width = len(rows) // per_key
        good = width > 0 and width * per_key == len(rows)
    else:
        width, good = rows.shape[1], len(rows) == per_key
    if not good:
        raise UserError(
            f"{where} has {keys} keys and {len(rows)} values; {per_key} (or a multiple, for weights) were expected"
        )
    values = rows.reshape(keys, 3, width) if cubic else rows.reshape(keys, width)
    return values[..., [3, 0, 1, 2]] if path == "rotation" else values
