"""Moments of a recording for one viewer: any of them, on and back, is what clients held then; the playing does not notice."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import msgspec
import pytest
from tapes import NS, T0, record

from twinstage.base.errors import UserError
from twinstage.sync.api.operation import Refused
from twinstage.sync.api.past import PastAsk, PastTicks
from twinstage.sync.codec import OP_TICK_END, Frame, decode
from twinstage.sync.model import SceneModel
from twinstage.sync.recording.archive import Archive
from twinstage.sync.recording.past import RecordedPast
from twinstage.sync.recording.playback import Playback, hub_of, scene_of


@pytest.fixture
def taped(make: ModuleType, tmp_path: Path) -> Iterator[tuple[Playback, dict[int, str]]]:
    data, held = record(make)
    (tmp_path / "a.twinrec").write_bytes(data)
    archive = Archive(tmp_path / "a.twinrec")
    playback = Playback(archive, hub_of(archive, "played"))
    playback.seek(archive.start_ns, T0)
    yield playback, held
    archive.close()


def ask(playback: Playback, **asked: object) -> PastTicks:
    return asyncio.run(RecordedPast(playback).ticks(PastAsk.model_validate(asked)))


def models(playback: Playback, answer: PastTicks) -> Iterator[SceneModel]:
    """What a client holds after each tick."""
    model = SceneModel(msgspec.json.decode(scene_of(playback)))
    frames: list[Frame] = []
    for frame in decode(answer.data):
        frames.append(frame)
        if frame.header.op == OP_TICK_END:
            model.apply(frames)
            frames = []
            yield model


def test_a_moment_is_what_was_held_then(taped: tuple[Playback, dict[int, str]]) -> None:
    playback, held = taped
    before = playback.hub.seq
    for at in list(held)[::7]:
        answer = ask(playback, at=str((at - T0) / NS))
        (model,) = models(playback, answer)
        assert model.digest() == held[at]
        assert (model.tick_ns, answer.until_ns, answer.revision) == (at, at, playback.hub.revision)
    assert playback.hub.seq == before and playback.at.position_ns == T0


def test_on_and_back_through_the_same_states(taped: tuple[Playback, dict[int, str]]) -> None:
    playback, held = taped
    on = [(m.tick_ns, m.digest()) for m in models(playback, ask(playback, at="0.5", to="4", hz=10))]
    assert on == [(at, held[at]) for at in sorted(held) if T0 + NS // 2 <= at <= T0 + 4 * NS]
    answer = ask(playback, at="4", to="0.5", hz=10)
    back = [(m.tick_ns, m.digest()) for m in models(playback, answer)]
    # What was first told within the span is told back to "unsaid", which a hash counts as said: compare from the end of that.
    known = [at for at, _ in on if at >= T0 + NS]
    assert [row for row in back if row[0] in known] == [row for row in reversed(on) if row[0] in known]
    assert [at for at, _ in back] == [at for at, _ in reversed(on)]
    assert answer.until_ns == T0 + NS // 2


def test_another_scene_is_not_shown_with_this_ones_rows(make: ModuleType, tmp_path: Path) -> None:
    def replaced(i: int, hub: object, keeper: object) -> None:
        if i == 30:
            hub.replace_scene(make.snapshot(("/World", "/World/A", "/World/B", "/World/C", "/World/D")))  # type: ignore[attr-defined]

    data, _ = record(make, on_tick=replaced)
    (tmp_path / "b.twinrec").write_bytes(data)
    archive = Archive(tmp_path / "b.twinrec")
    playback = Playback(archive, hub_of(archive, "played"))
    playback.seek(archive.start_ns, T0)
    with pytest.raises(Refused) as caught:
        ask(playback, at="5")
    assert caught.value.status == 404 and "another scene" in str(caught.value)
    answer = ask(playback, at="2", to="5", hz=10)
    assert T0 + 2 * NS < answer.until_ns < T0 + 3.2 * NS
    archive.close()


def test_mistakes(taped: tuple[Playback, dict[int, str]]) -> None:
    with pytest.raises(UserError, match="lies before the recording"):
        ask(taped[0], at="-3")
    with pytest.raises(UserError, match="no moment"):
        ask(taped[0], at="noon")


def test_behind_the_end_is_the_end(taped: tuple[Playback, dict[int, str]]) -> None:
    playback, held = taped
    answer = ask(playback, at="3600")
    (model,) = models(playback, answer)
    assert answer.until_ns == playback.archive.end_ns
    assert model.digest() == held[max(held)]
