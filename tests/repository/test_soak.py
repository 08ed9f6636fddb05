"""The soak test's short form: two short 'minutes' of the live work cell."""

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
