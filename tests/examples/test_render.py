"""The example of examples/render runs, and makes what it says."""

import importlib.util
import json
from pathlib import Path

import numpy as np
from PIL import Image


def test_the_work_cell_in_a_few_lines(root: Path, tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("example_cell", root / "examples" / "render" / "cell.py")
    assert spec is not None and spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    example.SIZE = (96, 72)
    example.main(tmp_path, engine="raycast", views=3)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"robot.png", "robot.json", "depth.exr", "sheet.png", "round.gif"}
    assert np.asarray(Image.open(tmp_path / "robot.png")).std() > 20
    (view,) = json.loads((tmp_path / "robot.json").read_text())["views"]
    assert any(item["class"] == "robot" and item["visible_px"] > 100 for item in view["objects"])
    with Image.open(tmp_path / "round.gif") as film:
        assert film.n_frames == 3
