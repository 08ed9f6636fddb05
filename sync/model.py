"""What a client of twin.v1 holds: the scene and the newest values, filled by ticks. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.base.errors import UserError, did_you_mean
from twinstage.base.quality import BAD_NO_DATA
from twinstage.scene.columns import (
    F8,
    EntityColumns,
    SignalColumns,
    StyleColumns,
    TextColumns,
    VisibilityColumns,
)
from twinstage.scene.transforms import compose_trs
from twinstage.sync import digest
from twinstage.sync.codec import (
    QUANTUM,
    Body,
    DeltaBody,
    Frame,
    FrameError,
    Header,
    PoseBody,
    epoch_crc,
    unpack_quaternions,
)


@dataclass(frozen=True, slots=True)
class Tick:
    """One applied tick. `nodes`: ids whose pose it brought. `tick_ns`: the server's time of day when it was made."""

    seq: int
    event_ns: int
    watermark_ns: int
    keyframe: bool
    nodes: np.ndarray
    tick_ns: int = 0


@dataclass(frozen=True, slots=True)
class Value:
    """Newest value of a signal in SI (NaN: none yet, or not a number), its source time and quality.

    `text`: of a string signal its text, of an enum the name of its value; None for others and before the first.
    """

    value: float
    event_ns: int
    quality: int
    unit: str
    text: str | None = None


class SceneModel:
    """One epoch and revision of a scene, and what has become of it.

    Poses are kept as they came (quantised translation, packed rotation, scale) and composed when asked for.
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
        self.tick_ns = 0
        self._begun = False
        self._reset()

    def _reset(self) -> None:
        """Back to the authored scene."""
        nodes, signals = self.node_count, len(self.signal_ids)
        self._live = np.zeros(nodes, bool)
        self._translation = np.zeros((nodes, 3))
        self._words = np.zeros((nodes, 3), np.uint16)
        self._scale = np.ones((nodes, 3), np.float32)
        self._switched = np.zeros(nodes, bool)
        self._visible = np.ones(nodes, bool)
        self._styled = np.zeros(nodes, bool)
        self._rgba = np.zeros((nodes, 4), np.uint8)
        self._told = np.zeros(signals, bool)
        self._value = np.full(signals, np.nan)
        self._event_ns = np.zeros(signals, np.int64)
        self._quality = np.full(signals, BAD_NO_DATA, np.uint32)
        self._texts: dict[int, tuple[str, int, int]] = {}
        self._entities: dict[int, int] = {}

    # ------------------------------------------------------------------ filling

    def apply(self, frames: Sequence[Frame]) -> Tick | None:
        """Applies all frames of one tick, end included; None where they belong to another epoch.

        FrameError where a tick is missing in between, a delta builds on another tick than the last one, or an id is
        unknown; what is held is in doubt then.
        """
        header = frames[-1].header
        if header.epoch_crc != self._crc:
            return None
        if any(frame.header.seq != header.seq for frame in frames):
            raise FrameError(f"frames of other ticks within tick {header.seq}")
        if header.keyframe:
            self._reset()
            self._begun = True
        else:
            self._check_base(header)
        for frame in frames:
            self._apply_body(frame.header, frame.body)
        self.seq, self.event_ns, self.watermark_ns = header.seq, header.event_ns, header.watermark_ns
        self.tick_ns = header.tick_ns
        moved = [frame.body.index for frame in frames if isinstance(frame.body, PoseBody | DeltaBody)]
        nodes = np.concatenate(moved) if moved else np.empty(0, np.uint32)
        return Tick(header.seq, header.event_ns, header.watermark_ns, header.keyframe, nodes, header.tick_ns)

    def _check_base(self, header: Header) -> None:
        if not self._begun:
            raise FrameError(f"the first tick that is told, {header.seq}, is no keyframe")
        if (self.seq - header.base_seq) & 0xFFFFFFFF >= 1 << 31:
            raise FrameError(
                f"tick {header.seq} builds on {header.base_seq}, but the last one was {self.seq}"
            )
        if header.seq < self.seq:
            raise FrameError(f"tick {header.seq} comes after tick {self.seq}")

    def _apply_body(self, header: Header, body: Body) -> None:
        if isinstance(body, PoseBody):
            at = _known(body.index, self.node_count, "node")
            self._live[at] = True
            self._translation[at] = body.translation
            self._words[at] = body.words
            self._scale[at] = 1.0 if body.scale is None else body.scale
        elif isinstance(body, DeltaBody):
            self._apply_delta(header, body)
        elif isinstance(body, SignalColumns):
            at = _known(body.signal, len(self.signal_ids), "signal")
            self._told[at] = True
            self._value[at] = body.value
            self._event_ns[at] = body.event_ns
            self._quality[at] = body.quality
        elif isinstance(body, StyleColumns):
            at = _known(body.index, self.node_count, "node")
            self._styled[at] = True
            self._rgba[at] = body.rgba
        elif isinstance(body, VisibilityColumns):
            at = _known(body.index, self.node_count, "node")
            self._switched[at] = True
            self._visible[at] = body.visible
        elif isinstance(body, TextColumns):
            _known(body.signal, len(self.signal_ids), "signal")
            rows = zip(body.text, body.event_ns.tolist(), body.quality.tolist(), strict=True)
            self._texts.update(zip(body.signal.tolist(), rows, strict=True))
        elif isinstance(body, EntityColumns):
            _known(body.index, self.node_count, "node")
            self._entities.update(zip(body.index.tolist(), body.entity.tolist(), strict=True))

    def _apply_delta(self, header: Header, body: DeltaBody) -> None:
        """Valid only on top of exactly the tick that it names."""
        if header.keyframe or header.base_seq != self.seq & 0xFFFFFFFF:
            raise FrameError(f"a delta on tick {header.base_seq}, but the last one was {self.seq}")
        at = _known(body.index, self.node_count, "node")
        if not self._live[at].all():
            raise FrameError(f"tick {header.seq} changes the pose of a node that has none yet")
        self._translation[at] += body.move * body.quantum
        self._words[at] += body.turn

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
        rotation = unpack_quaternions(self._words[row])
        matrix: F8 = compose_trs(self._translation[row], rotation, self._scale[row])[0]
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
        rotation = unpack_quaternions(self._words[live])
        out[live] = compose_trs(self._translation[live], rotation, self._scale[live])
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
        about = self.document["signals"][i]
        unit: str = about["unit"]
        if i in self._texts:
            text, event_ns, quality = self._texts[i]
            return Value(float(self._value[i]), event_ns, quality, unit, text)
        value = float(self._value[i])
        labels = about.get("labels") or {}
        name = labels.get(str(int(value))) if labels and np.isfinite(value) else None
        return Value(value, int(self._event_ns[i]), int(self._quality[i]), unit, name)

    def entity(self, node: int) -> int:
        """Id of the entity that a node shows, which is never used again; -1 where it shows none."""
        return self._entities.get(node, -1)

    def digest(self) -> str:
        """SHA-256 (hex) of all that the server has told of this revision; equal to the server's at the same tick."""
        live, styled = np.flatnonzero(self._live), np.flatnonzero(self._styled)
        switched, told = np.flatnonzero(self._switched), np.flatnonzero(self._told)
        texts = np.array(sorted(self._texts), np.int64)
        named = [self._texts[i] for i in texts.tolist()]
        entities = np.array(sorted(self._entities), np.int64)
        quanta = np.rint(self._translation[live] / QUANTUM).astype(np.int64)
        return digest.hex_digest(
            digest.pose_rows(live, quanta, self._words[live], self._scale[live]),
            digest.style_rows(styled, self._rgba[styled]),
            digest.visibility_rows(switched, self._visible[switched]),
            digest.signal_rows(told, self._value[told], self._event_ns[told], self._quality[told]),
            digest.text_rows(
                texts, [text.encode() for text, _, _ in named], np.array([q for _, _, q in named], np.int64)
            ),
            digest.entity_rows(entities, np.array([self._entities[i] for i in entities.tolist()], np.int64)),
        )


def _known(ids: np.ndarray, count: int, what: str) -> np.ndarray:
    """The ids, if there are such rows."""
    if len(ids) and int(ids.max()) >= count:
        raise FrameError(f"a frame names {what} {int(ids.max())}, but the scene has {count} of them")
    return ids


def _matrices(flat: list[float]) -> F8:
    """Matrices f8[n, 4, 4] from their upper three rows, row after row."""
    out = np.zeros((len(flat) // 12, 4, 4))
    out[:, :3, :] = np.array(flat, np.float64).reshape(-1, 3, 4)
    out[:, 3, 3] = 1.0
    return out
