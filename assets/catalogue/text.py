"""Entries for a terminal. Pure."""

from collections.abc import Mapping, Sequence
from pathlib import PurePath

from twinstage.assets.catalogue.entry import Entry
from twinstage.base.terminal import printable

Stages = Mapping[str, Sequence[str]]
Uses = Mapping[str, Stages]
MOST_NAMED = 20
NOTHING = "no asset fits; `twinstage assets search` without words lists all"


def listed(entries: Sequence[Entry], total: int, uses: Uses | None = None) -> str:
    """A line an entry, then how many there are. `uses`: by asset, where stages use it."""
    if not entries:
        return NOTHING
    wide = min(48, max(len(entry.id) for entry in entries))
    lines = [f"{entry.id:{wide}}  {_line(entry)}{_used((uses or {}).get(entry.asset))}" for entry in entries]
    more = f", {len(entries)} shown" if len(entries) < total else ""
    return "\n".join([*map(_safe, lines), f"{total} {'asset' if total == 1 else 'assets'}{more}"])


def _why(entry: Entry) -> str:
    return entry.problem.removeprefix("it cannot be read: ")


def _line(entry: Entry) -> str:
    if entry.problem:
        return f"cannot be read: {_why(entry)}"
    x, y, z = entry.size
    facts = [entry.title, f"{x:.3g} x {y:.3g} x {z:.3g} m", f"{entry.triangles:,} triangles"]
    if entry.labels:
        facts.append(f"labels {', '.join(entry.labels[:3])}")
    if entry.variants:
        facts.append("variants " + ", ".join(entry.variants))
    facts.append(entry.license or "no licence")
    return "; ".join(facts)


def _used(stages: Stages | None) -> str:
    """How often, in how few words it can be said."""
    if not stages:
        return ""
    return "; used " + ", ".join(f"{len(prims)} x in {_name(stage)}" for stage, prims in stages.items())


def told(entry: Entry, uses: Stages | None = None) -> str:
    """All about one entry. `uses`: by stage, the prims that refer to it."""
    if entry.problem:
        return _safe(f"{entry.asset} cannot be read: {_why(entry)}")
    x, y, z = entry.size
    rows = {
        "asset": entry.asset,
        "title": entry.title,
        "about": " ".join(entry.doc.split()),
        "tags": ", ".join(entry.tags),
        "labels": ", ".join(entry.labels),
        "licence": entry.license or "none is told",
        "size": f"{x:.4g} x {y:.4g} x {z:.4g} m, {entry.up_axis} up, {entry.meters_per_unit:g} m a unit",
        "holds": f"{entry.triangles:,} triangles, {entry.materials} materials, {entry.joints} joints"
        + (", animated" if entry.animated else ""),
        "files": f"{len(entry.files)}, {entry.bytes / 1e6:.2f} MB, SHA-256 {entry.digest[:16]}...",
        "used by": ", ".join(entry.used_by) or "no other asset",
    }
    rows |= {f"in {_name(stage)}": _some(prims) for stage, prims in (uses or {}).items()}
    rows |= {f"variant {name}": ", ".join(choices) for name, choices in entry.variants.items()}
    rows["left out"] = ", ".join(f"{count:,} of {name}" for name, count in entry.cut.items())
    wide = max(map(len, rows))
    return "\n".join(_safe(f"{name:{wide}}  {value}") for name, value in rows.items() if value)


def _safe(line: str) -> str:
    """What an asset says of itself writes on no terminal: one line, control characters escaped."""
    return printable(line).replace("\n", " ")


def _some(prims: Sequence[str]) -> str:
    more = f" and {len(prims) - MOST_NAMED} more" if len(prims) > MOST_NAMED else ""
    return ", ".join(prims[:MOST_NAMED]) + more


def _name(stage: str) -> str:
    return PurePath(stage).name
