"""A coverage for people, in lines, and for programs, as plain data. Pure."""

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from twinstage.assets.coverage.tally import Count, Coverage, Row
from twinstage.scene.read.labels import DEFAULT_TAXONOMY

MOST_ROWS = 20
"""Of each list, in text."""

MOST_RULES = 3
"""Of one row, and in the whole command, in text."""


def report(coverage: Coverage, stage: str, size: tuple[int, int]) -> Iterator[str]:
    """The lines for a terminal."""
    total = coverage.total
    views = f"{len(coverage.views)} view{'s' * (len(coverage.views) != 1)} of {size[0]} x {size[1]} pixels"
    if not total.visible:
        yield f"{stage}: nothing is seen in {views}"
        return
    yield (
        f"{stage}: of what is seen, {_share(total, total.unlabelled)} has no label of taxonomy {coverage.taxonomy!r}"
        f" and {_share(total, total.ambiguous)} an ambiguous class ({views})"
    )
    if len(coverage.views) > 1:
        yield from _views(coverage)
    yield from _unlabelled(coverage, stage)
    yield from _ambiguous(coverage)
    if coverage.nested:
        yield ""
        yield "one class below another (the nearer one counts here; USD's union of labels has both):"
        for row in coverage.nested[:MOST_ROWS]:
            also = ", ".join(row.also)
            yield f"  {row.name} below {also}: {_number(row.objects, 'object')}, first {row.first}"
    if coverage.classes:
        yield ""
        shown = [f"{row.name} {_share(total, row.pixels)}" for row in coverage.classes if row.pixels]
        yield f"classes: {', '.join(shown) or 'none is seen'}"
    if coverage.never_visible:
        yield f"never seen: {', '.join(coverage.never_visible)}"


def _views(coverage: Coverage) -> Iterator[str]:
    width = max(len("view"), *(len(view.name) for view in coverage.views))
    yield ""
    yield f"  {'view':{width}}  {'visible px':>11}  {'no label':>8}  {'ambiguous':>9}"
    for view, count in zip(coverage.views, coverage.counts, strict=True):
        bare, open_ = _share(count, count.unlabelled), _share(count, count.ambiguous)
        yield f"  {view.name:{width}}  {count.visible:>11,}  {bare:>8}  {open_:>9}"


def _unlabelled(coverage: Coverage, stage: str) -> Iterator[str]:
    rows, total = coverage.unlabelled, coverage.total
    if not rows:
        return
    yield ""
    yield "without a label, the most pixels first:"
    for row in rows[:MOST_ROWS]:
        many = f" ({len(row.paths)} prims)" if len(row.paths) > 1 else ""
        unknown = f"; its label {', '.join(row.labels)} is not in the map" if row.labels else ""
        yield f"  {_share(total, row.pixels):>7}  {row.name}{many}{unknown}"
        yield f"           {_sets(row.rules)}"
    yield from _more(rows)
    some = [rule for row in rows[:MOST_RULES] for rule in row.rules][:MOST_RULES]
    yield f"label them: {command(stage, some, coverage.taxonomy)}"


def _ambiguous(coverage: Coverage) -> Iterator[str]:
    rows = coverage.ambiguous
    if not rows:
        return
    yield ""
    yield "ambiguous: each of these labels could be its class; keep one, or move the other to a taxonomy of its own:"
    for row in rows[:MOST_ROWS]:
        above = " (of a prim above it)" if row.inherited else ""
        yield f"  {_share(coverage.total, row.pixels):>7}  {row.name}: {' and '.join(row.labels)}{above}"
    yield from _more(rows)


def _more(rows: tuple[Row, ...]) -> Iterator[str]:
    if len(rows) > MOST_ROWS:
        yield f"           and {len(rows) - MOST_ROWS} more (--json lists all)"


def _sets(rules: tuple[str, ...]) -> str:
    more = f" ... {len(rules) - MOST_RULES} more" if len(rules) > MOST_RULES else ""
    return " ".join(f"--set {shlex.quote(rule)}" for rule in rules[:MOST_RULES]) + more


def command(stage: str, rules: list[str], taxonomy: str) -> str:
    """The command that labels by these rules."""
    other = [] if taxonomy == DEFAULT_TAXONOMY else ["--taxonomy", taxonomy]
    sets = [part for rule in rules for part in ("--set", rule)]
    return shlex.join(["twinstage", "assets", "label", stage, "--out", "labels.usda", *other, *sets])


def _share(count: Count, pixels: int) -> str:
    return f"{100 * count.share(pixels):.1f} %"


def _number(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"


def as_json(
    coverage: Coverage, stage: str, size: tuple[int, int], pictures: Mapping[str, str]
) -> dict[str, Any]:
    """Everything, for programs; `pictures`: by name of a view."""
    total = coverage.total
    return {
        "stage": stage,
        "taxonomy": coverage.taxonomy,
        "size": list(size),
        "total": total.as_dict(),
        "views": [
            {"name": view.name, "camera": view.source, "picture": pictures.get(view.name), **count.as_dict()}
            for view, count in zip(coverage.views, coverage.counts, strict=True)
        ],
        "unlabelled": [
            {
                "prims": row.name,
                "paths": list(row.paths),
                **_figures(row, total),
                "labels": list(row.labels),
                "rules": list(row.rules),
                "command": command(stage, list(row.rules), coverage.taxonomy),
            }
            for row in coverage.unlabelled
        ],
        "ambiguous": [
            {"path": row.name, **_figures(row, total), "labels": list(row.labels), "inherited": row.inherited}
            for row in coverage.ambiguous
        ],
        "nested": [
            {
                "class": row.name,
                "also": list(row.also),
                "objects": row.objects,
                "first": row.first,
                "pixels": row.pixels,
            }
            for row in coverage.nested
        ],
        "classes": [
            {"class": row.name, "objects": row.objects, "pixels": row.pixels, "views": row.views}
            for row in coverage.classes
        ],
        "never_visible": list(coverage.never_visible),
    }


def _figures(row: Row, total: Count) -> dict[str, Any]:
    return {"pixels": row.pixels, "share": round(total.share(row.pixels), 6), "views": row.views}
