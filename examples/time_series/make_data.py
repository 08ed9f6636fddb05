"""Makes the recordings of this example: what two loggers of a pump station wrote, with everything that goes wrong in one.

    python examples/time_series/make_data.py [FOLDER] [SEED]

Writes `plc.csv` and `loggers.jsonl`, and `expected.json`: what should become of every reading, as the one knows it that
made the faults. The same seed gives the same bytes.
"""

import json
import math
import random
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

START = datetime(2026, 10, 24, 23, 50, tzinfo=UTC)
"""01:50 in Berlin, in the night in which the clocks are set back: from 02:00 on each local time comes twice."""
SECONDS, STEP = 1200, 2
LATENESS = 30
"""What the contract allows [s]. Readings overtake each other by less, but for those that are made late on purpose."""

UNITS = {
    "T": {"degC": lambda c: c, "degF": lambda c: c * 1.8 + 32, "K": lambda c: c + 273.15},
    "P": {"bar": lambda b: b, "kPa": lambda b: b * 100, "psi": lambda b: b / 0.0689475729},
    "F": {"m3/h": lambda q: q, "L/min": lambda q: q / 0.06, "gpm": lambda q: q / 0.2271247},
}
TAGS = ("FT-1", "PT-1", "PT-2", "TT-1", "TT-2")
GAP = (600, 660)
"""PT-2 says nothing in between [s from the start]."""


def truth(s: float) -> dict[str, float]:
    """What is so, in the units of the contract: flow m3/h, pressures bar, temperatures Cel, speed rpm, power kW."""
    load = 0.5 - 0.5 * math.cos(s / SECONDS * 4 * math.pi)
    flow, lift = 60 + 40 * load, 5.2 - 1.4 * load
    hydraulic = flow / 3600 * lift * 1e5
    return {
        "FT-1": flow, "PT-1": 1.4 - 0.15 * load, "PT-2": 1.4 - 0.15 * load + lift, "TT-1": 14.0 + s / SECONDS,
        "TT-2": 14.4 + s / SECONDS + 0.5 * load, "speed": 1380 + 90 * load, "power": hydraulic / (0.58 + 0.17 * load) / 1000,
    }  # fmt: skip


def plc(draw: random.Random) -> tuple[list[str], Counter[str]]:
    """A table of local times without a zone, decimal commas, in the order in which it was written."""
    lines, counts = ["time;speed_rpm;power_kW;running"], Counter[str]()
    for s in range(0, SECONDS, STEP):
        local = (START + timedelta(seconds=s, hours=2)).strftime("%d.%m.%Y %H:%M:%S")
        now = truth(s)
        cells = [f"{now['speed'] + draw.gauss(0, 1):.1f}", f"{now['power'] + draw.gauss(0, 0.02):.3f}", "1"]
        counts.update(received=3, applied=3)
        if draw.random() < 0.01:
            cells[draw.randrange(2)] = "####"
            counts.update(applied=-1, quarantined=1)
        lines.append(";".join([local, *cells]).replace(".", ",").replace(local.replace(".", ","), local))
        if draw.random() < 0.01:
            lines.append(lines[-1])
            good = 3 - cells.count("####")
            counts.update(received=3, duplicate=good, quarantined=3 - good)
    return lines, counts


def loggers(draw: random.Random) -> tuple[list[str], Counter[str], Counter[str]]:
    """One object a reading, units mixed, in the order of arrival; counts and the reasons of what is refused."""
    counts, reasons, rows = Counter[str](), Counter[str](), []
    for s in range(0, SECONDS, STEP):
        for number, tag in enumerate(TAGS):
            if tag == "PT-2" and GAP[0] <= s < GAP[1]:
                continue
            row, outcome = reading(draw, s, tag, s // STEP)
            counts.update(["received", outcome.partition(":")[0]])
            reasons.update([outcome.partition(":")[2]] if ":" in outcome else [])
            due = s + draw.uniform(0, 0.4 * LATENESS) + number * 0.01
            rows.append((due, json.dumps(row)))
            if outcome == "applied" and draw.random() < 0.02:
                counts.update(["received", "duplicate"])
                rows.append((due + draw.uniform(0, 0.3 * LATENESS), json.dumps(row)))
            elif outcome == "applied" and SECONDS / 2 < s < SECONDS - 400 and draw.random() < 0.01:
                rows[-1] = (due + draw.uniform(3, 4) * LATENESS, json.dumps(row))
                counts.update(applied=-1, history_only=1)
    rows += [(draw.uniform(0, SECONDS), '{"t": "2026-10-25T00:0') for _ in range(3)]
    counts.update(received=3, quarantined=3)
    reasons.update(malformed=3)
    return [line for _, line in sorted(rows)], counts, reasons


def reading(draw: random.Random, s: int, tag: str, sequence: int) -> tuple[dict[str, Any], str]:
    """One reading and what should become of it."""
    value = truth(s)[tag] * (1 + draw.gauss(0, 0.001))
    spelled, written = draw.choice(sorted(UNITS[tag[0]].items()))
    time = (START + timedelta(seconds=s)).isoformat().replace("+00:00", "Z")
    row: dict[str, Any] = {
        "t": time,
        "tag": tag,
        "value": round(written(value), 4),
        "unit": spelled,
        "seq": sequence,
    }
    dice = draw.random()
    if dice < 0.005:
        del row["t"]
        return row, "quarantined:time"
    if dice < 0.010:
        return row | {"t": time.removesuffix("Z")}, "quarantined:time_zone"
    if dice < 0.015:
        return row | {"unit": draw.choice(("bar(g)", "", "units"))}, "quarantined:unit"
    if dice < 0.025:
        return row | {"value": "NaN"}, "quarantined:type"
    if dice < 0.035 and tag == "PT-2":
        return row | {"value": round(value / 0.0689475729, 4), "unit": "bar"}, "quarantined:range"
    return row, "applied"


def main(folder: Path, seed: int) -> None:
    """Write the three files."""
    draw = random.Random(seed)
    table, plc_counts = plc(draw)
    lines, counts, reasons = loggers(draw)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plc.csv").write_text("\n".join(table) + "\n")
    (folder / "loggers.jsonl").write_text("\n".join(lines) + "\n")
    reasons.update(type=plc_counts["quarantined"])
    expected = {"plc": dict(plc_counts), "loggers": dict(counts), "reasons": dict(reasons)}
    (folder / "expected.json").write_text(json.dumps(expected, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(
        Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent,
        int(sys.argv[2]) if len(sys.argv) > 2 else 1,
    )
