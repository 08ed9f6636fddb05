"""The short form of `make soak-history`: kill -9 while a twin commits, keeps checkpoints and compacts."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_kill_9_at_any_point_loses_and_doubles_nothing() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "soak_history.py"), "--events", "12000", "--kills", "2"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing lost, nothing double, the same state" in done.stdout
