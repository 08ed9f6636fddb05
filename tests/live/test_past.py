"""The scene as it was, for one viewer: what `/api/v1/past` says of a moment is what the running twin told then."""

import asyncio
import json
import logging
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import api_twin
import httpx
import numpy as np
import pytest
from api_twin import START, make_twin, say
from hypothesis import example, given, settings
from hypothesis import strategies as st

import twinstage.live.api.past as past_module
from twinstage.base.clock import NS
from twinstage.live.api.past import PastDesk
from twinstage.live.api.past_plan import SETTLED_NS, PastPlan
from twinstage.live.server import make_app
from twinstage.live.twin import LiveTwin
from twinstage.sync import codec
from twinstage.sync.api.operation import Refused
from twinstage.sync.api.past import PastAsk
from twinstage.sync.messages import CHANNELS
from twinstage.sync.model import SceneModel
from twinstage.sync.scene_json import scene_document
from twinstage.sync.view import View
from twinstage.telemetry.history.moments import iso_ns

PAST = "/api/v1/past"
EVERYTHING = View(frozenset(CHANNELS))


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[LiveTwin]:
    made = make_twin(tmp_path)
    yield made
    made.let_go()


def ask(twin: LiveTwin, path: str, **query: Any) -> httpx.Response:
    async def main() -> httpx.Response:
        transport = httpx.ASGITransport(make_app(twin, camera_engine="raycast"))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.get(path, params=query)

    return asyncio.run(main())


def ticks(twin: LiveTwin, answer: httpx.Response) -> Iterator[SceneModel]:
    """What a client holds after each tick of an answer."""
    assert answer.status_code == 200, answer.text
    model, frames = SceneModel(scene_document(twin.hub.scene)), list[codec.Frame]()
    for frame in codec.decode(answer.content):
        frames.append(frame)
        if frame.header.op == codec.OP_TICK_END:
            assert model.apply(frames) is not None
            frames = []
            yield model


def commit(twin: LiveTwin) -> None:
    assert twin.recorder is not None
    twin.recorder.commit()


def test_a_moment_is_what_viewers_held_then(twin: LiveTwin) -> None:
    held: dict[int, str] = {}
    for k in range(11, 31):
        say(twin, k / 10, x=k * 100, x2=k, name=f"run {k}", state="idle" if k % 3 else "busy", n=5 * k)
        held[twin.clock.now_ns()] = twin.hub.digest(EVERYTHING, {})
    commit(twin)
    assert len(set(held.values())) == 20
    for at in list(held)[::4]:
        answer = ask(twin, PAST, at=iso_ns(at))
        (model,) = ticks(twin, answer)
        assert model.tick_ns == at == int(answer.headers["twin-until-ns"])
        assert model.digest() == held[at]
        assert answer.headers["twin-revision"] == str(twin.hub.revision)
    assert list(held.values())[-1] == twin.hub.digest(EVERYTHING, {}), "asking does not move the twin"


def test_a_span_goes_from_moment_to_moment(twin: LiveTwin) -> None:
    answer = ask(twin, PAST, at="0.2", to="0.8", hz=10)
    x = [(model.tick_ns - START, model.value("agv1.x").value) for model in ticks(twin, answer)]
    assert x == [(k * NS // 10, pytest.approx(k / 10)) for k in range(2, 9)]


def test_what_no_binding_drives_stands_as_now(twin: LiveTwin) -> None:
    twin.edits.set_pose("/Cell/Agv1/Body", position=(0, 0, 7), rotation=None, scale=None)
    say(twin, 2, x=0)
    commit(twin)
    (model,) = ticks(twin, ask(twin, PAST, at="0.5"))
    body, vehicle = model.local(model.node("/Cell/Agv1/Body")), model.local(model.node("/Cell/Agv1"))
    assert body[2, 3] == pytest.approx(7)
    assert vehicle[0, 3] == pytest.approx(0.5, abs=1e-4)


def test_age_is_that_of_then(twin: LiveTwin) -> None:
    say(twin, 10, x2=1.0)
    commit(twin)
    fresh, old = (next(ticks(twin, ask(twin, PAST, at=at))).value("agv1.x").quality for at in ("1.5", "4.5"))
    assert (fresh, old) == (0, 0x40900000), "agv1.x is stale after 2 s"


def test_alarms_as_they_stood(twin: LiveTwin) -> None:
    say(twin, 2, x=1500)
    say(twin, 3, x=100)
    commit(twin)
    assert twin.alarms is not None
    twin.alarms.commit()
    told = {at: ask(twin, f"{PAST}/alarms", at=at).json()["alarms"] for at in ("0.5", "2.5", "3.5")}
    assert {at: [a["condition"] for a in alarms] for at, alarms in told.items()} == {
        "0.5": [],
        "2.5": [True],
        "3.5": [False],
    }
    assert told["2.5"][0]["value"] == pytest.approx(1500)
    assert told["3.5"][0]["state"] == "returned"


def test_limits_are_those_of_the_mode_of_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = api_twin.CONTRACT.replace("above: 900", "above: 900, limit_in: {busy: 1800}")
    monkeypatch.setattr(
        api_twin, "CONTRACT", text.replace("contract: 1\n", "contract: 1\nmode: agv1.state\n")
    )
    twin = make_twin(tmp_path)
    say(twin, 2, x=1500, state="busy")
    say(twin, 3, x=1500, state="idle")
    commit(twin)
    assert twin.alarms is not None
    twin.alarms.commit()
    told = [ask(twin, f"{PAST}/alarms", at=at, all=True).json() for at in ("2.5", "3.5")]
    twin.let_go()
    assert [(one["mode"], one["alarms"][0]["limit"], one["alarms"][0]["condition"]) for one in told] == [
        ("busy", 1800, False),
        ("idle", 900, True),
    ]


def test_backwards_through_the_same_states(twin: LiveTwin) -> None:
    for k in range(11, 31):
        say(twin, k / 10, x=k * 100, x2=k, name=f"run {k}", state="idle" if k % 3 else "busy", n=5 * k)
    commit(twin)
    on = [(m.tick_ns, m.digest()) for m in ticks(twin, ask(twin, PAST, at="1.2", to="2.9", hz=10))]
    answer = ask(twin, PAST, at="2.9", to="1.2", hz=10)
    back = [(m.tick_ns, m.digest()) for m in ticks(twin, answer)]
    assert len(set(on)) == 18
    assert back == on[::-1]
    assert answer.headers["twin-until-ns"] == str(on[0][0])


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"at": "-5"}, "before the history"),
        ({"at": "noon"}, "is no moment"),
        ({"at": "0", "to": "1", "hz": 60, "x": 1}, "no parameter"),
        ({"at": "0", "to": "3600", "hz": 60}, "more than 1200 ticks"),
    ],
)
def test_mistakes(twin: LiveTwin, query: dict[str, Any], sentence: str) -> None:
    answer = ask(twin, PAST, **query)
    assert answer.status_code == 422
    assert sentence in answer.json()["error"]


def test_a_twin_without_a_history(tmp_path: Path) -> None:
    twin = make_twin(tmp_path, history=False)
    answer = ask(twin, PAST, at="0")
    assert answer.status_code == 404
    assert "--history" in answer.json()["error"]
    twin.let_go()


def test_things_that_were_gripped(tmp_path: Path) -> None:
    """A part that a gripper holds at a moment is where the running twin had it, wherever one comes from."""
    twin, held = grip_twin(tmp_path), {}
    for k in range(1, 40):
        say(twin, k / 10, x=k * 100, grip=10 <= k < 25)
        held[k] = world(twin)
    commit(twin)
    assert held[24][0] - held[9][0] > 1.0
    assert held[39] == held[24], "let go where it was"
    for k in (39, 12, 20, 9, 30):
        (model,) = ticks(twin, ask(twin, PAST, at=iso_ns(START + k * NS // 10 + NS // 50)))
        part = model.world(model.node("/Part"))[:3, 3]
        assert np.allclose(part, held[k], atol=1e-3), k
    twin.let_go()


def frames(desk: PastDesk, at_ns: int, to_ns: int | None = None) -> bytes:
    to = None if to_ns is None else iso_ns(to_ns)
    return asyncio.run(desk.ticks(PastAsk(at=iso_ns(at_ns), to=to))).data


@settings(deadline=None, max_examples=5)
@given(seed=st.integers(0, 10**6))
@example(seed=1670)  # a grip lets go at the very moment that was asked for before
def test_a_seek_answers_the_same_bytes_wherever_one_comes_from(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """Scrubbing while the twin goes on, with and without what a seek before has found; a reading that was on its way for long
    changes a moment that was looked at already."""
    rng = random.Random(seed)
    twin = grip_twin(tmp_path_factory.mktemp("past"), lateness=1.5)
    desk = PastDesk(twin, twin.recorder.folder) if twin.recorder else None
    assert desk is not None
    for k in range(2, 60):
        say(twin, k / 10, x=rng.random() * 900, grip=rng.random() < 0.4)
        if rng.random() < 0.3:
            late = {
                "t": START + round((k / 10 - 1.2 * rng.random()) * NS),
                "x": 5000,
                "grip": rng.random() < 0.5,
            }
            assert twin.ingest is not None
            twin.ingest.offer("plc", f"{json.dumps(late)}\n".encode(), twin.clock.now_ns())
        if rng.random() < 0.25:
            commit(twin)
            if rng.random() < 0.4:
                desk.go_on()
            at = START + round((k / 10 - rng.choice([0, 0.3, 2, 5]) * rng.random()) * NS)
            at = max(at, START + NS // 2)
            to = at + rng.choice([-1, 1]) * 300_000_000 if rng.random() < 0.3 and at > START + NS else None
            once = PastDesk(twin, desk.folder)
            assert frames(desk, at, to) == frames(once, at, to), (k, at)
            once.close()
    twin.let_go()
    desk.close()


def test_only_the_newest_question_of_a_viewer_is_worked_on(twin: LiveTwin) -> None:
    """While one is answered, a viewer asks for three more moments: two of them are not looked for."""
    assert twin.recorder is not None
    desk = PastDesk(twin, twin.recorder.folder)
    begun, go = threading.Event(), threading.Event()
    looked = []

    def slow(now: Any, plain: Any = desk._looked) -> Any:
        looked.append(now)
        begun.set()
        assert go.wait(10)
        return plain(now)

    desk._looked = slow  # type: ignore[method-assign]

    async def main() -> list[Any]:
        ask = lambda at, viewer="me": asyncio.create_task(desk.ticks(PastAsk(at=at, viewer=viewer)))  # noqa: E731
        asked = [ask("0.1")]
        while not begun.is_set():
            await asyncio.sleep(0.01)
        for question in (("0.2",), ("0.3",), ("0.4",), ("0.5", "you")):
            asked.append(ask(*question))
            await asyncio.sleep(0.01)
        go.set()
        return await asyncio.gather(*asked, return_exceptions=True)

    answers = asyncio.run(main())
    assert [isinstance(one, Refused) and one.status == 409 for one in answers] == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert [one.until_ns - START for one in answers[3:]] == [4 * NS // 10, 5 * NS // 10]
    assert len(looked) == 3, "the second and the third were not begun"
    desk.close()


def test_a_twin_goes_through_its_history_while_somebody_looks(tmp_path: Path) -> None:
    twin = grip_twin(tmp_path)
    for k in range(1, 200):
        say(twin, k / 10, x=k, grip=k % 4 < 2)
    commit(twin)
    assert twin.recorder is not None
    desk = PastDesk(twin, twin.recorder.folder)
    told = []
    walked = PastPlan._walked

    async def main() -> None:
        stop = asyncio.Event()
        keeping = asyncio.create_task(desk.keep_up(stop))
        await asyncio.sleep(0.2)
        assert desk.gone_ns is None, "nobody looks"
        twin.hub.connect(lambda: None, now_ns=0)
        async with asyncio.timeout(60):
            while desk.gone_ns != START + round(19.9 * NS) - SETTLED_NS:
                await asyncio.sleep(0.02)
        stop.set()
        keeping.cancel()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(past_module, "KEEP_UP_S", 0.02)
        asyncio.run(main())
        assert desk.gone_ns == START + round(19.9 * NS) - SETTLED_NS
        patch.setattr(
            PastPlan, "_walked", lambda self, history, at: told.append(at) or walked(self, history, at)
        )
        frames(desk, START + 12 * NS)
    kept = [moment for moment, _ in desk._now().plan._kept]
    assert told and max(kept) > START + 14 * NS, "the way was kept"
    twin.let_go()
    desk.close()


def test_a_history_that_cannot_be_read_ahead_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading ahead is told once as failed, tried again, and done as soon as it can be; the server goes on."""
    monkeypatch.setattr(past_module, "KEEP_UP_S", 0.02)
    twin = grip_twin(tmp_path)
    for k in range(1, 200):
        say(twin, k / 10, x=k, grip=k % 4 < 2)
    commit(twin)
    assert twin.recorder is not None
    database = twin.recorder.folder / "history.db"
    away = database.rename(database.with_name("away.db"))
    desk = PastDesk(twin, twin.recorder.folder)

    async def main() -> None:
        stop = asyncio.Event()
        twin.hub.connect(lambda: None, now_ns=0)
        keeping = asyncio.create_task(desk.keep_up(stop))
        await asyncio.sleep(0.5)
        assert not keeping.done() and desk.gone_ns is None
        away.rename(database)
        async with asyncio.timeout(60):
            while desk.gone_ns is None:
                await asyncio.sleep(0.02)
        stop.set()
        await keeping

    with caplog.at_level(logging.ERROR):
        asyncio.run(main())
    told = [record.getMessage() for record in caplog.records if record.name == "twinstage.history"]
    assert len(told) == 1 and "is not read ahead: there is no history" in told[0], told
    twin.let_go()
    desk.close()


def world(twin: LiveTwin) -> tuple[float, ...]:
    node = twin.snapshot.prims.index_of["/Part"]
    return tuple(twin.hub.local(node)[:3, 3].tolist())


def grip_twin(folder: Path, lateness: float = 0) -> LiveTwin:
    from twinstage.base.clock import ManualClock
    from twinstage.live.twin import TwinFiles, open_twin

    (folder / "cell.usda").write_text(
        '#usda 1.0\n(\n    metersPerUnit = 1\n    upAxis = "Z"\n)\n'
        'def Xform "Hand" {\n    double3 xformOp:translate = (0, 0, 0)\n'
        '    uniform token[] xformOpOrder = ["xformOp:translate"]\n}\n'
        'def Cube "Part" {\n    double3 xformOp:translate = (1, 0, 0)\n'
        '    uniform token[] xformOpOrder = ["xformOp:translate"]\n}\n'
    )
    (folder / "contract.yaml").write_text(
        f'contract: 1\nsources:\n  plc: {{uri: "memory:plc", lateness: {lateness}, '
        "reader: {format: jsonl, time: {field: t, unit: ns}}}\n"
        "signals:\n  - {id: hand.x, source: plc, field: x, unit: mm}\n"
        "  - {id: hand.grip, source: plc, field: grip, type: bool}\n"
    )
    (folder / "bindings.yaml").write_text(
        "bindings: 1\ncontract: contract.yaml\nbindings:\n"
        "  - {kind: pose, prim: /Hand, position: {x: hand.x}}\n"
        "  - {kind: attach, signal: hand.grip, frame: /Hand, candidates: [/Part], radius: 2}\n"
    )
    files = TwinFiles(folder / "cell.usda", folder / "bindings.yaml", history=folder / "history")
    return open_twin(files, clock=ManualClock(START))
