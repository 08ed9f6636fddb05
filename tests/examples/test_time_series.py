"""Acceptance scenario A: what comes of faulty time series, against the accounts of the program that made the faults."""

import hashlib
import json
import random
import runpy
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.base.quality import BAD
from twinstage.live.bind_check import check_bindings
from twinstage.live.twin import TwinFiles
from twinstage.telemetry.batch import Ingested, ingest_files
from twinstage.telemetry.contract import Contract, load_contract
from twinstage.telemetry.report import find, series_of

FOLDER = Path(__file__).parents[2] / "examples" / "time_series"
NOW = 1_800_000_000_000_000_000
MAKER: dict[str, Any] = runpy.run_path(str(FOLDER / "make_data.py"))


@pytest.fixture(scope="module")
def contract() -> Contract:
    return load_contract(FOLDER / "contract.yaml")


def ingested(contract: Contract, folder: Path) -> Ingested:
    return ingest_files(
        contract, folder, [("plc", folder / "plc.csv"), ("loggers", folder / "loggers.jsonl")], now_ns=NOW
    )


def test_the_recordings_are_those_of_the_first_seed(tmp_path: Path) -> None:
    MAKER["main"](tmp_path, 1)
    for name in ("plc.csv", "loggers.jsonl", "expected.json"):
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes()


@pytest.mark.parametrize("seed", range(1, 9))
def test_every_reading_becomes_what_its_maker_expects(seed: int, contract: Contract, tmp_path: Path) -> None:
    MAKER["main"](tmp_path, seed)
    expected = json.loads((tmp_path / "expected.json").read_text())
    done = ingested(contract, tmp_path)
    for source in ("plc", "loggers"):
        found = {key: count for key, count in done.counters[source].items() if count}
        assert found == {key: count for key, count in expected[source].items() if count}
    assert done.reasons == {reason: count for reason, count in expected["reasons"].items() if count}


def test_derived_values_are_those_of_the_physics_and_as_bad_as_their_worst_input(contract: Contract) -> None:
    done = ingested(contract, FOLDER)
    series = {one.id: one for one in series_of(done)}
    start = int(MAKER["START"].timestamp()) * 10**9
    efficiency = series["pump.efficiency"]
    seconds = (efficiency.time_ns - start) / 1e9
    load = 0.5 - 0.5 * np.cos(seconds / MAKER["SECONDS"] * 4 * np.pi)
    good = efficiency.quality == 0
    assert good.mean() > 0.85
    assert np.abs(efficiency.values[good, 0] - (0.58 + 0.17 * load[good])).max() < 0.03
    silent = (seconds > MAKER["GAP"][0] + 10) & (
        seconds < MAKER["GAP"][1]
    )  # from its max_age on, PT-2 has no value
    assert silent.any()
    assert (efficiency.quality[silent] >= BAD).all()
    assert np.isnan(efficiency.values[silent]).all()
    found = {(f.code, f.path) for f in find(done, list(series.values()))}
    assert {("unit.mixed", "pump.discharge"), ("gap", "pump.discharge"), ("order.late", "loggers")} <= found


def test_200_orders_of_arrival_within_the_lateness_give_one_timeline(
    contract: Contract, tmp_path: Path
) -> None:
    files = {"plc": FOLDER / "plc.csv", "loggers": FOLDER / "loggers.jsonl"}
    header, *table = files["plc"].read_text().splitlines()
    rows = {"plc": [(_plc_time(line), line) for line in table]}
    rows["loggers"] = [(_logger_time(line), line) for line in files["loggers"].read_text().splitlines()]
    seen = set()
    for seed in range(200):
        draw = random.Random(seed)
        for name, lines in rows.items():
            # Sorted by a moment of arrival that lies less than the lateness after the event.
            order = sorted(
                lines, key=lambda row: row[0] + (draw.random() * (MAKER["LATENESS"] - 1) if seed else 0)
            )
            head = [header] if name == "plc" else []
            (tmp_path / files[name].name).write_text("\n".join([*head, *(line for _, line in order)]) + "\n")
        done = ingested(contract, tmp_path)
        columns = done.applied
        timeline = hashlib.sha256()
        for column in (columns.signal, columns.event_ns, columns.sequence, columns.bits, columns.quality):
            timeline.update(column.tobytes())
        seen.add((done.digest, timeline.hexdigest(), str(done.counters), str(sorted(done.reasons.items()))))
    assert len(seen) == 1


def _plc_time(line: str) -> float:
    return datetime.strptime(line.partition(";")[0], "%d.%m.%Y %H:%M:%S").timestamp()


def _logger_time(line: str) -> float:
    try:
        return datetime.fromisoformat(json.loads(line)["t"].removesuffix("Z") + "+00:00").timestamp()
    except (ValueError, KeyError):
        return float(MAKER["START"].timestamp())


def test_the_result_moves_the_pump() -> None:
    proof = check_bindings(
        TwinFiles(FOLDER / "pump.usda", FOLDER / "bindings.yaml", None, ()), isolated=False
    )
    assert proof.holds, [f.message for f in proof.findings]
    by_prim = {effect.prim: effect for effect in proof.effects}
    assert by_prim["/Station/Gauge/Needle"].turned_deg > 20
    assert by_prim["/Station/Pump.twin:efficiency"].changes > 500
