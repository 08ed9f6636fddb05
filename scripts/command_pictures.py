"""Draws the pictures of docs/images anew that commands of `twinstage` make, one function a picture.

    python scripts/command_pictures.py                       all of them
    python scripts/command_pictures.py robot-arm --out drafts

Four of them are what documented commands write, some scaled down; `pictures-cameras.jpg` is three views through the Python
API. The page's pictures: viewer_pictures.py; the other scripts of this folder say which pictures they make. Look at each
picture before you commit it.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CELL = ROOT / "assets" / "library" / "workcell" / "workcell.usda"
ARM = ROOT / "examples" / "robot_arm"
SIZE = (480, 320)
"""Of each of the three views of pictures-cameras [px]."""


def twinstage(*arguments: object, code: int = 0) -> None:
    """A command, to its end; `code`: the exit code that is right."""
    done = subprocess.run([sys.executable, "-m", "twinstage", *map(str, arguments)], cwd=ROOT, check=False)
    if done.returncode != code:
        raise SystemExit(f"twinstage {arguments[0]} ended with {done.returncode}")


def robot_arm(folder: Path, out: Path) -> None:
    """The commands of examples/robot_arm, and the state after two seconds."""
    stage, bindings, state = folder / "arm" / "arm.usda", folder / "bindings.yaml", folder / "state.usda"
    twinstage("assets", "import", ARM / "arm.urdf", "--out", stage.parent, "--label", "robot_arm")
    twinstage("bind", "suggest", stage, "--contract", ARM / "contract.yaml", "--out", bindings)
    twinstage("export", stage, "--bindings", bindings, "--at", 2, "--out", state)
    view = ("--eye", "0.2,-1.6,0.7", "--look-at", "0.14,-0.06,0.37", "--fov", 46)
    twinstage("render", state, *view, "--size", "960x600", "--denoise", "--out", out / "robot-arm.jpg")


def render_sheet(folder: Path, out: Path) -> None:
    """The command at the top of docs/render.md."""
    from PIL import Image

    sheet = folder / "sheet.png"
    aovs = "rgb,depth,object,normal,material,nocs"
    how = ("--engine", "direct", "--denoise", "--aov", aovs, "--preview", "--sheet")
    twinstage("render", CELL, "--camera", "RobotView", *how, "--out", sheet)
    with Image.open(sheet) as made:
        small = made.convert("RGB").resize(
            (1200, round(1200 * made.height / made.width)), Image.Resampling.LANCZOS
        )
    small.save(out / "render-sheet.jpg", quality=90, optimize=True)


def contact_sheet(folder: Path, out: Path) -> None:
    """What `twinstage demo` writes beside its dataset."""
    from PIL import Image

    twinstage("demo", "--out", folder / "demo", "--no-wait", "--port", 0)
    with Image.open(folder / "demo" / "contact_sheet.png") as sheet:
        small = sheet.convert("RGB").resize(
            (1400, round(1400 * sheet.height / sheet.width)), Image.Resampling.LANCZOS
        )
    few = small.quantize(256, dither=Image.Dither.FLOYDSTEINBERG)
    few.save(out / "contact_sheet.png", optimize=True)


def label_coverage(folder: Path, out: Path) -> None:
    """The work cell without the labels of its hall and floor, its walls with two, from its camera Overview (docs/labels.md)."""
    from PIL import Image
    from pxr import Usd

    stage = Usd.Stage.CreateNew(str(folder / "unlabelled.usda"))
    stage.GetRootLayer().subLayerPaths.append(str(CELL))
    for part, labels in (("", []), ("/Floor", []), ("/Walls", ["wall", "partition"])):
        stage.GetPrimAtPath(f"/WorkCell/Hall{part}").GetAttribute("semantics:labels:class").Set(labels)
    stage.GetRootLayer().Save()
    seen = folder / "seen"
    twinstage(
        *("assets", "coverage", folder / "unlabelled.usda", "--asset-root", CELL.parent),
        *("--camera", "Overview", "--out", seen),
    )
    with Image.open(next(seen.glob("*.png"))) as made:
        made.convert("RGB").quantize(256).save(out / "label-coverage.png", optimize=True)


def pictures_cameras(folder: Path, out: Path) -> None:
    """Depth of field, a vehicle that drives while the shutter is open, and a fisheye (docs/pictures.md)."""
    import numpy as np
    from PIL import Image

    import twinstage.render as render
    from twinstage.render.api import engine_settings
    from twinstage.render.lens.fisheye import Fisheye
    from twinstage.render.motion import Motion, Shutter
    from twinstage.render.views import View

    agv = "/WorkCell/AGVs/AGV_1"
    scene = render.open(CELL)

    def driven(x: float) -> render.Scene:
        pose = np.eye(4)
        pose[:2, :2], pose[:3, 3] = -np.eye(2), (x, -1.9, 0)
        return scene.moved({agv: pose})

    near = scene.look_at((0.9, -4.6, 1.5), (-1.3, -0.6, 0.7), size=SIZE, fov=62)
    sharp = replace(near, aperture_radius=0.03, focus_distance=3.2)
    blurred = replace(near, shutter=Shutter(0.0, 0.5))
    wide = scene.look_at((-1.9, -0.4, 2.0), (1.6, 1.2, 0.9), size=SIZE, fov=100)
    focal = SIZE[1] / 2 / np.radians(84)
    fisheye = replace(
        wide, K=np.array([[focal, 0, SIZE[0] / 2], [0, focal, SIZE[1] / 2], [0, 0, 1.0]]), lens=Fisheye()
    )
    settings = engine_settings(kind="path", spp=64, denoise=True, motion_samples=12)
    motion = Motion((0.0, 0.5), (driven(-1.7).snapshot, driven(-1.2).snapshot))
    sheet = Image.new("RGB", (3 * SIZE[0], SIZE[1]))
    for k, (camera, moves) in enumerate(((sharp, None), (blurred, motion), (fisheye, None))):
        made = scene.render(View(camera, camera.name), settings, moves)
        sheet.paste(Image.fromarray(made.aovs["rgb"]), (k * SIZE[0], 0))
    sheet.save(out / "pictures-cameras.jpg", quality=90, optimize=True)


PICTURES: dict[str, Callable[[Path, Path], None]] = {
    "robot-arm": robot_arm,
    "render-sheet": render_sheet,
    "contact_sheet": contact_sheet,
    "label-coverage": label_coverage,
    "pictures-cameras": pictures_cameras,
}


def main() -> None:
    """Those that are named, or all."""
    parser = argparse.ArgumentParser(description="Draws the pictures that commands make anew.")
    parser.add_argument(
        "pictures", nargs="*", metavar="PICTURE", help=f"which of {', '.join(PICTURES)}; all by default"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images", help="folder of the pictures")
    options = parser.parse_args()
    if unknown := [name for name in options.pictures if name not in PICTURES]:
        sys.exit(f"there is no picture {unknown[0]!r}; there are {', '.join(PICTURES)}")
    out = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    for name in options.pictures or PICTURES:
        with tempfile.TemporaryDirectory() as folder:
            PICTURES[name](Path(folder), out)
        print(name, flush=True)


if __name__ == "__main__":
    main()
