"""Series -> pictures as SVG text: min and max of each stretch, gaps left open, outliers marked. Same numbers, same text."""

from collections.abc import Sequence
from html import escape

import numpy as np

from twinstage.telemetry.columns import F8, FIRST_BAD, I8, U4
from twinstage.telemetry.gaps import Gap
from twinstage.telemetry.printed import with_unit
from twinstage.telemetry.report.series import Series

WIDTH, HEIGHT = 860, 110
TOP, FOOT = 8, 4
STRETCHES = 430
"""A plot has at most so many stretches: of each, least and most are drawn in the order in which they came."""
MOST_LINES = 7
MOST_MARKS = 200
UNCERTAIN_FROM = 0x40000000


def plot(
    one: Series, start_ns: int, end_ns: int, gaps: Sequence[Gap], marks: Sequence[tuple[int, int]]
) -> str:
    """One signal from start to end. `marks`: (component, place) of outliers."""
    span = max(end_ns - start_ns, 1)
    along = (one.time_ns - start_ns) / span * WIDTH
    finite = one.values[np.isfinite(one.values)]
    if not len(finite):
        return '<p class="none">no value</p>'
    low, high = float(finite.min()), float(finite.max())
    room = (high - low) or 1.0
    up = (
        TOP + (HEIGHT - TOP - FOOT) * (1 - (one.values - low) / room)
        if high > low
        else np.full_like(one.values, HEIGHT / 2)
    )
    parts = [_band(gap, start_ns, span) for gap in gaps[:MOST_MARKS]]
    cuts = np.searchsorted(one.time_ns, [gap.end_ns for gap in gaps])
    step = not one.numeric
    for k in range(min(one.values.shape[1], MOST_LINES)):
        parts.append(f'<path class="l{k}" d="{_path(along, up[:, k], cuts, step=step)}"/>')
    parts += _doubtful(along, one.quality)
    for k, place in marks[:MOST_MARKS]:
        parts.append(f'<circle cx="{along[place]:.1f}" cy="{up[place, k]:.1f}" r="3.5"/>')
    axis = f"<div class='axis'><span>{escape(with_unit(f'{high:.5g}', one.unit))}</span><span>{low:.5g}</span></div>"
    frame = f'viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img"'
    return f'<div class="plot">{axis}<svg {frame}>{"".join(parts)}</svg></div>'


def _band(gap: Gap, start_ns: int, span: int) -> str:
    x = (gap.start_ns - start_ns) / span * WIDTH
    width = max((gap.end_ns - gap.start_ns) / span * WIDTH, 0.6)
    return f'<rect class="gap" x="{x:.2f}" y="0" width="{width:.2f}" height="{HEIGHT}"/>'


def _path(along: F8, up: F8, cuts: I8, *, step: bool) -> str:
    """Lines between readings that no cut and no missing value parts."""
    out = []
    holes = np.flatnonzero(np.diff(np.isfinite(up).astype(np.int8))) + 1
    ends = sorted({*cuts.tolist(), *holes.tolist(), len(along)})
    for start, end in zip([0, *ends], ends, strict=False):
        keep = np.arange(start, end)
        if start == end or not np.isfinite(up[start]):
            continue
        places = _thinned(along[keep], up[keep])
        x, y = along[keep][places], up[keep][places]
        if len(x) == 1:
            out.append(f"M{x[0]:.1f} {y[0]:.1f}h1")
            continue
        out.append(f"M{x[0]:.1f} {y[0]:.1f}")
        if step:
            out += [f"H{a:.1f}V{b:.1f}" for a, b in zip(x[1:].tolist(), y[1:].tolist(), strict=True)]
        else:
            out.append(
                "L"
                + " ".join(f"{a:.1f} {b:.1f}" for a, b in zip(x[1:].tolist(), y[1:].tolist(), strict=True))
            )
    return "".join(out)


def _thinned(along: F8, up: F8) -> I8:
    """Places of the first, least, greatest and last of each stretch."""
    if len(along) <= 2 * STRETCHES:
        return np.arange(len(along))
    cell = np.minimum((along / WIDTH * STRETCHES).astype(np.int64), STRETCHES - 1)
    starts = np.flatnonzero(np.diff(cell, prepend=-1))
    ends = np.append(starts[1:], len(cell))
    order = np.lexsort((up, cell))  # within a stretch by height
    out: I8 = np.unique(np.concatenate([starts, ends - 1, order[starts], order[ends - 1]]))
    return out


def _doubtful(along: F8, quality: U4) -> list[str]:
    """A line below for uncertain and bad values."""
    out = []
    for name, which in (
        ("unsure", (quality >= UNCERTAIN_FROM) & (quality < FIRST_BAD)), ("bad", quality >= FIRST_BAD)
    ):  # fmt: skip
        pixels = np.unique(along[which].astype(np.int64))
        if not len(pixels):
            continue
        breaks = np.flatnonzero(np.diff(pixels) > 1) + 1
        runs = np.split(pixels, breaks)
        path = "".join(f"M{run[0]} {HEIGHT - 2}h{run[-1] - run[0] + 1}" for run in runs)
        out.append(f'<path class="{name}" d="{path}"/>')
    return out
