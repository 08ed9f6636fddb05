"""The picture docs/images/label-coverage.png: what `assets coverage` draws of the work cell, its hall without labels.

python scripts/coverage_picture.py [--out FILE]
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CAMERA = "Overview"
LAYER = """#usda 1.0
(
    defaultPrim = "WorkCell"
    metersPerUnit = 1
    upAxis = "Z"
    subLayers = [@workcell.usda@]
)
over "WorkCell"
{
    over "Hall"
    {
        token[] semantics:labels:class = None
        over "Floor"
        {
            token[] semantics:labels:class = None
        }
        over "Walls"
        {
            token[] semantics:labels:class = ["wall", "facade"]
        }
    }
}
"""
"""The hall and its floor have no class; the walls have two, so that theirs is a matter of chance."""


def main() -> None:
    """Draw it, by the command that people use."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "label-coverage.png")
    out = parser.parse_args().out
    with tempfile.TemporaryDirectory() as folder:
        cell = Path(folder) / "cell"
        shutil.copytree(ROOT / "assets" / "library" / "workcell", cell)
        (cell / "bare.usda").write_text(LAYER)
        command = [sys.executable, "-m", "twinstage", "assets", "coverage", str(cell / "bare.usda")]
        subprocess.run([*command, "--camera", CAMERA, "--out", f"{folder}/out"], check=True)
        (made,) = Path(folder, "out").rglob("*.png")
        shutil.copy(made, out)
    print(f"{out}: {out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
