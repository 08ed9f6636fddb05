"""A jump in a recording does not hold up who watches: it is made ready beside the loop, and what comes last counts."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.sync import make

from twinstage.base.errors import UserError
from twinstage.live.recording.opened import OpenedRecording, PlayChoices
from twinstage.sync.api.playback import PlaybackOrder
from twinstage.sync.recording.archive import Archive, Step


@pytest.fixture
def tapes(root: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(root / "tests" / "sync" / "recording")
    import tapes

    return tapes


@pytest.fixture
def taped(tapes: Any, tmp_path: Path) -> tuple[Path, dict[int, str]]:
    data, held = tapes.record(make)
    path = tmp_path / "a.twinrec"
    path.write_bytes(data)
    return path, held


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A disk that takes its time from now on; how often it was asked."""
    asked: list[int] = []
    steps = Archive.steps

    def slowly(archive: Archive, from_ns: int | None = None) -> Iterator[Step]:
        asked.append(from_ns or 0)
        for step in steps(archive, from_ns):
            time.sleep(0.02)
            yield step

    monkeypatch.setattr(Archive, "steps", slowly)
    return asked


async def longest_gap(work: Callable[[], Awaitable[Any]]) -> float:
    """The longest that the loop had no time for others meanwhile [s]."""
    task, last, longest = asyncio.ensure_future(work()), time.perf_counter(), 0.0
    while not task.done():
        await asyncio.sleep(0.002)
        now = time.perf_counter()
        last, longest = now, max(longest, now - last)
    await task
    return longest


def desk_of(opened: OpenedRecording) -> Any:
    from twinstage.live.recording.desk import PlaybackDesk

    return PlaybackDesk(opened.playback, opened.clock, opened.changed.set)


def test_the_loop_goes_on_while_a_jump_is_made(taped: tuple[Path, dict[int, str]], slow: list[int]) -> None:
    path, held = taped
    times = sorted(held)

    async def main() -> None:
        opened = OpenedRecording(path, PlayChoices(paused=True))
        desk, view = desk_of(opened), None
        before = opened.hub.seq
        begin = time.perf_counter()
        target = times[-1]

        async def jump() -> None:
            answer = await desk.control_playback(PlaybackOrder(seek_ns=str(target), request_id="j"))
            assert answer.did_seek and answer.shown_ns == str(target) and answer.request_id == "j"

        gap = await longest_gap(jump)
        took = time.perf_counter() - begin
        assert took > 0.3 and gap < took / 2, (gap, took)
        view = opened.hub.view(frozenset(("pose", "scalar", "style", "entity", "event")), make_interest())
        assert opened.hub.digest(view, {}) == held[target] and opened.hub.seq == before + 1
        opened.archive.close()

    asyncio.run(asyncio.wait_for(main(), 200))


def make_interest() -> Any:
    from twinstage.sync.messages import Interest

    return Interest()


def test_of_many_jumps_the_last_one_counts_and_few_are_made(
    taped: tuple[Path, dict[int, str]], slow: list[int]
) -> None:
    path, held = taped
    times = sorted(held)

    async def main() -> None:
        opened = OpenedRecording(path, PlayChoices())
        desk = desk_of(opened)
        playing = asyncio.ensure_future(opened.run())
        before = len(slow)
        orders = [
            PlaybackOrder(seek_ns=str(at), command="pause") for at in (times[-1], *times[3:9], times[5])
        ]
        answers = await asyncio.gather(*(desk.control_playback(order) for order in orders))
        assert [answer.did_seek for answer in answers] == [True, *[False] * 6, True]
        assert len(slow) - before == 2 and opened.playback.shown[0] == times[5]
        assert desk.get_playback().status == "paused" and int(desk.get_playback().current_ns) == times[5]
        await desk.control_playback(PlaybackOrder(command="play"))
        async with asyncio.timeout(60):
            while opened.playback.shown[0] == times[5]:
                await asyncio.sleep(0.01)
        playing.cancel()
        opened.archive.close()

    asyncio.run(asyncio.wait_for(main(), 200))


def test_a_jump_into_what_is_damaged_is_a_sentence_and_changes_nothing(
    taped: tuple[Path, dict[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, held = taped
    times = sorted(held)

    def broken(archive: Archive, from_ns: int | None = None) -> Iterator[Step]:
        raise UserError(f"{path} is damaged at byte 7")
        yield

    async def main() -> None:
        opened = OpenedRecording(path, PlayChoices(paused=True))
        desk, seq = desk_of(opened), opened.hub.seq
        shown = opened.playback.shown
        with monkeypatch.context() as patch:
            patch.setattr(Archive, "steps", broken)
            with pytest.raises(UserError, match="damaged at byte 7"):
                await desk.control_playback(PlaybackOrder(seek_ns=str(times[4])))
        assert (opened.playback.shown, opened.hub.seq) == (shown, seq)
        assert (await desk.control_playback(PlaybackOrder(seek_ns=str(times[4])))).shown_ns == str(times[4])
        opened.archive.close()

    asyncio.run(asyncio.wait_for(main(), 200))
