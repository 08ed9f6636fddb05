"""Every recording of the shared folder goes through its contract and moves its scene; counts come from the files."""

from pathlib import Path

import pytest

from twinstage.live.bind_check import check_bindings
from twinstage.live.twin import TwinFiles
from twinstage.telemetry.batch import Ingested, ingest_files
from twinstage.telemetry.contract import load_contract
from twinstage.telemetry.report import find, page, series_of

pytestmark = [pytest.mark.shared, pytest.mark.timeout(300)]

EXAMPLES = Path(__file__).parents[2] / "examples"
JUNE = 1_780_272_000_000_000_000
EXPECTED = {
    # source: received, applied, duplicate, unmapped, blank; codes of what is found
    "recordings/cobot": ({"arm": (81_142, 81_142, 0, 0, 258)}, {"gap", "outlier"}),
    "recordings/machine": (
        {"machine": (22_695, 22_683, 12, 0, 0)},
        {"duplicate", "duplicate.contradicts"},  # its hour of 2014-01-07 02:00 is there twice
    ),
    "recordings/cookie_factory": ({"factory": (19_970, 19_970, 0, 0, 0)}, {"unit.none"}),
    "recordings/uwb_robot": ({"robot": (699, 699, 0, 0, 0), "truth": (466, 466, 0, 0, 0)}, set()),
    "recordings/drone": ({"flight": (1_236, 1_236, 0, 0, 0), "imu": (4_922, 4_922, 0, 0, 0)}, set()),
    "recordings/camera_path": ({"truth": (3_000, 3_000, 0, 0, 0), "slam": (788, 788, 0, 0, 0)}, {"gap"}),
    "recordings/flight_controller": ({"px4": (5_232, 5_232, 0, 3_993, 0)}, {"gap", "name.unmapped"}),
    "palletizer": ({"robot": (5_504, 5_504, 0, 0, 0)}, {"gap"}),
}


def read(name: str) -> Ingested:
    path = EXAMPLES / name / "contract.yaml"
    return ingest_files(load_contract(path), path.parent, now_ns=JUNE)


@pytest.mark.parametrize("name", EXPECTED)
def test_every_reading_is_accounted_for_and_found_out_about(name: str, shared: Path) -> None:
    done = read(name)
    counts, codes = EXPECTED[name]
    for source, expected in counts.items():
        found = done.counters[source]
        assert tuple(found[k] for k in ("received", "applied", "duplicate", "unmapped", "blank")) == expected
        assert found["quarantined"] == found["pending"] == found["history_only"] == 0
    series = series_of(done)
    findings = find(done, series)
    assert {f.code for f in findings} == codes
    assert sum(len(one.time_ns) for one in series[: len(done.contract.signals)]) == len(done.applied)
    text = page(done, series, findings, "recording")
    assert text.count("<svg") >= sum(len(one.time_ns) > 1 and not one.texts for one in series)
    assert "nan" not in text.split("<h2>Signals")[1].split("<h2>Origin")[0]
    assert len(text) < 1 << 20
    assert read(name).digest == done.digest


@pytest.mark.parametrize("name", [name for name in EXPECTED if name != "palletizer"])
def test_every_recording_moves_its_scene(name: str, shared: Path) -> None:
    folder = EXAMPLES / name
    proof = check_bindings(
        TwinFiles(folder / "scene.usda", folder / "bindings.yaml", None, ()), isolated=False
    )
    assert proof.holds, [f.message for f in proof.findings]
    assert proof.effects and not proof.unseen
