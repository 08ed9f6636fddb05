"""What a twin says, into a recording: scenes with their files, ticks exactly as they came, keyframes of our own for seeking.

Who records hands over what it hears; times come with it. What was said up to the last `flush` survives the end of the process.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

import msgspec

from twinstage.sync.codec import Frame, epoch_crc
from twinstage.sync.document import read_document
from twinstage.sync.recording.replica import Replica
from twinstage.sync.recording.writer import McapWriter

PROFILE = "twinstage"
VERSION = "1"
TICKS, KEYFRAMES, MARKS, EVENTS = "/twin/ticks", "/twin/keyframes", "/twin/marks", "/twin/events"
WIRE = "twin.v1"
"""Encoding of messages that are binary messages of docs/protocol.md, one for one."""
KEYFRAME_S = 2.0
FLUSH_S = 1.0
CHUNK_BYTES = 1 << 20
"""A chunk is closed behind the tick that makes it so large, and no tick lies in two."""
MOST_CHUNK = 48 << 20
MOST_BYTES = 16 << 30
"""A recording ends when its file is this large [B]."""
_NS = 1_000_000_000
_MARK_SCHEMA = {
    "type": "object",
    "properties": {
        "scene": {"type": "integer"},
        "epoch": {"type": "string"},
        "revision": {"type": "integer"},
        "seq": {"type": "integer"},
        "sha256": {"type": "string"},
        "end": {"type": "boolean"},
    },
}


class Mark(msgspec.Struct, frozen=True):
    """Stands before each keyframe and at the end: which scene, which tick, and the hash of all that a client holds then."""

    scene: int
    epoch: str
    revision: int
    seq: int
    sha256: str
    end: bool = False


@dataclass(frozen=True, slots=True)
class Topics:
    """Ids of a recording's channels, and how those of ours are written."""

    ticks: int
    keyframes: int
    marks: int
    events: int

    def mark(self, writer: McapWriter, mark: Mark, at_ns: int) -> None:
        """Writes a mark."""
        writer.message(self.marks, msgspec.json.encode(mark), log_ns=at_ns, sequence=mark.seq)

    def event(self, writer: McapWriter, event: Mapping[str, Any], at_ns: int) -> None:
        """Writes an event: its name and its data."""
        writer.message(self.events, msgspec.json.encode(event), log_ns=at_ns)


def declare(writer: McapWriter) -> Topics:
    """Declares the channels of a recording."""
    wire = writer.schema("twin.v1.Message", WIRE, b"docs/protocol.md, section 5: frames back to back")
    mark = writer.schema("twinstage.Mark", "jsonschema", msgspec.json.encode(_MARK_SCHEMA))
    event = writer.schema("twinstage.Event", "jsonschema", b'{"type":"object"}')
    return Topics(
        writer.channel(TICKS, WIRE, wire),
        writer.channel(KEYFRAMES, WIRE, wire),
        writer.channel(MARKS, "json", mark),
        writer.channel(EVENTS, "json", event),
    )


class Tape:
    """Writes one recording.

    Args:
        out: an empty binary file.
        library: who writes.
        keyframe_seconds: time between keyframes.
        most_bytes: where the recording is `full`.
    """

    def __init__(
        self,
        out: IO[bytes],
        *,
        library: str,
        keyframe_seconds: float = KEYFRAME_S,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._writer = writer = McapWriter(out, profile=PROFILE, library=library, chunk_bytes=MOST_CHUNK)
        self._most = most_bytes
        self._keyframe_ns = int(keyframe_seconds * _NS)
        writer.note(
            "twinstage",
            {"version": VERSION, "protocol": WIRE, "keyframeSeconds": format(keyframe_seconds, "g")},
        )
        self._topics = declare(writer)
        self._files: set[str] = set()
        self._scenes = 0
        self._replica: Replica | None = None
        self._epoch, self._revision = "", 0
        self._last_ns = 0
        self._key_ns = self._flush_ns = 0
        self.ticks = 0
        self.event_span: tuple[int, int] | None = None
        """First and last source time of what the ticks told [ns since 1970]."""
        self.first_ns = 0

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return self._writer.size

    @property
    def full(self) -> bool:
        """Whether it has to end."""
        return self._writer.size >= self._most

    @property
    def seconds(self) -> float:
        """How much time it holds [s]."""
        return (self._last_ns - self.first_ns) / _NS if self.first_ns else 0.0

    def has(self, name: str) -> bool:
        """Whether a file of that name was attached."""
        return name in self._files

    def file(self, name: str, media_type: str, data: bytes) -> None:
        """Attaches a file, once."""
        if name not in self._files:
            self._files.add(name)
            self._writer.file(name, media_type, data, log_ns=self._last_ns)

    def scene(self, data: bytes) -> dict[str, Any]:
        """From now on ticks are of this scene document; returns it decoded. Its geometry and textures come by `file`."""
        document = read_document(data, "the server's answer")
        nodes = int(document["nodes"]["count"]) + int(document["points"]["count"])
        self._replica = Replica(nodes, len(document["signals"]))
        self._epoch, self._revision = str(document["epoch"]), int(document["revision"])
        self.file(scene_name(self._scenes), "application/json", data)
        self._scenes += 1
        return document

    def tick(self, messages: Sequence[bytes], frames: Sequence[Frame]) -> None:
        """A whole tick as it came, and decoded."""
        replica = self._replica
        if replica is None or not frames or frames[-1].header.epoch_crc != epoch_crc(self._epoch):
            return
        head = frames[-1].header
        told = replica.apply(frames).signals.event_ns
        if not head.keyframe:
            self._happened(head.event_ns, *((int(told.min()), int(told.max())) if len(told) else ()))
        at_ns = self._at(head.tick_ns)
        self.ticks += 1
        if not head.keyframe:
            for message in messages:
                self._say(self._topics.ticks, message, head.seq, at_ns, head.tick_ns)
        if head.keyframe or at_ns - self._key_ns >= self._keyframe_ns:
            self._keyframe(replica, messages if head.keyframe else None, at_ns, head.tick_ns)
        elif at_ns - self._flush_ns >= FLUSH_S * _NS or self._writer.waiting >= CHUNK_BYTES:
            self._flush(at_ns)

    def _happened(self, *event_ns: int) -> None:
        times = [*(self.event_span or ()), *(ns for ns in event_ns if ns > 0)]
        self.event_span = (min(times), max(times)) if times else None

    def _keyframe(self, replica: Replica, messages: Sequence[bytes] | None, at_ns: int, tick_ns: int) -> None:
        """At the beginning of a chunk of its own."""
        self._flush(at_ns)
        self._key_ns = at_ns
        mark = Mark(self._scenes - 1, self._epoch, self._revision, replica.seq, replica.digest())
        self._topics.mark(self._writer, mark, at_ns)
        for message in messages or replica.keyframe(epoch_crc(self._epoch)):
            self._say(self._topics.keyframes, message, replica.seq, at_ns, tick_ns)

    def event(self, name: str, data: Mapping[str, Any], now_ns: int) -> None:
        """Something that happened beside the ticks; `now_ns`: the server's time of day."""
        if self.first_ns:
            at_ns = self._at(now_ns)
            self._topics.event(self._writer, {"event": name, "data": data}, at_ns)

    def flush(self) -> None:
        """Hands everything to the operating system."""
        self._flush(self._last_ns)

    def close(self, now_ns: int | None = None) -> None:
        """Says that nothing more happened until then, and writes the index."""
        replica = self._replica
        if replica is not None and self.first_ns:
            at_ns = self._at(now_ns or 0)
            mark = Mark(
                self._scenes - 1, self._epoch, self._revision, replica.seq, replica.digest(), end=True
            )
            self._topics.mark(self._writer, mark, at_ns)
        self._writer.finish()

    def _flush(self, at_ns: int) -> None:
        self._writer.flush()
        self._flush_ns = at_ns

    def at_least(self, server_ns: int) -> None:
        """It is that late by the server's clock: the first keyframe may be of a tick that was made long ago."""
        self._last_ns = max(self._last_ns, server_ns)

    def _at(self, tick_ns: int) -> int:
        """Times never fall, so that any moment can be found by halving."""
        self._last_ns = max(self._last_ns, tick_ns)
        self.first_ns = self.first_ns or self._last_ns
        return self._last_ns

    def _say(self, channel: int, data: bytes, seq: int, at_ns: int, tick_ns: int) -> None:
        self._writer.message(channel, data, log_ns=at_ns, publish_ns=tick_ns, sequence=seq)


def scene_name(number: int) -> str:
    """Name of the file of a scene document, counted from 0."""
    return f"scene/{number:04d}.json"
