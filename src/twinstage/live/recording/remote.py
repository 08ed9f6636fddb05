"""`twinstage record`: follows a server into a file."""

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinstage.live.recording.files import LIBRARY, attach, failed, new_recording
from twinstage.live.recording.history import fetch_history
from twinstage.sync import messages as m
from twinstage.sync.client import Client, LinkError, connect
from twinstage.sync.codec import Frame
from twinstage.sync.recording.tape import KEYFRAME_S, MOST_BYTES, Tape

_LOOK_S = 0.25


@dataclass(frozen=True, slots=True)
class RecordChoices:
    """How a recording is made. `duration` [s]: None until stopped; `rate`: ticks a second at most; `stage`: with its
    package; `history`: with the readings of that time."""

    duration: float | None = None
    keyframe_seconds: float = KEYFRAME_S
    rate: float | None = None
    stage: bool = True
    most_bytes: int = MOST_BYTES
    force: bool = False
    history: bool = True


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of it. `notes`: what is not in it."""

    path: Path
    seconds: float
    ticks: int
    bytes: int
    notes: tuple[str, ...] = ()


class _Keeper:
    """Implements `sync.client.Tap`."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.documents: list[dict[str, Any]] = []
        """Scenes whose files are still to be fetched."""
        self.over = False
        """Only files are awaited."""
        self.end_ns: int | None = None

    def welcomed(self, server_ns: int) -> None:
        self.tape.at_least(server_ns)

    def scene(self, document: bytes) -> None:
        if not self.over:
            self.documents.append(self.tape.scene(document))

    def tick(self, messages: list[bytes], frames: list[Frame]) -> None:
        if not self.over:
            self.tape.tick(messages, frames)

    async def attach(self, client: Client, notes: list[str]) -> None:
        """Fetches the files of new scenes."""
        while self.documents:
            notes += await attach(self.tape, self.documents.pop(0), client.fetch)

    def end(self, client: Client) -> None:
        """Nothing more is kept of what happens."""
        if not self.over:
            self.over = True
            self.end_ns = client.server_now_ns() if client.clock_offset_ns is not None else None


def record(
    url: str,
    out: Path,
    choices: RecordChoices,
    *,
    token: str | None = None,
    ca_file: Path | None = None,
    on_start: Callable[[], None] = lambda: None,
) -> Recorded:
    """Follows the twin at `url` until the time is over, the file is full, SIGINT or SIGTERM.

    Raises UserError where no twin answers or the file cannot be made; TwinstageError where the link or the disk ends it
    (what was written by then can be opened).
    """
    return asyncio.run(_record(url, out, choices, token, ca_file, on_start))


async def _record(
    url: str,
    out: Path,
    choices: RecordChoices,
    token: str | None,
    ca_file: Path | None,
    on_start: Callable[[], None],
) -> Recorded:
    stop = asyncio.Event()
    with suppress(NotImplementedError, RuntimeError, ValueError):
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with new_recording(out, force=choices.force) as file:
        tape = Tape(
            file,
            library=LIBRARY,
            keyframe_seconds=choices.keyframe_seconds,
            most_bytes=choices.most_bytes,
        )
        keeper = _Keeper(tape)
        notes: list[str] = []
        latest: list[Client] = []

        def happened(event: m.Event) -> None:
            if event.event not in ("scene", "notice", "overlay") and not keeper.over:
                now_ns = latest[0].server_now_ns() if latest else 0
                tape.event(event.event, event.data or {}, now_ns)

        try:
            link = connect(
                url, rate=choices.rate, token=token, ca_file=ca_file, tap=keeper, on_event=happened
            )
            async with link as client:
                latest.append(client)
                on_start()
                await _follow(client, keeper, choices, stop, notes)
                tape.close(keeper.end_ns)
        except OSError as error:
            raise failed(out, error) from None
        except BaseException:
            if not tape.ticks:
                out.unlink(missing_ok=True)
            else:
                with suppress(OSError):
                    tape.close()
            raise
    return Recorded(out, tape.seconds, tape.ticks, tape.size, tuple(notes))


async def _follow(
    client: Client, keeper: _Keeper, choices: RecordChoices, stop: asyncio.Event, notes: list[str]
) -> None:
    """Until it is over."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    package = asyncio.create_task(_package(client, keeper.tape, notes)) if choices.stage else None
    try:
        while not stop.is_set() and not keeper.tape.full:
            await keeper.attach(client, notes)
            left = None if choices.duration is None else begun + choices.duration - loop.time()
            if left is not None and left <= 0:
                break
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), min(_LOOK_S, left or _LOOK_S))
            await _alive(client)
        keeper.end(client)
        await keeper.attach(client, notes)
        if keeper.tape.full:
            notes.append(f"it ended at {choices.most_bytes >> 20} MiB, the most that was allowed")
        if package is not None and not stop.is_set():
            await package
        if choices.history:
            missing = await fetch_history(keeper.tape, client.fetch)
            notes += [missing] if missing else []
    finally:
        if package is not None:
            package.cancel()
            with suppress(asyncio.CancelledError):
                await package


async def _alive(client: Client) -> None:
    """Raises LinkError where the link has ended for good."""
    with suppress(TimeoutError):
        await client.frame(0.001)


async def _package(client: Client, tape: Tape, notes: list[str]) -> None:
    try:
        tape.file("stage.usdz", "model/vnd.usdz+zip", await client.fetch("/api/v1/stage.usdz"))
    except (OSError, LinkError) as error:
        notes.append(f"without the stage's package: {error}")
