"""Our pictures against Blender's Cycles on the same USD: sheets into docs/images, numbers into docs/render-comparison.md.

    python scripts/compare_cycles.py [--only materials lights scenes] [--fresh] [--spp 128]

Each stage is looked at by one camera three times: by `path`, by Cycles through our snapshot (engine `bpy`: judges light
transport), and by Cycles through Blender's own USD import (judges what we read as well). Pictures are kept in
out/compare, so a run that was stopped goes on. Needs a Python with bpy, and flip-evaluator (extra `bench`).
"""

import argparse
import importlib.util
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "tests" / "render" / "reference"
CELL = ROOT / "assets" / "library" / "workcell" / "workcell.usda"
ASSETS = ROOT.parent / "shared" / "assets"
WAREHOUSE = ASSETS / "industrial" / "aws_small_warehouse" / "small_warehouse.usda"
OUT = ROOT / "out" / "compare"
PAGE = ROOT / "docs" / "render-comparison.md"
IMAGES = ROOT / "docs" / "images"
DEPTH = 8
LOOKS = (
    "matt", "textured", "normal_map", "gloss_10", "gloss_30", "gloss_60", "metal", "rough_metal", "clearcoat",
    "specular", "glass", "presence", "cutout", "emissive",
)  # fmt: skip
LIGHTS = ("distant", "rect", "rect_normalized", "disk", "sphere", "cylinder", "cone", "dome", "dome_map")


@dataclass(frozen=True)
class Case:
    """A stage to look at: `variant` is (set, name) on /World, or None; `size` [px]."""

    group: str
    name: str
    stage: Path
    variant: tuple[str, str] | None
    size: tuple[int, int]


def cases(groups: list[str]) -> Iterator[Case]:
    """All that is compared."""
    if "materials" in groups:
        for look in LOOKS:
            yield Case("materials", look, REFERENCE / "materials.usda", ("look", look), (144, 144))
    if "lights" in groups:
        for light in LIGHTS:
            yield Case("lights", light, REFERENCE / "lights.usda", ("light", light), (144, 144))
    if "scenes" in groups:
        yield Case("scenes", "cell", CELL, None, (288, 216))
        if WAREHOUSE.exists():
            yield Case("scenes", "warehouse", WAREHOUSE, None, (288, 216))


def stage_of(case: Case, folder: Path) -> Path:
    """The stage with its variant chosen, as a file that Blender can import, too."""
    if case.variant is None:
        return case.stage
    path = folder / f"{case.group}_{case.name}.usda"
    path.write_text(
        f'#usda 1.0\n(\n    defaultPrim = "World"\n    metersPerUnit = 1\n    upAxis = "Z"\n'
        f"    subLayers = [@{case.stage}@]\n)\n\n"
        f'over "World" (\n    variants = {{\n        string {case.variant[0]} = "{case.variant[1]}"\n    }}\n)\n{{\n}}\n',
        "utf-8",
    )
    return path


def shoot(case: Case, engines: dict[str, Any], folder: Path) -> dict[str, np.ndarray]:
    """Linear pictures f4[h, w, 3] by engine, and the mask of the ball (all objects in scenes)."""
    from twinstage.render.camera import camera_from_scene, find_camera, look_at
    from twinstage.render.labels import label_pass
    from twinstage.scene.read import read_snapshot
    from twinstage.scene.stage import open_stage

    path = stage_of(case, folder)
    snapshot = read_snapshot(open_stage(path, asset_roots=[REFERENCE, ASSETS], probe=False))
    if case.variant is None:
        found = find_camera(snapshot, "Overview")
        camera = camera_from_scene(snapshot, found, *case.size, square_pixels=True)
    else:
        camera = look_at([1.5, -2.4, 1.5], [0, 0, 0.42], width=case.size[0], height=case.size[1], fov=0.62)
    depth = label_pass(snapshot, camera, [], amodal=False).aovs["depth"]
    origins, directions = camera.rays()
    height = (origins + directions * depth.reshape(-1, 1))[:, 2].reshape(depth.shape)
    return {
        "path": engines["path"].linear(snapshot, camera),
        "bpy": engines["bpy"].linear(snapshot, camera),
        "import": engines["bpy"].linear_of_usd(path, camera),
        "mask": np.isfinite(depth) & (height > 0.02),
    }


def judge(pictures: dict[str, np.ndarray], group: str) -> dict[str, float]:
    """Exposure [EV] of all three, ratios of mean light (ours / theirs) on the ball and in all, and mean FLIP."""
    import flip_evaluator as flip

    from twinstage.render.color import auto_exposure, tone_map

    ev = float(auto_exposure(pictures["path"], 0.3))
    shown = {k: tone_map(pictures[k], ev).astype(np.float32) / 255 for k in ("path", "bpy", "import")}
    row: dict[str, float] = {"ev": ev}
    mask = pictures["mask"]
    for other in ("bpy", "import"):
        for name, where in (("ball", mask), ("all", np.ones_like(mask))):
            ours, theirs = (np.minimum(pictures[k][where], 20).mean() for k in ("path", other))
            row[f"{other}_{name}"] = float(ours / max(theirs, 1e-9))
        row[f"{other}_flip"] = float(flip.evaluate(shown[other], shown["path"], "LDR", applyMagma=False)[1])
    return row


def sheet(group: str, listed: list[tuple[str, dict[str, np.ndarray], dict[str, float]]]) -> None:
    """Rows: path, Cycles by our snapshot, Cycles by Blender's import, FLIP of the first two."""
    import flip_evaluator as flip
    from PIL import Image, ImageDraw

    from twinstage.render.color import tone_map

    columns = 2 if group == "materials" else 1
    height, width = listed[0][1]["path"].shape[:2]
    rows = -(-len(listed) // columns)
    titles = ("path", "Cycles, engine bpy", "Cycles, own import", "FLIP, first two")
    out = Image.new("RGB", (columns * 4 * width + (columns - 1) * 12, 18 + rows * height), "white")
    draw = ImageDraw.Draw(out)
    for column in range(columns):
        for k, title in enumerate(titles):
            draw.text((column * (4 * width + 12) + k * width + 4, 3), title, fill="black")
    for k, (name, pictures, row) in enumerate(listed):
        left, top = (k // rows) * (4 * width + 12), 18 + (k % rows) * height
        shown = [tone_map(pictures[key], row["ev"]) for key in ("path", "bpy", "import")]
        error = flip.evaluate(shown[1].astype(np.float32) / 255, shown[0].astype(np.float32) / 255, "LDR")[0]
        for at, image in enumerate([*shown, np.rint(np.asarray(error) * 255).astype(np.uint8)]):
            out.paste(Image.fromarray(image), (left + at * width, top))
        draw.text((left + 4, top + 3), name, fill="white", stroke_width=1, stroke_fill="black")
    IMAGES.mkdir(parents=True, exist_ok=True)
    path = IMAGES / f"compare-{group}.jpg"
    quality = 88
    out.save(path, quality=quality)
    while path.stat().st_size > 480_000:
        quality -= 6
        out.save(path, quality=quality)


def table(group: str, rows: dict[str, dict[str, float]]) -> list[str]:
    """A table in Markdown."""
    where = "objects" if group == "scenes" else "ball"
    lines = [
        f"| {group[:-1]} | {where}, `bpy` | all, `bpy` | FLIP, `bpy` | {where}, import | all, import | FLIP, import |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        cells = [f"{row[f'{o}_{k}']:.3f}" for o in ("bpy", "import") for k in ("ball", "all", "flip")]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def rewrite(group: str, lines: list[str]) -> None:
    """Put a table between its marks in the page."""
    begin, end = f"<!-- {group} -->", f"<!-- /{group} -->"
    text = PAGE.read_text("utf-8")
    if begin not in text or end not in text:
        raise SystemExit(f"{PAGE} has no marks {begin} and {end} for the table")
    head, rest = text.split(begin, 1)
    PAGE.write_text(head + "\n".join([begin, *lines, end]) + rest.split(end, 1)[1], "utf-8")


def main() -> None:
    """Look, compare, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    groups = ["materials", "lights", "scenes"]
    parser.add_argument("--only", nargs="+", choices=groups, default=groups)
    parser.add_argument("--fresh", action="store_true", help="look again at what was looked at")
    parser.add_argument("--spp", type=int, default=128, help="samples a pixel, of both")
    options = parser.parse_args()
    if importlib.util.find_spec("flip_evaluator") is None:
        sys.exit("flip-evaluator is not installed: pip install flip-evaluator, or twinstage[bench]")
    from twinstage.render.engines import open_engine

    OUT.mkdir(parents=True, exist_ok=True)
    settings = {"spp": options.spp, "max_depth": DEPTH, "clamp": 0}
    engines = {kind: open_engine(kind=kind, **settings) for kind in ("path", "bpy")}
    done: dict[str, list[tuple[str, dict[str, np.ndarray], dict[str, float]]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(options.only):
            kept = OUT / f"{case.group}_{case.name}.npz"
            if options.fresh or not kept.exists():
                np.savez_compressed(kept, **shoot(case, engines, Path(folder)))
            with np.load(kept) as data:
                pictures = {name: data[name] for name in data.files}
            row = judge(pictures, case.group)
            print(
                json.dumps({"case": f"{case.group}/{case.name}", **{k: round(v, 4) for k, v in row.items()}}),
                flush=True,
            )
            done.setdefault(case.group, []).append((case.name, pictures, row))
    engines["bpy"].close()
    for group, listed in done.items():
        sheet(group, listed)
        rewrite(group, table(group, {name: row for name, _, row in listed}))


if __name__ == "__main__":
    main()
