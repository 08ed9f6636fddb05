"""Draws docs/images/label-proof.png, three known defects as their consumers see them, and writes docs/verify-rules.md.

python scripts/label_proof.py
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.synth.formats import consumers, exports, make_fixtures, shots  # noqa: E402
from tests.synth.formats.test_known_defects import read  # noqa: E402

from twinstage.synth.verify.formats import FORMATS  # noqa: E402

SCALE = 4
GREEN, RED = np.array([60, 200, 90]), np.array([235, 70, 60])
EDGES = [(i, i ^ bit) for i in range(8) for bit in (1, 2, 4) if i < i ^ bit]


def grown(rgb: np.ndarray) -> Image.Image:
    """Pixels that can be seen."""
    return Image.fromarray(rgb).resize((rgb.shape[1] * SCALE, rgb.shape[0] * SCALE), Image.Resampling.NEAREST)


def holes() -> Image.Image:
    """What the object is (green), and what pycocotools makes of its rings (red as well)."""
    shot = make_fixtures.upright_frame()
    rgb = (shot.rgb * 0.5).astype(float)
    truth = shot.things[0].visible
    x0, y0, x1, y1 = exports.box_of(truth)
    filled = np.zeros_like(truth)
    filled[y0 : y1 + 1, x0 : x1 + 1] = True
    rgb[truth] = 0.4 * rgb[truth] + 0.6 * GREEN
    rgb[filled & ~truth] = 0.4 * rgb[filled & ~truth] + 0.6 * RED
    return grown(rgb.astype(np.uint8))


def poses() -> Image.Image:
    """Each crate's box through its written pose (red) and its true one (green)."""
    shot = make_fixtures.made()[0]
    image = grown(shot.rgb)
    draw = ImageDraw.Draw(image)
    entries = read(make_fixtures.FIXTURES / "reversed_pose" / make_fixtures.SCENE / "scene_gt.json")["0"]
    for thing, entry in zip(shot.things, entries, strict=True):
        v = shots.models()[thing.model].vertices
        box = np.array(
            [[(v[:, a].max() if i >> (2 - a) & 1 else v[:, a].min()) for a in range(3)] for i in range(8)]
        )
        written = consumers.pose_of(entry)
        for R, t, colour in ((written.R, written.t / 1000, RED), (thing.R, thing.t, GREEN)):
            p = box @ R.T + t
            if p[:, 2].min() <= 0.05:
                continue
            q = p @ shot.K.T
            q = q[:, :2] / q[:, 2:] * SCALE
            for i, j in EDGES:
                draw.line([*q[i], *q[j]], fill=tuple(int(c) for c in colour), width=2)
    return image


def depths() -> Image.Image:
    """How much too far each surface is where range was stored as z: black 0, white 0.4 m."""
    shot = make_fixtures.made()[0]
    with Image.open(
        make_fixtures.FIXTURES / "range_as_z" / make_fixtures.SCENE / "depth/000000.png"
    ) as opened:
        stored = np.array(opened) / 10000
    known = np.isfinite(shot.depth)
    off = np.zeros_like(stored)
    off[known] = stored[known] - shot.depth[known]
    level = np.clip(off / 0.4, 0, 1)
    rgb = np.stack([255 * level, 190 * level**2, 60 + 100 * level], -1)
    rgb[~known] = 20
    return grown(rgb.astype(np.uint8))


def rules_page() -> str:
    """All rules of all formats."""
    lines = [
        "# Rules of `synth verify` for other formats",
        "",
        "`twinstage synth verify --rules` prints this list. Each rule is one statement that has to hold; a violation names",
        "file, image, object and the numbers. [The proof](label-proof.md) says what can be concluded.",
        "`python scripts/label_proof.py` writes this page.",
        "",
    ]
    for format_ in FORMATS.values():
        lines += [f"## {format_.title}", "", "| rule | what has to hold |", "|---|---|"]
        lines += [f"| `{code}` | {text} |" for code, text in format_.rules.items()] + [""]
    return "\n".join(lines)


def main() -> None:
    """Three panels side by side, and the page."""
    (ROOT / "docs/verify-rules.md").write_text(rules_page())
    panels = [holes(), poses(), depths()]
    width = sum(p.width for p in panels) + 8 * (len(panels) - 1)
    sheet = Image.new("RGB", (width, panels[0].height), "white")
    x = 0
    for panel in panels:
        sheet.paste(panel, (x, 0))
        x += panel.width + 8
    sheet.save(ROOT / "docs/images/label-proof.png", optimize=True)


if __name__ == "__main__":
    main()
