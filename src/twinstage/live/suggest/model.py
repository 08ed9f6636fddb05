"""One suggestion, and the lines of a bindings file made of many."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from twinstage.scene.patterns import match_paths

SURE = 0.5
"""Suggestions below this confidence are commented out."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`data`: the binding as it would be written; `confidence`: 0 to 1; `reason`: why, one line."""

    data: dict[str, Any]
    confidence: float
    reason: str


def as_file(
    suggestions: Sequence[Suggestion], contract: str, paths: Sequence[str], unused: Sequence[str]
) -> str:
    """The text of a bindings file; `paths`: all prim paths, to see what a pattern would match."""
    head = [
        "# Suggested by `twinstage bind suggest`; compare every line with the plant, then run `twinstage bind check`.",
        "# Lines that begin with #- are guesses: take the #- away where they are right.",
        "bindings: 1",
        f"contract: {contract}",
    ]
    merged = merge_series(list(suggestions), paths)
    sure = any(s.confidence >= SURE for s in merged)
    lines = [*head, "bindings:" if sure else "bindings: []"]
    for s in merged:
        lines.append(f"  # {s.confidence:.2f}: {s.reason}")
        text = yaml.safe_dump(
            s.data, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**9
        ).strip()
        lines.append(f"  - {text}" if s.confidence >= SURE else f"  #- {text}")
    lines += [f"  # nothing found for {name}" for name in unused]
    return "\n".join(lines) + "\n"


def merge_series(suggestions: list[Suggestion], paths: Sequence[str]) -> list[Suggestion]:
    """Suggestions that differ in one number only become one with a pattern, where that matches no other prim."""
    groups: dict[str, list[tuple[str, Suggestion]]] = {}
    out: list[Suggestion | None] = []
    for s in suggestions:
        key = _series_key(s)
        if key is None:
            out.append(s)
            continue
        if key[0] not in groups:
            out.append(None)
            groups[key[0]] = []
        groups[key[0]].append((key[1], s))
    waiting = iter(groups.values())
    merged: list[Suggestion] = []
    for slot in out:
        merged += [slot] if slot is not None else _merged(next(waiting), paths)
    return merged


def _series_key(s: Suggestion) -> tuple[str, str] | None:
    """The binding with its number as {n}, and the number; None where prim and signals do not share one."""
    prim = str(s.data.get("prim", ""))
    found = re.findall(r"\d+", prim.rpartition("/")[2]) or re.findall(r"\d+", prim)
    if not found or s.data["kind"] in ("attach", "instance", "entity"):
        return None
    number = found[-1]
    plain = {
        k: v
        for k, v in s.data.items()
        if k not in ("kind", "prim", "unit", "colormap", "hysteresis", "coupling")
    }
    filled = _fill(plain, number)
    if filled == plain or "coupling" in s.data:
        return None
    at = prim.rfind(number)
    pattern = prim[:at] + "{n}" + prim[at + len(number) :]
    rest = {k: s.data[k] for k in ("unit", "colormap", "hysteresis") if k in s.data}
    return repr((s.data["kind"], pattern, filled, rest)), number


def _fill(value: Any, number: str) -> Any:
    if isinstance(value, str):
        return re.sub(rf"(?<!\d){number}(?!\d)", "{n}", value)
    if isinstance(value, dict):
        return {k: _fill(v, number) for k, v in value.items()}
    return value


def _merged(members: list[tuple[str, Suggestion]], paths: Sequence[str]) -> list[Suggestion]:
    plain = [s for _, s in members]
    number, first = members[0]
    prim = str(first.data["prim"])
    at = prim.rfind(number)
    pattern = prim[:at] + "{n}" + prim[at + len(number) :]
    if len(plain) < 2 or set(match_paths(pattern, paths)) != {str(s.data["prim"]) for s in plain}:
        return plain
    data = {
        ("pattern" if k == "prim" else k): (
            pattern if k == "prim" else v if k in ("kind", "unit", "colormap") else _fill(v, number)
        )
        for k, v in first.data.items()
    }
    least = min(plain, key=lambda s: s.confidence)
    return [Suggestion(data, least.confidence, f"{len(plain)} alike; {least.reason}")]
