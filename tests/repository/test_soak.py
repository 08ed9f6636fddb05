"""The short forms of the soaks of live twins: two short 'minutes' each."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_the_soak_runs_and_resumes(root: Path) -> None:
    log = root / "out" / "soak" / "first_light.jsonl"  # other soaks keep theirs beside it
    log.unlink(missing_ok=True)
    command = [sys.executable, str(root / "scripts" / "soak_first_light.py"), "--seconds", "4"]
    first = subprocess.run([*command, "--minutes", "1"], capture_output=True, text=True, timeout=120)
    assert first.returncode == 0, first.stderr
    again = subprocess.run([*command, "--minutes", "2"], capture_output=True, text=True, timeout=120)
    assert again.returncode == 0, again.stderr
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    assert [row["minute"] for row in rows] == [0, 1]
    assert all(row["balanced"] and row["frames"] > 20 for row in rows)
    log.unlink()


@pytest.mark.slow
def test_the_soak_with_a_history_resumes_and_accounts_for_everything(root: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(root / "scripts" / "soak_live.py"), "--out", str(tmp_path)]
    command += ["--seconds", "3", "--rate", "10000", "--busy"]
    killed = subprocess.Popen([*command, "--minutes", "9"], stdout=subprocess.PIPE, text=True)
    assert killed.stdout is not None
    while '"minute": 0' not in killed.stdout.readline():
        assert killed.poll() is None
    killed.terminate()  # in the midst of its second minute
    killed.communicate(timeout=60)
    again = subprocess.run([*command, "--minutes", "2"], capture_output=True, text=True, timeout=120)
    *minutes, end = [json.loads(line) for line in (tmp_path / "live.jsonl").read_text().splitlines()]
    assert [(row["minute"], row["run"]) for row in minutes] == [(0, 0), (1, 1)]
    assert all(row["balanced"] and row["frames"] > 20 for row in minutes)
    assert end["found"] == end["sent"] and end["sent"]["received"] > 0
    assert end["recovered_state"] == end["state"]
    assert not end["wrong"] and again.returncode == 0, again.stderr
