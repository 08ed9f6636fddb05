"""A recorded window plays in another program, with a USD library of its own: Blender, at every frame, in both forms.

Needs a Python that has bpy: `.venv-bpy` (scripts/setup.sh makes it in CI), or TWINSTAGE_BPY_PYTHON.
"""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from twinstage.cli.app import app
from twinstage.render.engines.bpy_link import find_python

NAMES = ["AGV_1", "AGV_2", "AGV_3"]
FRAMES = [0, 6, 12, 18, 24]
"""Time codes of a second at 4 frames a second, 24 codes a second."""


@pytest.mark.slow
@pytest.mark.parametrize("clips", [False, True], ids=["time samples", "value clips"])
def test_blender_plays_it(root: Path, tmp_path: Path, clips: bool) -> None:
    from pxr import Usd, UsdGeom

    python = find_python()
    if python is None:
        pytest.skip("no Python with bpy: set TWINSTAGE_BPY_PYTHON or make .venv-bpy")
    cell = root / "assets" / "library" / "workcell"
    out = tmp_path / "window.usda"
    given = [
        "export",
        str(cell / "workcell.usda"),
        "--bindings",
        str(cell / "bindings.yaml"),
        "--out",
        str(out),
    ]
    more = ["--clips", "--clip-seconds", "0.5"] if clips else []
    done = CliRunner().invoke(app, [*given, "--window", "1", "2", "--fps", "4", *more])
    assert done.exit_code == 0, done.output
    script = Path(__file__).with_name("bpy_play.py")
    played = subprocess.run(
        [str(python), str(script), str(out), json.dumps(NAMES), json.dumps(FRAMES)],
        capture_output=True,
        text=True,
        check=True,
        env={k: v for k, v in os.environ.items() if not k.startswith("PYTHON")},
        timeout=200,
    )
    (line,) = [line for line in played.stdout.splitlines() if line.startswith("[[")]
    theirs = np.array(json.loads(line))
    stage = Usd.Stage.Open(str(out))
    ours = np.array(
        [
            [
                UsdGeom.Xformable(stage.GetPrimAtPath(f"/WorkCell/AGVs/{name}")).ComputeLocalToWorldTransform(
                    code
                )
                for name in NAMES
            ]
            for code in FRAMES
        ]
    ).swapaxes(-1, -2)
    assert np.abs(np.diff(ours, axis=0)).max() > 0.1, "nothing moved"
    np.testing.assert_allclose(theirs, ours, atol=1e-5)
