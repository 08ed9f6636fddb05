"""A recording with what Foxglove and Rerun show beside it: FrameTransforms and one SceneUpdate a scene.

The result is a recording still: `twinstage open` plays it. Frames are placed in the world (not in their parents), because a
FrameTransform has no scale: what an object's scale is at the beginning goes into its model. What moves at some time is on
`/tf`, all of it in each message, what never does is on `/tf_static`, so that a reader that jumps needs one message of each.
Colours and visibility that change are not told. The message layouts are those of Foxglove's schemas (protobuf).
"""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import IO, Any

import numpy as np

from twinstage.base.errors import UserError
from twinstage.scene.columns import F8, PoseColumns, frozen
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.transforms import decompose_trs
from twinstage.sync.codec import QUANTUM, DeltaBody, FrameError, PoseBody, unpack_quaternions
from twinstage.sync.document import snapshot_of
from twinstage.sync.recording import protobuf as pb
from twinstage.sync.recording.archive import Archive, Step
from twinstage.sync.recording.replica import Replica
from twinstage.sync.recording.tape import CHUNK_BYTES, MOST_CHUNK, Topics, declare
from twinstage.sync.recording.writer import McapWriter

MOVING, STATIC, SCENE = "/tf", "/tf_static", "/scene"
WORLD = "world"
MOST_MODEL_BYTES = 32 << 20
"""Geometry in a SceneUpdate [B]; what comes after it is shown as boxes."""
MOST_FRAMES = 50_000

_VECTOR: list[pb.Field] = [(name, i + 1, pb.DOUBLE, "", False) for i, name in enumerate("xyz")]
_M = pb.MESSAGE
_STAMP: pb.Field = ("timestamp", 1, _M, ".google.protobuf.Timestamp", False)
_POSE: pb.Field = ("pose", 1, _M, ".foxglove.Pose", False)
_COLOR: pb.Field = ("color", 3, _M, ".foxglove.Color", False)
_MESSAGES: Mapping[str, list[pb.Field]] = {
    "Vector3": _VECTOR,
    "Quaternion": [*_VECTOR, ("w", 4, pb.DOUBLE, "", False)],
    "Color": [(name, i + 1, pb.DOUBLE, "", False) for i, name in enumerate("rgba")],
    "Pose": [
        ("position", 1, _M, ".foxglove.Vector3", False),
        ("orientation", 2, _M, ".foxglove.Quaternion", False),
    ],
    "FrameTransform": [
        _STAMP,
        ("parent_frame_id", 2, pb.STRING, "", False),
        ("child_frame_id", 3, pb.STRING, "", False),
        ("translation", 4, _M, ".foxglove.Vector3", False),
        ("rotation", 5, _M, ".foxglove.Quaternion", False),
    ],
    "FrameTransforms": [("transforms", 1, _M, ".foxglove.FrameTransform", True)],
    "CubePrimitive": [_POSE, ("size", 2, _M, ".foxglove.Vector3", False), _COLOR],
    "ModelPrimitive": [
        _POSE,
        ("scale", 2, _M, ".foxglove.Vector3", False),
        _COLOR,
        ("override_color", 4, pb.BOOL, "", False),
        ("url", 5, pb.STRING, "", False),
        ("media_type", 6, pb.STRING, "", False),
        ("data", 7, pb.BYTES, "", False),
    ],
    "SceneEntityDeletion": [_STAMP, ("type", 2, pb.INT32, "", False), ("id", 3, pb.STRING, "", False)],
    "SceneEntity": [
        _STAMP,
        ("frame_id", 2, pb.STRING, "", False),
        ("id", 3, pb.STRING, "", False),
        ("lifetime", 4, _M, ".google.protobuf.Duration", False),
        ("frame_locked", 5, pb.BOOL, "", False),
        ("cubes", 8, _M, ".foxglove.CubePrimitive", True),
        ("models", 14, _M, ".foxglove.ModelPrimitive", True),
    ],
    "SceneUpdate": [
        ("deletions", 1, _M, ".foxglove.SceneEntityDeletion", True),
        ("entities", 2, _M, ".foxglove.SceneEntity", True),
    ],
}


class FrameMessages:
    """FrameTransforms of the same frames again and again: laid out once, then only numbers change."""

    def __init__(self, names: list[str]) -> None:
        self._frames = len(names)
        parts, at = [], 0
        stamps, numbers = [], []
        for name in names:
            vector = b"".join((b"\x09" + bytes(8), b"\x11" + bytes(8), b"\x19" + bytes(8)))
            before = pb.text(2, WORLD) + pb.text(3, name)
            stamp = pb.sized(1, bytes(pb.TIMESTAMP_BYTES))
            body = stamp + before + pb.sized(4, vector) + pb.sized(5, vector + b"\x21" + bytes(8))
            whole = pb.sized(1, body)
            start = at + len(whole) - len(body)
            stamps.append(start + 2)
            first = start + len(stamp) + len(before) + 2
            second = first + len(vector) + 2
            numbers.append([first + 1 + 9 * i for i in range(3)] + [second + 1 + 9 * i for i in range(4)])
            parts.append(whole)
            at += len(whole)
        self._bytes = np.frombuffer(b"".join(parts), np.uint8).copy()
        self._stamps = np.array(stamps, np.int64)[:, None] + np.arange(pb.TIMESTAMP_BYTES)
        self._numbers = np.array(numbers, np.int64).reshape(-1, 7)[:, :, None] + np.arange(8)

    def message(self, at_ns: int, translation: F8, rotation: F8) -> bytes:
        """One message: world_from_frame, translations [n, 3] [m], quaternions wxyz [n, 4]."""
        if not self._frames:
            return b""
        values = np.concatenate([translation, rotation[:, 1:], rotation[:, :1]], axis=1).astype("<f8")
        self._bytes[self._stamps] = np.frombuffer(pb.timestamp(at_ns), np.uint8)
        self._bytes[self._numbers] = values.view(np.uint8).reshape(-1, 7, 8)
        return self._bytes.tobytes()


class _Scene:
    """One scene of a recording: its frames, and where they are."""

    def __init__(self, archive: Archive, number: int, movers: set[int]) -> None:
        self.document = archive.document(number)
        self.snapshot = snapshot = snapshot_of(self.document)
        self.replica = Replica(snapshot.node_count, len(self.document["signals"]))
        drawn = np.unique(snapshot.instances.node)
        moving = _with_below(snapshot, movers)
        self.drawn = drawn[:MOST_FRAMES]
        self.left_out = len(drawn) - len(self.drawn)
        self.moving = self.drawn[moving[self.drawn]]
        self.still = self.drawn[~moving[self.drawn]]
        self.names = _names(self.document, self.drawn)
        self.messages = FrameMessages([self.names[node] for node in self.moving.tolist()])
        self.told_ns = -1

    def poses(self, nodes: np.ndarray) -> tuple[F8, F8, F8]:
        """World translations [m], quaternions wxyz and scales of nodes."""
        world = self.world()[nodes]
        translation, rotation, scale, _ = decompose_trs(world)
        return translation, rotation, scale

    def world(self) -> F8:
        """world_from_node of all nodes."""
        state = self.replica.state
        rows = np.flatnonzero(state.pose.seq > 0)
        quanta, words, scale = (column[rows] for column in state.pose.data)
        poses = PoseColumns(
            0,
            0,
            frozen(rows, np.uint32),
            frozen(quanta * QUANTUM, np.float64),
            frozen(unpack_quaternions(words), np.float32),
            frozen(scale, np.float32),
        )
        out: F8 = self.snapshot.moved(poses).node_world
        return out


def write_mcap(archive: Archive, out: IO[bytes], *, rate: float = 10.0) -> list[str]:
    """Writes the recording and the frames, `rate` times a second at most. Returns what is not in it.

    The same recording gives the same bytes.
    """
    movers = _movers(archive)
    writer = McapWriter(out, profile=archive.mcap.profile, library="twinstage", chunk_bytes=MOST_CHUNK)
    topics = declare(writer)
    schemas = {
        name: writer.schema(f"foxglove.{name}", "protobuf", _described())
        for name in ("FrameTransforms", "SceneUpdate")
    }
    moving = writer.channel(MOVING, "protobuf", schemas["FrameTransforms"])
    still = writer.channel(STATIC, "protobuf", schemas["FrameTransforms"])
    entities = writer.channel(SCENE, "protobuf", schemas["SceneUpdate"])
    for place in sorted(archive.mcap.files.values(), key=lambda place: place.offset):
        writer.file(place.name, place.media_type, archive.mcap.file(place.name) or b"", log_ns=place.log_ns)
    notes: list[str] = []
    scene: _Scene | None = None
    number = -1
    for step in archive.steps():
        if step.keyframe:
            writer.flush()
        _copy(writer, topics, step)
        if step.mark is not None and step.frames and step.mark.scene != number:
            number = step.mark.scene
            scene = _Scene(archive, number, movers.get(number, set()))
            _apply(scene, step, archive)
            if scene.left_out:
                notes.append(f"{scene.left_out} objects: {MOST_FRAMES} are the most")
            at = scene.poses(scene.still)
            names = FrameMessages([scene.names[node] for node in scene.still.tolist()])
            writer.message(still, names.message(step.at_ns, *at[:2]), log_ns=step.at_ns)
            writer.message(entities, _entities(scene, archive, step.at_ns, notes), log_ns=step.at_ns)
        elif step.frames and scene is not None:
            _apply(scene, step, archive)
        if scene is None or not step.frames:
            continue
        if scene.told_ns < 0 or step.at_ns - scene.told_ns >= 1e9 / rate:
            scene.told_ns = step.at_ns
            message = scene.messages.message(step.at_ns, *scene.poses(scene.moving)[:2])
            writer.message(moving, message, log_ns=step.at_ns, sequence=scene.replica.seq)
        if writer.waiting >= CHUNK_BYTES:
            writer.flush()
    writer.finish()
    return notes


def _copy(writer: McapWriter, topics: Topics, step: Step) -> None:
    if step.mark is not None:
        topics.mark(writer, step.mark, step.at_ns)
    for message in step.messages:
        head = step.frames[-1].header
        channel = topics.keyframes if step.keyframe else topics.ticks
        writer.message(
            channel, message, log_ns=step.at_ns, publish_ns=max(0, head.tick_ns), sequence=head.seq
        )
    if step.event is not None:
        topics.event(writer, step.event, step.at_ns)


def _movers(archive: Archive) -> dict[int, set[int]]:
    """Nodes that any tick moves, by scene."""
    out: dict[int, set[int]] = {}
    number = 0
    for step in archive.steps():
        if step.mark is not None and step.frames:
            number = step.mark.scene
        if not step.keyframe:
            for frame in step.frames:
                if isinstance(frame.body, PoseBody | DeltaBody):
                    out.setdefault(number, set()).update(frame.body.index.tolist())
    return out


def _with_below(snapshot: Snapshot, movers: set[int]) -> np.ndarray:
    """The nodes and all that hang below them, bool[nodes]. Parents come first."""
    out = np.zeros(snapshot.node_count, np.bool_)
    out[[node for node in movers if node < len(out)]] = True
    for node, parent in enumerate(snapshot.node_parent.tolist()):
        if parent >= 0 and out[parent]:
            out[node] = True
    return out


def _names(document: Mapping[str, Any], nodes: np.ndarray) -> dict[int, str]:
    paths, points = document["nodes"]["path"], document["points"]
    prims = len(paths)
    return {
        node: paths[node]
        if node < prims
        else f"{paths[points['instancer'][node - prims]]}[{points['id'][node - prims]}]"
        for node in nodes.tolist()
    }


def _apply(scene: _Scene, step: Step, archive: Archive) -> None:
    try:
        scene.replica.apply(step.frames)
    except FrameError as error:
        raise UserError(f"{archive.path} is damaged: {error}") from None


def _entities(scene: _Scene, archive: Archive, at_ns: int, notes: list[str]) -> bytes:
    """A SceneUpdate with an entity a drawing node, after the deletion of all there were."""
    stamp = pb.sized(1, pb.timestamp(at_ns))
    parts = [pb.sized(1, stamp + pb.whole(2, 1))]
    _, _, scales = scene.poses(scene.drawn)
    rows = scene.snapshot.instances
    by_node: dict[int, list[int]] = {}
    for row, node in enumerate(rows.node.tolist()):
        if rows.visible[row]:
            by_node.setdefault(node, []).append(row)
    left, boxes = MOST_MODEL_BYTES, 0
    for node, scale in zip(scene.drawn.tolist(), scales, strict=True):
        shapes = []
        for row in by_node.get(node, ()):
            shape, size, is_box = _shape(scene, archive, row, scale, left)
            left, boxes = left - size, boxes + is_box
            shapes.append(shape)
        if shapes:
            name = scene.names[node]
            body = chain((stamp, pb.text(2, name), pb.text(3, name), pb.whole(5, 1)), shapes)
            parts.append(pb.sized(2, b"".join(body)))
    if boxes:
        notes.append(f"{boxes} objects are shown as boxes: geometry beyond {MOST_MODEL_BYTES >> 20} MiB")
    return b"".join(parts)


def _shape(scene: _Scene, archive: Archive, row: int, scale: F8, left: int) -> tuple[bytes, int, bool]:
    """A model or a box, as a field of a SceneEntity; how much geometry it holds, and whether it is a box."""
    rows, document = scene.snapshot.instances, scene.document
    prototype = document["prototypes"][int(rows.prototype[row])]
    local = np.array(rows.frames.take(np.array([row])))
    full = np.zeros((1, 4, 4))
    full[:, : local.shape[1]] = local
    full[:, 3, 3] = 1.0
    offset, turn, own, _ = decompose_trs(full)
    factors = own[0] * scale
    color = pb.sized(3, pb.doubles([*_color(document, row), 1.0]))
    data = archive.file(str(prototype["url"]).lstrip("/"))
    if data is not None and len(data) <= left:
        pose = _pose(offset[0] * scale, turn[0])
        size = pb.sized(2, pb.doubles(factors))
        media = pb.text(6, "model/gltf-binary") + pb.sized(7, data)
        return pb.sized(14, pose + size + color + pb.whole(4, 1) + media), len(data), False
    low, high = (np.array(prototype["bounds"][part], np.float64) for part in (slice(3), slice(3, 6)))
    middle = full[0, :3, :3] @ ((low + high) / 2) + offset[0]
    pose = _pose(middle * scale, turn[0])
    return pb.sized(8, pose + pb.sized(2, pb.doubles((high - low) * factors)) + color), 0, True


def _pose(position: F8, quaternion: F8) -> bytes:
    w, x, y, z = quaternion
    return pb.sized(1, pb.sized(1, pb.doubles(position)) + pb.sized(2, pb.doubles([x, y, z, w])))


def _color(document: Mapping[str, Any], row: int) -> Iterator[float]:
    """Its first material's diffuse colour, as sRGB."""
    try:
        materials = document["materialSets"][document["instances"]["materialSet"][row]]
        rgb = [float(value) for value in document["materials"][materials[0]]["diffuseColor"]]
    except (KeyError, IndexError, TypeError, ValueError):
        rgb = [0.5, 0.5, 0.5]
    for value in rgb[:3]:
        part = min(max(value, 0.0), 1.0)
        yield 12.92 * part if part <= 0.0031308 else 1.055 * part ** (1 / 2.4) - 0.055


def _described() -> bytes:
    return pb.descriptor_set("foxglove", _MESSAGES)
