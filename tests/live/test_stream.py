"""What the wiring hands to the stream: texts, names of enum codes, entities, and when readings arrived."""

import json
from pathlib import Path

import numpy as np
import pytest

from twinstage.base.clock import NS, ManualClock
from twinstage.live.metrics import metrics_page
from twinstage.live.twin import LiveTwin, TwinFiles, open_twin
from twinstage.sync.scene_json import scene_document


@pytest.fixture
def live(tmp_path: Path) -> LiveTwin:
    (tmp_path / "stage.usda").write_text(
        '#usda 1.0\ndef Xform "Box" (kind = "component") {}\n'
        'def Xform "Crate"\n{\n    def Cube "Body"\n    {\n    }\n}\n'
    )
    (tmp_path / "contract.yaml").write_text("""contract: 1
sources:
  plc: {uri: "memory:plc", lateness: 0, reader: {format: jsonl, time: {field: t, unit: s}}}
signals:
  - {id: x, source: plc, field: x, unit: m}
  - {id: recipe, source: plc, field: recipe, type: string}
  - {id: mode, source: plc, field: mode, type: enum, values: {idle: 0, running: 4}}
  - {id: what, source: plc, field: what, type: i64}
alarms:
  - {id: far, signal: x, above: 0.5, priority: high}
""")
    (tmp_path / "bindings.yaml").write_text("""bindings: 1
contract: contract.yaml
bindings:
  - {kind: pose, prim: /Box, position: {x: x}}
  - kind: entity
    prim: /Crate
    pool: 2
    channels: 1
    id: what
    position: {x: x}
""")
    files = TwinFiles(tmp_path / "stage.usda", bindings=tmp_path / "bindings.yaml")
    return open_twin(files, clock=ManualClock(1000 * NS))


def test_texts_enum_names_entities_and_arrivals_reach_the_stream(live: LiveTwin) -> None:
    session = live.hub.connect(lambda: None, now_ns=0)
    session.receive('{"type":"hello"}', now_ns=0, wall_ns=0)
    session.receive(json.dumps({"type": "ready", "revision": live.hub.revision}), now_ns=0, wall_ns=0)
    session.take(0)
    session.receive(json.dumps({"type": "ack", "seq": live.hub.seq}), now_ns=0, wall_ns=0)
    assert live.ingest is not None
    early = b'{"t": 990, "x": 1, "recipe": "Krapfen", "mode": "running", "what": 77}\n'
    live.ingest.offer("plc", early, 1000 * NS - 30_000_000)
    live.ingest.offer("plc", b'{"t": 991, "x": 2}\n', 1000 * NS - 10_000_000)
    columns = live.tick(1000 * NS)
    assert columns is not None
    ids = {signal.id: i for i, signal in enumerate(live.hub.scene.signals)}
    assert (columns.texts.signal.tolist(), columns.texts.text) == ([ids["recipe"]], ("Krapfen",))
    assert columns.entities.entity[columns.entities.entity >= 0].tolist() == [77]
    node = int(columns.entities.index[columns.entities.entity == 77][0])
    assert "_entity_" in live.snapshot.prims.path[node]
    signals = {signal["id"]: signal for signal in scene_document(live.hub.scene)["signals"]}
    assert signals["mode"]["labels"] == {"0": "idle", "4": "running"} and "labels" not in signals["x"]
    assert live.ingest.received_ns == 1000 * NS - 30_000_000
    *told_first, tick = session.take(1)
    assert isinstance(tick, bytes)
    alarm = next(m for m in map(json.loads, told_first) if m["event"] == "alarm")
    assert (alarm["n"], alarm["data"]["count"], alarm["data"]["records"][0]["alarm"]) == (1, 1, "far")
    session.receive(json.dumps({"type": "ack", "seq": live.hub.seq}), now_ns=2, wall_ns=1000 * NS + 5_000_000)
    told = live.hub.figures.apply_seconds
    assert (told.count, round(told.sum, 6)) == (1, 0.035)
    live.tick(1001 * NS)
    assert live.ingest.received_ns is None


def test_the_metrics_tell_of_the_stream(live: LiveTwin) -> None:
    session = live.hub.connect(lambda: None, now_ns=0)
    session.receive('{"type":"hello","rate":10}', now_ns=0, wall_ns=0)
    session.receive(json.dumps({"type": "ready", "revision": live.hub.revision}), now_ns=0, wall_ns=0)
    session.take(0)
    live.hub.figures.apply_seconds.observe(0.03)
    live.hub.figures.apply_seconds.observe(0.5)
    page = metrics_page(live)[0].decode()
    lines = set(page.splitlines())
    assert {
        'twin_client_tier{hz="10"} 1.0',
        'twin_client_tier{hz="60"} 0.0',
        'twin_client_unacked_frames{ticks="1"} 1.0',
        'twin_sync_apply_latency_seconds_bucket{le="0.02"} 0.0',
        'twin_sync_apply_latency_seconds_bucket{le="0.03"} 1.0',
        'twin_sync_apply_latency_seconds_bucket{le="+Inf"} 2.0',
        'twin_sync_frame_bytes_count{kind="keyframe"} 1.0',
        "twin_sync_encodings_total 1.0",
    } <= lines, page
    assert np.isclose(live.hub.figures.apply_seconds.quantile(0.5), 0.03)
