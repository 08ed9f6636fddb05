"""`/metrics` and `twinstage top`: what a running twin says of itself, against what was sent to it."""

import re
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from twinstage.base.clock import NS
from twinstage.cli.app import run
from twinstage.cli.top import table
from twinstage.live.metrics import metrics_page
from twinstage.live.server import status_of


class Stopped:
    """A clock that stands where it was put."""

    def __init__(self, now_ns: int) -> None:
        self.now = now_ns

    def now_ns(self) -> int:
        return self.now


@pytest.fixture
def live(tmp_path: Any) -> Any:
    from twinstage.live.twin import TwinFiles, open_twin

    (tmp_path / "stage.usda").write_text('#usda 1.0\ndef Xform "Box" (kind = "component") {}\n')
    (tmp_path / "contract.yaml").write_text("""contract: 1
sources:
  plc: {uri: "memory:plc", lateness: 1, reader: {format: jsonl, time: {field: t, unit: s}}}
signals:
  - {id: x, source: plc, field: x, unit: m, range: [0, 9], max_age: 10}
  - {id: y, source: plc, field: y}
alarms:
  - {id: far, signal: x, above: 0.5, priority: high}
""")
    (tmp_path / "bindings.yaml").write_text(
        "bindings: 1\ncontract: contract.yaml\nbindings:\n  - {kind: pose, prim: /Box, position: {x: x}}\n"
    )
    files = TwinFiles(tmp_path / "stage.usda", bindings=tmp_path / "bindings.yaml")
    twin = open_twin(files, clock=Stopped(1000 * NS))
    twice = b'{"t": 992, "x": 2}'
    for line in (b'{"t": 990, "x": 1}', twice, twice, b'{"t": 5, "x": 3}', b'{"t": 993, "x": 99}'):
        twin.ingest.offer("plc", line + b"\n", 998 * NS)
    twin.tick(1000 * NS)
    return twin


def value(page: str, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", page, re.M)
    assert found, f"{name} is not in:\n{page}"
    return float(found.group(1))


def test_the_page_says_what_became_of_every_reading(live: Any) -> None:
    page, kind = metrics_page(live)
    text = page.decode()
    outcome = 'twin_ingest_readings_total{outcome="%s",source="plc"}'
    told = {
        name: value(text, outcome % name)
        for name in ("applied", "history_only", "late", "duplicate", "quarantined")
    }
    pending = value(text, 'twin_ingest_pending_readings{source="plc"}')
    assert told == {"applied": 1, "history_only": 1, "late": 0, "duplicate": 1, "quarantined": 1}
    assert pending == 1
    assert value(text, 'twin_ingest_watermark_age_seconds{source="plc"}') == 9
    assert value(text, 'twin_ingest_silence_seconds{source="plc"}') == 2
    qualities = {
        level: value(text, f'twin_state_signals{{quality="{level}"}}')
        for level in ("good", "uncertain", "bad")
    }
    assert qualities == {"good": 1, "uncertain": 0, "bad": 1}
    assert value(text, "twin_sync_clients") == 0
    assert value(text, 'twin_alarms_active{priority="high"}') == 1
    assert value(text, "twin_alarms_unacknowledged") == 1
    assert kind.startswith("application/openmetrics-text")
    assert text.endswith("# EOF\n")


def test_what_changed_at_a_source_is_counted(live: Any) -> None:
    from twinstage.live.drift import drift_listener

    listen = drift_listener(live.contract, live.clock, lambda text: None, live.drift)
    rows = [f'{{"t": {k}, "x": {k % 5}, "y": {k % 3}}}\n' for k in range(600)]
    rows += [f'{{"t": {600 + 4 * k}, "x": {k % 5}, "y": {k % 3}}}\n' for k in range(300)]
    listen("plc", "".join(rows).encode())
    text = metrics_page(live)[0].decode()
    assert value(text, 'twin_drift_findings_total{kind="cadence",source="plc"}') == 2
    assert status_of(live)["drift"] == {"plc": {"cadence": 2}}
    out = StringIO()
    Console(file=out, width=200).print(table({"epoch": "e", "clients": 0, **status_of(live)}, None, 0.0))
    assert "fields that changed at plc: 2 cadence" in out.getvalue()


def test_a_value_that_grows_old_is_uncertain(live: Any) -> None:
    live.clock.now += 60 * NS
    page = metrics_page(live)[0].decode()
    assert value(page, 'twin_state_signals{quality="uncertain"}') == 1


def test_the_status_says_the_same(live: Any) -> None:
    status = status_of(live)
    assert status["ages"] == {"plc": {"behind": 9.0, "silent": 2.0}}
    assert status["quality"] == {"good": 1, "uncertain": 0, "bad": 1}


def test_top_shows_sources_with_their_rates(live: Any) -> None:
    from rich.console import Console

    own = {"epoch": "e1", "clients": 2}
    before = own | status_of(live)
    live.ingest.offer("plc", b"".join(b'{"t": %d, "y": 1}\n' % t for t in range(994, 1000)), 1001 * NS)
    now = own | status_of(live)
    console = Console(width=150, record=True, file=StringIO())
    console.print(table(now, before, 2.0))
    text = console.export_text()
    assert "twin e1, 2 clients" in text
    row = next(line for line in text.splitlines() if "plc" in line)
    assert row.split("plc")[1].split()[0] == "3"  # six readings in two seconds
    assert "signals: 1 good, 0 uncertain, 1 bad" in text
    assert "alarms: 1 high, 1 unacknowledged" in text


def test_top_without_a_server_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["top", "--server", "http://127.0.0.1:9", "--count", "1"]) == 3
    assert "no server answers at http://127.0.0.1:9" in capsys.readouterr().err
