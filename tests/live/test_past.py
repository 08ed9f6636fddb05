"""The scene as it was, for one viewer: what `/api/v1/past` says of a moment is what the running twin told then."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import api_twin
import httpx
import numpy as np
import pytest
from api_twin import START, make_twin, say

from twinstage.base.clock import NS
from twinstage.live.server import make_app
from twinstage.live.twin import LiveTwin
from twinstage.sync import codec
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


def world(twin: LiveTwin) -> tuple[float, ...]:
    node = twin.snapshot.prims.index_of["/Part"]
    return tuple(twin.hub.local(node)[:3, 3].tolist())


def grip_twin(folder: Path) -> LiveTwin:
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
        'contract: 1\nsources:\n  plc: {uri: "memory:plc", lateness: 0, reader: {format: jsonl, time: {field: t, unit: ns}}}\n'
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
