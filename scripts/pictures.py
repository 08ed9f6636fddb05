"""The pictures of docs/images/workcell.jpg and warehouse.jpg: `path`, denoised. The warehouse needs ../shared.

python scripts/pictures.py [--spp 128] [--width 1280]
"""

import argparse
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ASSETS = ROOT.parent / "shared" / "assets"
MOST_BYTES = 390_000
SHOTS = {
    "workcell": (
        ROOT / "assets" / "library" / "workcell" / "workcell.usda",
        {"eye": (4.9, -4.2, 1.6), "target": (-1.5, 1.2, 1.1), "fov": 1.1},
        0.0,
    ),
    "warehouse": (ASSETS / "industrial" / "aws_small_warehouse" / "small_warehouse.usda", None, 0.1),
}
"""By name: stage, camera (None for the stage's first one), exposure beyond the automatic one [EV]."""


def main() -> None:
    """Both pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spp", type=int, default=128)
    parser.add_argument("--width", type=int, default=1280)
    options = parser.parse_args()
    from PIL import Image

    from twinstage.render.camera import camera_from_scene, look_at
    from twinstage.render.engines import open_engine
    from twinstage.scene.read import read_snapshot
    from twinstage.scene.stage import open_stage

    width, height = options.width, options.width * 9 // 16
    for name, (stage, view, exposure) in SHOTS.items():
        if not stage.exists():
            print(f"{name} is left out: there is no {stage.name} beside the checkout")
            continue
        snapshot = read_snapshot(open_stage(stage, asset_roots=[ASSETS] if view is None else [], probe=False))
        if view is None:
            camera = camera_from_scene(snapshot, snapshot.cameras[0], width, height, square_pixels=True)
        else:
            camera = look_at(width=width, height=height, **view)  # type: ignore[arg-type]
        engine = open_engine(
            kind="path",
            spp=options.spp,
            max_depth=10,
            clamp=10,
            denoise=True,
            auto_exposure=True,
            exposure=exposure,
        )
        picture = Image.fromarray(engine.render(snapshot, camera).aovs["rgb"])
        path, quality = ROOT / "docs" / "images" / f"{name}.jpg", 92
        picture.save(path, quality=quality)
        while path.stat().st_size > MOST_BYTES:
            quality -= 4
            picture.save(path, quality=quality)
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
