"""The soak's short form: a few files, and going on where it ended."""

import json
import subprocess
import sys
from pathlib import Path


def test_the_soak_reads_files_and_goes_on(root: Path, shared: Path, tmp_path: Path) -> None:
    log = tmp_path / "usd.jsonl"
    command = [sys.executable, str(root / "scripts" / "soak_usd.py"), "--no-blender", "--log", str(log)]
    first = subprocess.run(
        [*command, "--only", "primitives/cube"], capture_output=True, text=True, timeout=120
    )
    assert first.returncode == 0, first.stdout + first.stderr
    again = subprocess.run([*command, "--only", "primitives/c"], capture_output=True, text=True, timeout=120)
    assert again.returncode == 0, again.stdout + again.stderr
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    names = [row["file"].rpartition("/")[2] for row in rows]
    assert names == ["cube.usda", "capsule.usda", "cone.usda", "cylinder.usda"]
    assert all(row["state"] == "equal" and row["prototypes"] == 1 and row["drawings"] == 1 for row in rows)
    assert "4 files: 4 equal" in again.stdout
