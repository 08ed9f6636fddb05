"""A recording opened: its scenes and files, and what happened from any moment on. Touches its file."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from twinstage.base.errors import UserError
from twinstage.sync.codec import OP_TICK_END, Frame, FrameError, decode
from twinstage.sync.document import read_document
from twinstage.sync.recording import tape
from twinstage.sync.recording.reader import McapFile
from twinstage.sync.recording.records import ChunkPlace, Message

_FILE = re.compile(
    r"^(glb/[0-9a-f]{1,128}\.glb|texture/[0-9a-f]{1,128}|stage\.usdz|scene/\d{4}\.json|history/[\w.-]{1,80})$"
)
_MOST_SCENES = 1000
_NS = 1_000_000_000
_LAST_NS = 7_258_118_400 * _NS


@dataclass(frozen=True, slots=True)
class Step:
    """Something at a moment [ns since 1970, the server's clock]: a tick, a keyframe with its mark, an event, or the end (a mark
    alone)."""

    at_ns: int
    messages: tuple[bytes, ...] = ()
    frames: tuple[Frame, ...] = ()
    mark: tape.Mark | None = None
    event: dict[str, Any] | None = None

    @property
    def keyframe(self) -> bool:
        return self.mark is not None and bool(self.frames)


class Archive:
    """A recording. Methods that read raise UserError where the file is damaged."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.mcap = McapFile(path)
        try:
            self._open()
        except BaseException:
            self.mcap.close()
            raise

    def _open(self) -> None:
        topics = {channel.topic: channel.id for channel in self.mcap.channels.values()}
        wanted = (tape.TICKS, tape.KEYFRAMES, tape.MARKS, tape.EVENTS)
        if not all(topic in topics for topic in wanted):
            raise UserError(
                f"{self.path} is an MCAP file, but no recording of a twin: it has no {tape.TICKS}"
            )
        self._tick, self._key, self._mark, self._event = (topics[topic] for topic in wanted)
        mine = set(topics[topic] for topic in wanted)
        self._chunks = [chunk for chunk in self.mcap.chunks if not chunk.indexes or mine & set(chunk.indexes)]
        self._chunks.sort(key=lambda chunk: chunk.offset)
        self._keys = [i for i, chunk in enumerate(self._chunks) if self._key in chunk.indexes]
        if not self._keys:
            raise UserError(f"{self.path} holds no whole keyframe: the recording ended too early")
        if not 0 < self.start_ns <= self.end_ns < _LAST_NS:
            raise UserError(f"{self.path} is damaged: its times lie outside 1970 to 2200")
        names = sorted(name for name in self.mcap.files if name.startswith("scene/"))
        if not names or len(names) > _MOST_SCENES:
            raise UserError(f"{self.path} holds {len(names)} scenes; 1 to {_MOST_SCENES} are expected")
        self.scene_count = len(names)
        self._documents: dict[int, dict[str, Any]] = {}

    @property
    def start_ns(self) -> int:
        """The first keyframe."""
        return self._chunks[self._keys[0]].start_ns

    @property
    def end_ns(self) -> int:
        """The last thing that is told."""
        return max(chunk.end_ns for chunk in self._chunks[self._keys[0] :])

    @property
    def seconds(self) -> float:
        """Its length [s]."""
        return (self.end_ns - self.start_ns) / _NS

    @property
    def whole(self) -> bool:
        """Whether it was ended in order."""
        return self.mcap.whole

    def document(self, number: int) -> dict[str, Any]:
        """A scene document."""
        if number not in self._documents:
            name = tape.scene_name(number)
            data = self.mcap.file(name)
            if data is None:
                raise UserError(f"{self.path} is damaged: it has no {name}")
            self._documents[number] = read_document(data, str(self.path))
        return self._documents[number]

    def file(self, name: str) -> bytes | None:
        """A file by the path that the scene names it by, without the first slash; None where there is none."""
        return self.mcap.file(name) if _FILE.match(name) else None

    def names(self, prefix: str = "") -> list[str]:
        """Names of the files that begin so, sorted."""
        return sorted(name for name in self.mcap.files if name.startswith(prefix) and _FILE.match(name))

    def steps(self, from_ns: int | None = None) -> Iterator[Step]:
        """What is told, from the last keyframe at or before that moment on; the first step is a keyframe."""
        first = 0
        if from_ns is not None:
            begins = [self._chunks[i].start_ns for i in self._keys]
            first = max(0, bisect_right(begins, from_ns) - 1)
        for chunk in self._chunks[self._keys[first] :]:
            yield from self._steps(chunk)

    def _steps(self, chunk: ChunkPlace) -> Iterator[Step]:
        """No tick lies in two chunks."""
        mark: tape.Mark | None = None
        messages: list[bytes] = []
        frames: list[Frame] = []
        try:
            for message in self.mcap.messages(chunk):
                if message.channel in (self._tick, self._key):
                    messages.append(message.data)
                    frames += decode(message.data)
                    if frames and frames[-1].header.op == OP_TICK_END:
                        told = mark if message.channel == self._key else None
                        if (told is None) == frames[-1].header.keyframe:
                            raise FrameError("a keyframe without its mark, or a mark without its keyframe")
                        yield Step(message.log_ns, tuple(messages), tuple(frames), told)
                        messages, frames = [], []
                elif message.channel == self._mark:
                    mark = msgspec.json.decode(message.data, type=tape.Mark)
                    if not 0 <= mark.scene < self.scene_count:
                        raise FrameError(f"a mark names scene {mark.scene}")
                    if mark.end:
                        yield Step(message.log_ns, mark=mark)
                elif message.channel == self._event:
                    yield self._told(message)
        except (FrameError, msgspec.DecodeError, ValueError) as error:
            raise UserError(f"{self.path} is damaged at byte {chunk.offset}: {error}") from None

    @staticmethod
    def _told(message: Message) -> Step:
        return Step(message.log_ns, event=msgspec.json.decode(message.data, type=dict[str, Any]))

    def close(self) -> None:
        """Closes the file."""
        self.mcap.close()
