"""What a client of twin.v1 holds: the scene and the newest values, filled by ticks. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.base.errors import UserError, did_you_mean
from twinstage.base.quality import BAD_NO_DATA
from twinstage.scene.columns import F8, PoseColumns, SignalColumns, StyleColumns, VisibilityColumns
from twinstage.scene.transforms import compose_trs
from twinstage.sync.codec import Frame, FrameError, epoch_crc


@dataclass(frozen=True, slots=True)
class Tick:
    """One applied tick. `nodes`: ids whose pose it brought."""

    seq: int
    event_ns: int
    watermark_ns: int
    keyframe: bool
    nodes: np.ndarray


@dataclass(frozen=True, slots=True)
class Value:
    """Newest value of a signal in SI (NaN: none yet, or not a number), its source time and quality."""

    value: float
    event_ns: int
    quality: int
    unit: str


class SceneModel:
    """One epoch and revision of a scene, and what has become of it.

    Poses are kept as they came (quantised translation, rotation, scale) and composed when asked for.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        nodes, points = document["nodes"], document["points"]
        self.document = document
        self.epoch: str = document["epoch"]
        self.revision: int = document["revision"]
        self.paths: list[str] = nodes["path"]
        self.prim_count: int = nodes["count"]
        self.node_count: int = nodes["count"] + points["count"]
        self.index_of = {path: i for i, path in enumerate(self.paths)}
        self.signal_ids: list[str] = [signal["id"] for signal in document["signals"]]
        self._signal_index = {name: i for i, name in enumerate(self.signal_ids)}
        self._tree_parent = np.array(nodes["parent"] + points["instancer"], np.int64)
        resets = np.array(nodes["resets"] + [False] * points["count"], bool)
        self._parent = np.where(resets, -1, self._tree_parent)
        self._authored = _matrices(nodes["local"] + points["local"])
        self._point_node = {
            (instancer, point): self.prim_count + row
            for row, (instancer, point) in enumerate(zip(points["instancer"], points["id"], strict=True))
        }
        self._crc = epoch_crc(self.epoch)
        self.seq = 0
        self.event_ns = 0
        self.watermark_ns = 0
        self._reset()

    def _reset(self) -> None:
        """Back to the authored scene."""
        nodes, signals = self.node_count, len(self.signal_ids)
        self._live = np.zeros(nodes, bool)
        self._translation = np.zeros((nodes, 3))
        self._rotation = np.zeros((nodes, 4), np.float32)
        self._scale = np.ones((nodes, 3), np.float32)
        self._visible = np.ones(nodes, bool)
        self._rgba = np.zeros((nodes, 4), np.uint8)
        self._value = np.full(signals, np.nan)
        self._event_ns = np.zeros(signals, np.int64)
        self._quality = np.full(signals, BAD_NO_DATA, np.uint32)

    # ------------------------------------------------------------------ filling

    def apply(self, frames: Sequence[Frame]) -> Tick | None:
        """Applies all frames of one tick, end included; None where they belong to another epoch.

        FrameError where a tick is missing in between or an id is unknown.
        """
        header = frames[-1].header
        if header.epoch_crc != self._crc:
            return None
        if header.keyframe:
            self._reset()
        elif header.base_seq > self.seq & 0xFFFFFFFF:
            raise FrameError(
                f"tick {header.seq} builds on {header.base_seq}, but the last one was {self.seq}"
            )
        try:
            for frame in frames:
                self._apply_body(frame)
        except IndexError as error:
            raise FrameError(f"tick {header.seq} names an unknown node or signal: {error}") from None
        self.seq, self.event_ns, self.watermark_ns = header.seq, header.event_ns, header.watermark_ns
        moved = [frame.body.index for frame in frames if isinstance(frame.body, PoseColumns)]
        nodes = np.concatenate(moved) if moved else np.empty(0, np.uint32)
        return Tick(header.seq, header.event_ns, header.watermark_ns, header.keyframe, nodes)

    def _apply_body(self, frame: Frame) -> None:
        body = frame.body
        if isinstance(body, PoseColumns):
            self._live[body.index] = True
            self._translation[body.index] = body.translation
            self._rotation[body.index] = body.rotation
            self._scale[body.index] = 1.0 if body.scale is None else body.scale
        elif isinstance(body, SignalColumns):
            self._value[body.signal] = body.value
            self._event_ns[body.signal] = body.event_ns
            self._quality[body.signal] = body.quality
        elif isinstance(body, StyleColumns):
            self._rgba[body.index] = body.rgba
        elif isinstance(body, VisibilityColumns):
            self._visible[body.index] = body.visible

    # ------------------------------------------------------------------ asking

    def node(self, path: str, point_id: int | None = None) -> int:
        """Node id of a prim, or of a point of a PointInstancer; UserError for unknown ones."""
        if path not in self.index_of:
            raise UserError(f"the scene has no prim {path!r}{did_you_mean(path, self.index_of)}")
        prim = self.index_of[path]
        if point_id is None:
            return prim
        if (prim, point_id) not in self._point_node:
            raise UserError(f"{path!r} has no point with the id {point_id}")
        node: int = self._point_node[prim, point_id]
        return node

    def local(self, node: int) -> F8:
        """parent_from_node f8[4, 4] [m]."""
        if not self._live[node]:
            authored: F8 = np.array(self._authored[node])
            return authored
        row = slice(node, node + 1)
        matrix: F8 = compose_trs(self._translation[row], self._rotation[row], self._scale[row])[0]
        return matrix

    def world(self, node: int) -> F8:
        """world_from_node f8[4, 4] [m]."""
        matrix, parent = self.local(node), int(self._parent[node])
        while parent >= 0:
            matrix = self.local(parent) @ matrix
            parent = int(self._parent[parent])
        return matrix

    def locals(self) -> F8:
        """parent_from_node of all nodes f8[n, 4, 4] [m]."""
        out = np.array(self._authored)
        live = self._live
        out[live] = compose_trs(self._translation[live], self._rotation[live], self._scale[live])
        return out

    def visible(self, node: int) -> bool:
        """Whether the live switches of the node and all above are on; the authored ones come on top."""
        while node >= 0:
            if not self._visible[node]:
                return False
            node = int(self._tree_parent[node])
        return True

    def style(self, node: int) -> tuple[int, int, int, int]:
        """sRGB rgba of the nearest styled ancestor-or-self; alpha 0 is the authored look."""
        while node >= 0:
            if self._rgba[node, 3]:
                red, green, blue, alpha = (int(part) for part in self._rgba[node])
                return red, green, blue, alpha
            node = int(self._tree_parent[node])
        return 0, 0, 0, 0

    def value(self, signal_id: str) -> Value:
        """Newest value of a signal; UserError for an unknown one."""
        if signal_id not in self._signal_index:
            raise UserError(
                f"the twin has no signal {signal_id!r}{did_you_mean(signal_id, self._signal_index)}"
            )
        i = self._signal_index[signal_id]
        unit: str = self.document["signals"][i]["unit"]
        return Value(float(self._value[i]), int(self._event_ns[i]), int(self._quality[i]), unit)


def _matrices(flat: list[float]) -> F8:
    """Matrices f8[n, 4, 4] from their upper three rows, row after row."""
    out = np.zeros((len(flat) // 12, 4, 4))
    out[:, :3, :] = np.array(flat, np.float64).reshape(-1, 3, 4)
    out[:, 3, 3] = 1.0
    return out
