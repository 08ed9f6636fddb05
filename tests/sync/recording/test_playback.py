"""Playing: clients of the playing hub hold what clients of the recorded hub held, tick by tick, wherever one jumps to."""

import random
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import msgspec
import pytest
from tapes import NS, SIGNALS, T0, Keeper, Viewer, motion, opened, record

from twinstage.base.errors import UserError
from twinstage.sync.hub import Hub
from twinstage.sync.recording.archive import Archive
from twinstage.sync.recording.playback import Playback, hub_of, scene_of

NOW = 2_000_000_000 * NS


@pytest.fixture
def taped(make: ModuleType, tmp_path: Path) -> tuple[Path, dict[int, str]]:
    data, held = record(make)
    path = tmp_path / "a.twinrec"
    path.write_bytes(data)
    return path, held


OPEN: list[Archive] = []


@pytest.fixture(autouse=True)
def all_closed() -> Iterator[None]:
    yield
    while OPEN:
        OPEN.pop().close()


def playing(path: Path, **options: float) -> tuple[Playback, Viewer]:
    archive = Archive(path)
    OPEN.append(archive)
    playback = Playback(archive, hub_of(archive, "played"), **options)  # type: ignore[arg-type]
    playback.seek(archive.start_ns, NOW)
    return playback, Viewer(playback.hub)


def digest(viewer: Viewer) -> str:
    viewer.drain()
    assert viewer.model is not None
    return viewer.model.digest()


def test_every_tick_is_what_it_was(taped: tuple[Path, dict[int, str]]) -> None:
    path, held = taped
    playback, viewer = playing(path)
    slow = Viewer(playback.hub, caps=())
    now = NOW
    assert digest(viewer) == held[T0]
    for at, was in sorted(held.items()):
        playback.advance(now + at - T0)
        assert playback.shown is not None and playback.shown[0] == at
        assert digest(viewer) == was and digest(slow) == was
        view = playback.hub.view(viewer.session.want, viewer.session._interest)
        assert playback.hub.digest(view, {}) == was


def test_jumps_land_on_what_was(taped: tuple[Path, dict[int, str]]) -> None:
    path, held = taped
    playback, viewer = playing(path)
    times = sorted(held)
    draw = random.Random(3)
    for _ in range(60):
        at = draw.choice(times)
        playback.seek(at + draw.choice([0, 1, NS // 20]), NOW)
        assert digest(viewer) == held[at] and playback.at.position_ns >= at
        if draw.random() < 0.3:  # and go on from there
            playback.advance(NOW + NS // 10)
            assert playback.shown is not None
            assert digest(viewer) == held[playback.shown[0]]
    late = Viewer(playback.hub)
    assert digest(late) == digest(viewer)


def test_a_client_from_before_a_jump_gets_a_keyframe(taped: tuple[Path, dict[int, str]]) -> None:
    path, _ = taped
    playback, viewer = playing(path)
    playback.advance(NOW + 3 * NS)
    digest(viewer)
    assert viewer.model is not None
    before = viewer.model.seq
    playback.seek(T0, NOW + 3 * NS)
    came = viewer.drain()
    assert [frames[-1].header.keyframe for _, frames in came] == [True]
    assert viewer.model.seq > before
    assert playback.hub.floor == viewer.model.seq


def test_speed_pause_end_and_loop(taped: tuple[Path, dict[int, str]]) -> None:
    path, _ = taped
    playback, _ = playing(path, speed=4.0)
    assert playback.at.status == "playing"
    wait = playback.advance(NOW)
    assert wait == pytest.approx(0.1 / 4)
    playback.advance(NOW + NS)
    assert playback.at.position_ns == T0 + 4 * NS
    playback.pause(NOW + NS)
    assert playback.advance(NOW + 9 * NS) is None and playback.at.position_ns == T0 + 4 * NS
    assert playback.at.status == "paused"
    playback.play(NOW + 9 * NS)
    playback.set_speed(1.0, NOW + 9 * NS)
    playback.advance(NOW + 10 * NS)
    assert playback.at.position_ns == T0 + 5 * NS
    assert playback.advance(NOW + 30 * NS) is None
    assert playback.at.status == "ended" and playback.at.position_ns == T0 + 6 * NS
    playback.play(NOW + 30 * NS)
    assert playback.at.status == "playing" and playback.at.position_ns == T0
    playback.loop = True
    assert playback.advance(NOW + 60 * NS) == 0.0
    assert playback.at.status == "playing" and playback.at.position_ns == T0
    with pytest.raises(UserError, match="speed"):
        playback.set_speed(1e9, NOW)


def test_what_cannot_keep_up_is_buffering_and_skips_nothing(make: ModuleType, tmp_path: Path) -> None:
    data, held = record(make, ticks=500, hz=100.0)
    path = tmp_path / "fast.twinrec"
    path.write_bytes(data)
    playback, viewer = playing(path, speed=100.0)
    playback.advance(NOW)
    assert playback.advance(NOW + NS) == 0.0
    assert playback.at.status == "buffering"
    shown = playback.shown
    assert shown is not None and playback.at.position_ns == shown[0] and digest(viewer) == held[shown[0]]
    count, now = 0, NOW + NS
    while playback.at.status != "ended":
        now += NS // 1000
        playback.advance(now)
        count += 1
        assert count < 100
    assert digest(viewer) == held[max(held)]


def test_a_recording_goes_on_after_the_scene_was_replaced(make: ModuleType, tmp_path: Path) -> None:
    def replace(i: int, hub: Hub, keeper: Keeper) -> None:
        if i == 20:
            hub.replace_scene(make.snapshot(("/World", "/World/A", "/World/B", "/World/C", "/World/D")))

    data, held = record(make, on_tick=replace)
    with opened(tmp_path / "a.twinrec", data) as archive:
        assert archive.scene_count == 2
        playback = Playback(archive, hub_of(archive, "played"))
        playback.seek(T0, NOW)
        viewer = Viewer(playback.hub)
        for at in (T0 + NS, T0 + 4 * NS, T0 + NS // 2, T0 + 5 * NS):
            playback.seek(at, NOW)
            assert digest(viewer) == held[at]
            document = msgspec.json.decode(scene_of(playback))
            assert document["nodes"]["count"] == (5 if at > T0 + 2 * NS else 4)
            assert (document["epoch"], document["revision"]) == ("played", playback.hub.revision)
        playback.seek(T0 + NS, NOW)
        playback.advance(NOW + 4 * NS)  # plays across the change
        assert digest(viewer) == held[T0 + 5 * NS]


def test_a_server_that_restarted_goes_on_in_the_same_file(make: ModuleType, tmp_path: Path) -> None:
    again: list[Keeper] = []

    def restart(i: int, hub: Hub, keeper: Keeper) -> None:
        if i == 59:
            other = Hub(make.snapshot(), SIGNALS, epoch="another run")
            other.publish(motion(make, 7), now_ns=T0 + 6 * NS)
            again.append(Keeper(other, keeper.tape))
            other.publish(motion(make, 8), now_ns=T0 + 7 * NS)
            again[0].drain()

    data, held = record(make, on_tick=restart)
    with opened(tmp_path / "a.twinrec", data) as archive:
        playback = Playback(archive, hub_of(archive, "played"))
        playback.seek(T0, NOW)
        viewer = Viewer(playback.hub)
        playback.advance(NOW + 59 * NS // 10)
        assert digest(viewer) == held[T0 + 59 * NS // 10]
        playback.advance(NOW + 8 * NS)
        assert again[0].model is not None and digest(viewer) == again[0].model.digest()
        playback.seek(T0 + NS, NOW)
        assert digest(viewer) == held[T0 + NS]


def test_events_are_told_again(make: ModuleType, tmp_path: Path) -> None:
    def alarm(i: int, hub: Hub, keeper: Keeper) -> None:
        if i == 7:
            keeper.tape.event("alarm", {"count": 2}, T0 + 7 * NS // 10)

    data, _ = record(make, on_tick=alarm)
    with opened(tmp_path / "a.twinrec", data) as archive:
        playback = Playback(archive, hub_of(archive, "played"))
        playback.seek(T0, NOW)
        viewer = Viewer(playback.hub)
        playback.advance(NOW + 2 * NS)
        viewer.drain()
        told = [text for text in viewer.texts if getattr(text, "event", "") == "alarm"]
        assert [text.data for text in told] == [{"count": 2}]


def test_marks_hold_the_hash(make: ModuleType, tmp_path: Path) -> None:
    data, held = record(make)
    with opened(tmp_path / "a.twinrec", data) as archive:
        marks = [step for step in archive.steps() if step.mark is not None]
        assert len(marks) >= 4
        for step in marks:
            assert step.mark is not None
            assert step.mark.sha256 == held[min(step.at_ns, max(held))]


def test_the_hub_needs_no_stage(taped: tuple[Path, dict[int, str]], make: ModuleType) -> None:
    path, _ = taped
    playback, viewer = playing(path)
    hub = playback.hub
    assert hub.stage.up_axis == "Y" and hub.stage.meters_per_unit == 0.01
    assert [signal.id for signal in hub.scene.signals] == [signal.id for signal in SIGNALS]
    from twinstage.sync.messages import Eye, Interest

    seen = hub.view(viewer.session.want, Interest(view=Eye((0, 0, 0), (1, 0, 0), (0, 0, 1), 1.0, 1.0, None)))
    assert seen.nodes is not None and len(seen.nodes) == 4
