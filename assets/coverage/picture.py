"""What a view sees, painted by what it counts as: no label, an ambiguous class, or a class in a quiet tone. Pure."""

import colorsys

import numpy as np

from twinstage.assets.coverage.standing import Standings, State
from twinstage.assets.coverage.tally import Count
from twinstage.assets.coverage.views import Seen
from twinstage.scene.columns import U1

Color = tuple[int, int, int]
UNLABELLED: Color = (255, 45, 155)
AMBIGUOUS: Color = (255, 157, 0)
BACKGROUND: Color = (24, 27, 31)
INK: Color = (225, 229, 233)
SHADE = 0.45
"""How much darker a surface is that is seen from the side, so that shapes can be told."""

LINE = 18
SWATCH = 10


def class_tones(names: list[str]) -> dict[str, Color]:
    """A quiet tone for each class, by its place in the sorted list; none is near the two striking colours."""
    out = {}
    for k, name in enumerate(sorted(names)):
        hue = 0.25 + 0.5 * ((k * 0.61803398875) % 1.0)  # from green by blue to violet
        red, green, blue = colorsys.hsv_to_rgb(hue, 0.28, 0.82 - 0.14 * (k % 3))
        out[name] = (round(red * 255), round(green * 255), round(blue * 255))
    return out


def painted(seen: Seen, stand: Standings, count: Count) -> U1:
    """u1[h + legend, w, 3]: the view, and below it what the colours mean."""
    names = sorted({row.name for row in stand.rows if row.state == State.LABELLED})
    tones = class_tones(names)
    by_standing = [_color(row.state, tones.get(row.name, BACKGROUND)) for row in stand.rows]
    colors = np.array([BACKGROUND, *np.array(by_standing or [BACKGROUND])[stand.code].tolist()], np.float64)
    light = 1.0 - SHADE * (1.0 - np.clip(seen.facing, 0.0, 1.0))
    light = np.where(seen.object > 0, light, 1.0)
    picture = np.rint(colors[seen.object] * light[..., None]).astype(np.uint8)
    shown = {
        stand.rows[code].name for code in np.unique(stand.code[seen.object[seen.object > 0] - 1]).tolist()
    }
    entries = [
        (UNLABELLED, f"no label {100 * count.share(count.unlabelled):.1f} %"),
        (AMBIGUOUS, f"ambiguous {100 * count.share(count.ambiguous):.1f} %"),
        *((tones[name], name) for name in names if name in shown),
    ]
    return np.concatenate([picture, _legend(picture.shape[1], entries)])


def _color(state: State, tone: Color) -> Color:
    return {State.UNLABELLED: UNLABELLED, State.AMBIGUOUS: AMBIGUOUS}.get(state, tone)


def _legend(width: int, entries: list[tuple[Color, str]]) -> U1:
    """Swatches and words, as many lines as they take."""
    from PIL import Image, ImageDraw

    measure = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    places, x, line = [], 6, 0
    for color, text in entries:
        wide = SWATCH + 5 + int(measure.textlength(text)) + 16
        if x > 6 and x + wide > width:
            x, line = 6, line + 1
        places.append((x, 4 + LINE * line, color, text))
        x += wide
    image = Image.new("RGB", (width, LINE * (line + 1) + 6), BACKGROUND)
    draw = ImageDraw.Draw(image)
    for left, top, color, text in places:
        draw.rectangle((left, top + 2, left + SWATCH, top + 2 + SWATCH), fill=color)
        draw.text((left + SWATCH + 5, top + 1), text, fill=INK)
    return np.asarray(image)
