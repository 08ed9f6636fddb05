"""What the soak found, in a few lines and as docs/exactness.md."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Row = dict[str, Any]

BEGIN, END = "<!-- figures of the soak: begin -->", "<!-- end -->"
"""What stands between these lines in docs/exactness.md is made from the log."""

COUNTS = ("pixels", "covered", "agree", "ties", "edges", "leaks", "wrong")
"""Of a view; see survey.View."""


def summary(rows: Sequence[Row]) -> int:
    """Print what became of all files; the exit status."""
    for title, group in _groups(rows).items():
        states: dict[str, int] = {}
        for row in group:
            states[row["state"]] = states.get(row["state"], 0) + 1
        print(f"soak: {len(group)} {title}: {', '.join(f'{n} {s}' for s, n in sorted(states.items()))}")
    views = [view for row in rows for view in row["views"]]
    if views:
        total = {key: sum(view[key] for view in views) for key in COUNTS}
        print(f"soak: {len(views)} views: " + ", ".join(f"{n} {key}" for key, n in total.items()))
    wrong = [text for row in rows for text in row["problems"]]
    print("\n".join(wrong[:60]))
    return 1 if wrong else 0


def _groups(rows: Sequence[Row]) -> dict[str, list[Row]]:
    out: dict[str, list[Row]] = {"files": [], "scenes of known answer": [], "stages against Blender": []}
    for row in rows:
        kind = row["file"].partition(":")[0]
        title = {"analytic": "scenes of known answer", "blender": "stages against Blender"}.get(kind, "files")
        out[title].append(row)
    return {title: group for title, group in out.items() if group}


def write_page(path: Path, rows: Sequence[Row]) -> None:
    """Put the figures of these rows into the page."""
    text = path.read_text("utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    path.write_text(f"{head}{BEGIN}\n{figures(rows)}\n{END}{tail}", "utf-8")


def figures(rows: Sequence[Row]) -> str:
    """All tables."""
    groups = _groups(rows)
    parts = [
        _analytic(groups.get("scenes of known answer", [])),
        _mitsuba(groups.get("files", [])),
        _blender(groups.get("stages against Blender", [])),
    ]
    return "\n\n".join(part for part in parts if part)


def _analytic(rows: Sequence[Row]) -> str:
    columns: dict[str, Callable[[Row], str]] = {
        "scene": lambda r: r["file"].removeprefix("analytic:").split(", ")[0],
        "where": lambda r: r["place"],
        "camera": lambda r: r["eye"],
        "pixels": lambda r: f"{r['figures']['pixels']:.0f}",
        "wrong, away from edges": lambda r: _count(r, "wrong pixels away from edges", "wrong occlusion"),
        "wrong, on edges": lambda r: _count(r, "wrong pixels on edges"),
        "depth": lambda r: _error(r, "depth, relative, planes and boxes"),
        "normal [deg]": lambda r: _error(r, "normal [degrees], planes and boxes"),
        "NOCS": lambda r: _error(r, "NOCS, planes and boxes"),
        "flow [px]": lambda r: _error(r, "flow [px]"),
        "surface / chord error": lambda r: _error(r, "distance to the true surface / chord error"),
    }
    return "### Scenes of known answer\n\n" + _table(columns, rows) if rows else ""


def _count(row: Row, *names: str) -> str:
    return next((f"{row['figures'][name]:.0f}" for name in names if name in row["figures"]), "")


def _error(row: Row, name: str) -> str:
    value = row["figures"].get(name, 0.0)
    return f"{value:.1e}" if 0 < value < 0.01 else f"{value:.2f}" if value else ""


def _mitsuba(rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    vendors: dict[str, list[Row]] = {}
    for row in rows:
        vendors.setdefault("/".join(row["file"].split("/")[:2]), []).append(row)
    lines = [
        "### Real stages against Mitsuba's first hits",
        "",
        "| stages | files | drawn | views | pixels on things | agree | ties | on silhouettes | elsewhere | depth, largest "
        "| material, part, uv, normal |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, group in [*sorted(vendors.items()), ("all", list(rows))]:
        views = [view for row in group for view in row["views"]]
        total = {key: sum(view[key] for view in views) for key in COUNTS}
        fine = (total["pixels"] - total["edges"] - total["wrong"]) / max(total["pixels"], 1)
        depth = max((view["depth"] for view in views), default=0.0)
        cells = [
            name,
            len(group),
            sum(bool(row["views"]) for row in group),
            len(views),
            f"{total['covered']:,}",
            f"{fine:.5%}" if views else "",
            f"{total['ties']:,}",
            total["edges"],
            total["wrong"],
            f"{depth:.1e}" if views else "",
            _share(sum(view["surface_off"] for view in views), sum(view["surface"] for view in views)),
        ]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join([*lines, "", *_notes(rows)])


def _share(off: int, of: int) -> str:
    return f"{1 - off / of:.5%}" if of else ""


def _notes(rows: Sequence[Row]) -> list[str]:
    views = [(row["file"], view) for row in rows for view in row["views"]]
    if not views:
        return []
    states = {state: sum(row["state"] == state for row in rows) for state in ("empty", "refused")}
    shares = [1 - (view["edges"] + view["wrong"]) / view["pixels"] for _, view in views]
    least = min(range(len(shares)), key=shares.__getitem__)
    reprojected = max(view["reprojected"] for _, view in views)
    out = [
        f"Of the files, {states['empty']} draw nothing and {states['refused']} do not open. The view that agrees least does "
        f"so on {shares[least]:.4%} of its pixels ({views[least][0]}, {views[least][1]['view']}). "
        f"{sum(view['cut_out'] for _, view in views):,} rays went through holes. Labels counted "
        f"{sum(view['tied'] for _, view in views):,} pixels of ties; where Mitsuba took the other surface, they are in the "
        f"column. Points of `position` land within {reprojected:.1e} px of their pixels' centres (float32 included).",
    ]
    wrong = [text for row in rows for text in row["problems"]]
    return [*out, "", *(f"- {text}" for text in wrong)] if wrong else out


def _blender(rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    vendors: dict[str, list[Row]] = {}
    for row in rows:
        vendors.setdefault("/".join(row["file"].removeprefix("blender:").split("/")[:2]), []).append(row)
    columns: dict[str, Callable[[Row], str]] = {
        "stages": lambda r: r["name"],
        "number": lambda r: str(len(r["rows"])),
        "instances": lambda r: str(sum(x["instances"] for x in r["rows"])),
        "masks compared": lambda r: str(sum(x["compared"] for x in r["rows"])),
        "pixels": lambda r: f"{sum(x['pixels'] for x in r['rows']):,}",
        "least IoU": lambda r: f"{min((x['least'] for x in r['rows'] if x['compared']), default=1.0):.5f}",
    }
    groups = [
        {"name": name, "rows": group} for name, group in [*sorted(vendors.items()), ("all", list(rows))]
    ]
    known = [
        f"- {row['file'].removeprefix('blender:')}: {row['reason']}" for row in rows if row.get("reason")
    ]
    table = _table(columns, groups)
    return "\n".join(
        ["### Real stages against Blender's own import", "", table, *([""] if known else []), *known]
    )


def _table(columns: dict[str, Callable[[Row], str]], rows: Sequence[Row]) -> str:
    head = "| " + " | ".join(columns) + " |"
    rule = "|" + "---|" * len(columns)
    return "\n".join(
        [head, rule, *("| " + " | ".join(cell(row) for cell in columns.values()) + " |" for row in rows)]
    )
