"""Makes docs/images/import.jpg: models of ../shared as `twinstage assets import` takes them, on one sheet.

    python scripts/import_models.py [PICTURE]

Each stands whole in its tile; `path`, denoised, so that polished metal has no speckles. The mixer comes twice, at two
moments of its animation. Look at the picture before you commit it.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from twinstage.render import api

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "assets"
FACTORY = SHARED / "industrial" / "cookie_factory"
KIT = SHARED / "industrial" / "iot_app_kit"
MODELS = (
    (KIT / "PALLET_JACK.glb", 0.0, 0),
    (FACTORY / "CookieFactoryWaterTank.glb", 0.0, 0),
    (FACTORY / "Waste_Container_from_step.glb", 0.0, 0),
    (KIT / "ANIMATED_MIXER.gltf", 0.0, 0),
    (KIT / "ANIMATED_MIXER.gltf", 0.3, 0),
    (SHARED / "convert" / "trimesh" / "featuretype.STL", 0.0, 0),
)
"""File, moment as a part of its animation, and which of VIEWS views round it."""
SIZE, COLUMNS, SPP, VIEWS, ELEVATION = (400, 300), 3, 96, 8, 16.0


def imported(file: Path, folder: Path) -> Path:
    """The package's stage."""
    units = ["--units", "in"] if file.suffix == ".STL" else []
    command = ["assets", "import", str(file), "--out", str(folder / file.stem), "--force", *units]
    subprocess.run([sys.executable, "-m", "twinstage", *command], check=True)
    return next((folder / file.stem).glob("*.usda"))


def draw(stage: Path, part: float, view: int) -> Image.Image:
    """All of it, at that moment."""
    scene = api.open(stage)
    if part:
        from pxr import Usd

        opened = Usd.Stage.Open(str(stage))
        first, last = opened.GetStartTimeCode(), opened.GetEndTimeCode()
        scene = scene.at(first + part * (last - first))
    camera = scene.turntable(VIEWS, size=SIZE, elevation=ELEVATION)[view]
    return Image.fromarray(scene.picture(camera, size=SIZE, engine="path", spp=SPP, denoise=True).rgb)


def main(out: Path) -> None:
    """The sheet."""
    rows = -(-len(MODELS) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * SIZE[0], rows * SIZE[1]))
    with tempfile.TemporaryDirectory() as folder:
        for k, (file, part, view) in enumerate(MODELS):
            tile = draw(imported(file, Path(folder)), part, view)
            sheet.paste(tile, (k % COLUMNS * SIZE[0], k // COLUMNS * SIZE[1]))
    sheet.save(out, quality=88, optimize=True)
    print(out, out.stat().st_size)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images" / "import.jpg")
