"""Labels and pictures have the same bytes in any process, with any number of threads."""

import json
import subprocess
import sys
from pathlib import Path

from exactness.stages import flat

CHILD = Path(__file__).resolve().parent / "picture_bytes.py"


def test_bytes_do_not_depend_on_threads(tmp_path: Path) -> None:
    stage = flat(tmp_path / "flat.usda").save()
    runs = [
        subprocess.Popen(
            [sys.executable, str(CHILD), str(threads), str(stage)], stdout=subprocess.PIPE, text=True
        )
        for threads in (1, 2)
    ]
    answers = [run.communicate(timeout=240)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    one, two = (json.loads(answer.splitlines()[-1]) for answer in answers)
    assert one == two
    assert all(int(count) > 20 for name, count in one.items() if name.endswith("levels")), one
