"""Numbers -> small pictures as SVG text. The same numbers give the same text."""

from collections.abc import Sequence
from html import escape

import numpy as np

BINS = 24
WIDTH, HEIGHT, FOOT = 260, 96, 16


def histogram(values: Sequence[float], *, low: float | None = None, high: float | None = None) -> str:
    """Bars over equal bins, with the range below. `low`, `high`: ends of the axis; those of the values by default."""
    data = np.asarray(values, np.float64)
    data = data[np.isfinite(data)]
    if not len(data):
        return '<p class="none">nothing</p>'
    start = float(data.min()) if low is None else low
    end = float(data.max()) if high is None else high
    if end <= start:
        return f'<p class="one">always {start:.6g}</p>'
    bins = BINS
    whole = np.allclose(data, np.round(data)) and end - start < BINS
    if whole:  # one bar a number
        start, end, bins = round(start) - 0.5, round(end) + 0.5, round(end) - round(start) + 1
    counts, _ = np.histogram(data, bins=bins, range=(start, end))
    shown = (round(start + 0.5), round(end - 0.5)) if whole else (start, end)
    return _bars(counts.tolist(), f"{shown[0]:.4g}", f"{shown[1]:.4g}")


def _bars(counts: list[int], left: str, right: str) -> str:
    most, step = max(counts), WIDTH / len(counts)
    bars = "".join(
        f'<rect x="{i * step:.2f}" y="{HEIGHT - n / most * HEIGHT:.2f}" width="{max(step - 1, 0.5):.2f}" '
        f'height="{n / most * HEIGHT:.2f}"><title>{n}</title></rect>'
        for i, n in enumerate(counts)
        if n
    )
    return (
        f'<svg class="hist" viewBox="0 0 {WIDTH} {HEIGHT + FOOT}" role="img">{bars}'
        f'<line x1="0" y1="{HEIGHT}" x2="{WIDTH}" y2="{HEIGHT}"/>'
        f'<text x="0" y="{HEIGHT + 13}">{escape(left)}</text>'
        f'<text x="{WIDTH}" y="{HEIGHT + 13}" text-anchor="end">{escape(right)}</text></svg>'
    )


def heat_map(cells: Sequence[int], columns: int, rows: int) -> str:
    """How often something was in each cell of the image."""
    most = max(cells, default=0) or 1
    boxes = "".join(
        f'<rect x="{i % columns * 10}" y="{i // columns * 10}" width="10" height="10" '
        f'fill-opacity="{(n / most) ** 0.5:.3f}"><title>{n}</title></rect>'
        for i, n in enumerate(cells)
        if n
    )
    frame = f'<rect class="frame" x="0" y="0" width="{columns * 10}" height="{rows * 10}"/>'
    return f'<svg class="heat" viewBox="0 0 {columns * 10} {rows * 10}" role="img">{frame}{boxes}</svg>'


def shares(counts: Sequence[tuple[str, int]], *, most: int = 12) -> str:
    """A bar for each word, the most frequent first."""
    ordered = sorted(counts, key=lambda item: (-item[1], item[0]))
    top = ordered[0][1] if ordered else 1
    rows = "".join(
        f'<div class="row"><span class="word" title="{escape(name)}">{escape(name)}</span>'
        f'<span class="bar"><i style="width:{n / top * 100:.1f}%"></i></span><b>{n}</b></div>'
        for name, n in ordered[:most]
    )
    more = f'<p class="none">and {len(ordered) - most} more</p>' if len(ordered) > most else ""
    return f'<div class="rows">{rows}{more}</div>'
