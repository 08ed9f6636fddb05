"""A hub, a client of it without a socket, and what that client writes down."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from twinstage.scene.columns import EntityColumns, TextColumns, frozen
from twinstage.sync import messages as m
from twinstage.sync.codec import OP_TICK_END, Frame, decode
from twinstage.sync.hub import Hub, SignalMeta
from twinstage.sync.model import SceneModel
from twinstage.sync.recording.archive import Archive
from twinstage.sync.recording.tape import Tape
from twinstage.sync.scene_json import scene_bytes, scene_document
from twinstage.sync.session import Session

NS = 1_000_000_000
T0 = 1_764_000_000 * NS
SIGNALS = (SignalMeta("a.x", "m"), SignalMeta("a.name", "1", "string"))
PNG = b"\x89PNG\r\n\x1a\n not a real picture"


class Viewer:
    """A client that decodes everything; `model` is what it holds."""

    def __init__(self, hub: Hub, *, caps: tuple[str, ...] = ("delta", "zstd", "digest")) -> None:
        self.hub = hub
        self.session: Session = hub.connect(lambda: None, now_ns=0)
        self.model: SceneModel | None = None
        self.ticks: list[tuple[list[bytes], list[Frame]]] = []
        self.texts: list[Any] = []
        self._tell(m.Hello(caps=list(caps)))
        self.drain()

    def _tell(self, message: Any) -> None:
        self.session.receive(m.to_text(message), now_ns=0, wall_ns=T0)

    def drain(self) -> list[tuple[list[bytes], list[Frame]]]:
        """Takes and acknowledges all that there is; the ticks among it."""
        raw: list[bytes] = []
        frames: list[Frame] = []
        came = []
        while (message := self.session.next_message(0)) is not None:
            if isinstance(message, bytes):
                raw.append(message)
                frames += decode(message)
                if frames[-1].header.op == OP_TICK_END:
                    assert self.model is not None
                    self.model.apply(frames)
                    came.append((raw, frames))
                    self._tell(m.Ack(frames[-1].header.seq))
                    raw, frames = [], []
                continue
            told = m.from_server(message)
            self.texts.append(told)
            if isinstance(told, m.Welcome) or (isinstance(told, m.Event) and told.event == "scene"):
                self.scene()
                self._tell(m.Ready(self.hub.revision))
        self.ticks += came
        return came

    def scene(self) -> None:
        import msgspec

        self.model = SceneModel(msgspec.json.decode(msgspec.json.encode(scene_document(self.hub.scene))))


class Keeper(Viewer):
    """A viewer that records."""

    def __init__(self, hub: Hub, tape: Tape) -> None:
        self.tape = tape
        super().__init__(hub)

    def scene(self) -> None:
        super().scene()
        document = self.tape.scene(scene_bytes(self.hub.scene))
        for row in document["prototypes"]:
            self.tape.file(row["url"][1:], "model/gltf-binary", b"glTF of " + row["hash"].encode())
        for row in document["textures"]:
            self.tape.file(row["url"][1:], row["type"], PNG)

    def drain(self) -> list[tuple[list[bytes], list[Frame]]]:
        came = super().drain()
        for raw, frames in came:
            self.tape.tick(raw, frames)
        return came


def motion(make: ModuleType, i: int) -> Any:
    """Tick i: prim 1 goes along x and turns, others now and then; all kinds of columns."""
    angle = 0.3 * i
    turn = [[np.cos(angle), 0.0, np.sin(angle), 0.0]]
    rows, places = [1], [[0.1 * i, -1.0, 0.25]]
    if i % 3 == 0:
        rows, places, turn = [1, 3], [*places, [10_000.0 + i, 0.0, 1.0 / 3.0]], [*turn, [0.5, 0.5, -0.5, 0.5]]
    scale = np.full((len(rows), 3), 2.0) if i % 4 == 1 else None
    more: dict[str, Any] = {"signals": make.values([0], [1.5 * i], [T0 + i], [0])}
    if i % 5 == 2:
        more["style"] = make.styles([2], [[255, i % 256, 0, 255]])
        more["visibility"] = make.switches([3], [i % 2 == 0])
        times, quality = frozen(np.array([T0 + i]), np.int64), frozen(np.array([0]), np.uint32)
        more["texts"] = TextColumns(frozen(np.array([1]), np.uint32), (f"text {i}",), times, quality)
        more["entities"] = EntityColumns(frozen(np.array([2]), np.uint32), frozen(np.array([i]), np.int64))
    pose = make.poses(rows, np.array(places), np.array(turn), scale, ordinal=i, event_ns=T0 + i * NS // 10)
    return make.tick(pose, watermark_ns=T0 + i, **more)


def record(
    make: ModuleType,
    *,
    ticks: int = 60,
    hz: float = 10.0,
    close: bool = True,
    on_tick: Callable[[int, Hub, Keeper], None] = lambda i, hub, keeper: None,
    **options: Any,
) -> tuple[bytes, dict[int, str]]:
    """A recording of `ticks` ticks, and the digest of what a client held after each, by its time [ns]."""
    out = io.BytesIO()
    hub = Hub(make.snapshot(), SIGNALS, {"/World/A": ["a.x"]}, epoch="recorded")
    tape = Tape(out, library="test", **options)
    hub.publish(motion(make, 0), now_ns=T0)
    keeper = Keeper(hub, tape)
    held: dict[int, str] = {}
    for i in range(ticks):
        now = T0 + int(i * NS / hz)
        if i:
            hub.publish(motion(make, i), now_ns=now)
        keeper.drain()
        assert keeper.model is not None
        held[now] = keeper.model.digest()
        on_tick(i, hub, keeper)
    if close:
        tape.close(T0 + int(ticks * NS / hz))
    else:
        tape.flush()
    return out.getvalue(), held


@contextmanager
def opened(path: Path, data: bytes) -> Iterator[Archive]:
    """The recording as a file."""
    path.write_bytes(data)
    archive = Archive(path)
    try:
        yield archive
    finally:
        archive.close()
