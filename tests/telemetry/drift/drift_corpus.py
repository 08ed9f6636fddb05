"""Logs with one known drift each, made from a seed. Imports nothing of Twinstage: the truth is written down here.

A log has eight fields of a plant: levels that move around set points, set points that change by themselves, axes that go
to and fro and rest, noisy currents, a counter, flags and words; single spikes, blank cells, gaps and jittered times. All
of that is in the clean logs too, and is no drift.
"""

import json
import math
from dataclasses import dataclass

import numpy as np

ROWS = 1200
BETWEEN = 300
"""Rows that are in neither of two files: the second one does not go on where the first one ends."""

# unit as declared -> (unit that the values are in after the change, scale, offset)
UNITS = {
    "Cel": [("[degF]", 1.8, 32.0), ("K", 1.0, 273.15)],
    "bar": [("[psi]", 14.503773773, 0.0), ("kPa", 100.0, 0.0), ("MPa", 0.1, 0.0), ("mbar", 1000.0, 0.0), ("Pa", 1e5, 0.0)],
    "kPa": [("[psi]", 0.14503773773, 0.0), ("bar", 0.01, 0.0), ("Pa", 1000.0, 0.0)],
    "[psi]": [("kPa", 6.894757293, 0.0), ("bar", 0.06894757293, 0.0)],
    "m/s": [("km/h", 3.6, 0.0), ("mm/s", 1000.0, 0.0), ("[ft_i]/s", 1 / 0.3048, 0.0)],
    "deg": [("rad", math.pi / 180, 0.0)],
    "rad": [("deg", 180 / math.pi, 0.0)],
    "m": [("mm", 1000.0, 0.0), ("[ft_i]", 1 / 0.3048, 0.0), ("[in_i]", 1 / 0.0254, 0.0), ("cm", 100.0, 0.0)],
    "mm": [("m", 0.001, 0.0), ("[in_i]", 1 / 25.4, 0.0)],
    "A": [("mA", 1000.0, 0.0)],
    "kW": [("W", 1000.0, 0.0), ("MW", 0.001, 0.0)],
    "%": [("1", 0.01, 0.0)],
    "m3/h": [("L/min", 1000 / 60, 0.0), ("m3/s", 1 / 3600, 0.0)],
    "kg": [("g", 1000.0, 0.0), ("[lb_av]", 1 / 0.45359237, 0.0), ("t", 0.001, 0.0)],
}  # fmt: skip

# how a quantity behaves: (unit, behaviour, centre, swing, noise)
QUANTITIES = {
    "temperature": ("Cel", "level", 60, 15, 0.2), "pressure": ("bar", "level", 6, 1.5, 0.03),
    "vacuum": ("kPa", "level", 80, 15, 0.5), "oil": ("[psi]", "level", 120, 25, 0.6),
    "speed": ("m/s", "level", 1.2, 0.5, 0.02), "joint": ("deg", "axis", 0, 90, 0.01), "yaw": ("rad", "axis", 0, 2, 0.002),
    "height": ("m", "level", 2, 0.8, 0.01), "stroke": ("mm", "axis", 200, 150, 0.05),
    "current": ("A", "noise", 4, 1, 0.8), "power": ("kW", "noise", 12, 3, 1.5), "fill": ("%", "level", 55, 20, 0.3),
    "flow": ("m3/h", "noise", 30, 6, 2), "load": ("kg", "level", 25, 10, 0.1),
}  # fmt: skip

KINDS = ("none", "unit", "new", "missing", "renamed", "retyped", "cadence")


@dataclass(frozen=True)
class Truth:
    """What was changed: `fields` by name; for `unit` what became of a value; `row`: since which row of the second part."""

    kind: str
    fields: tuple[str, ...] = ()
    unit: str = ""
    scale: float = 1.0
    offset: float = 0.0
    became: str = ""


@dataclass(frozen=True)
class Case:
    """A contract, a clean log (None where the log's own beginning is the clean stretch), a log, and the truth."""

    contract: str
    clean: bytes | None
    log: bytes
    truth: Truth
    format: str


def make_case(seed: int, kind: str) -> Case:
    """The case of a seed."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    layout = str(rng.choice(["wide", "jsonl", "long"]))
    two_files = bool(rng.random() < 0.4) or (layout == "wide" and kind in ("new", "missing", "renamed"))
    names = [str(n) for n in rng.choice(sorted(QUANTITIES), 5, replace=False)]
    step = float(rng.choice([0.1, 1.0, 5.0, 60.0]))
    count = 2 * ROWS + BETWEEN if two_files else ROWS
    change = ROWS if two_files else int(rng.integers(ROWS * 45 // 100, ROWS * 85 // 100))
    columns: dict[str, list[object]] = {name: list(_signal(rng, name, count)) for name in names}
    columns |= {"parts": list(np.cumsum(rng.random(count) < 0.2).astype(int)), "running": _flags(rng, count),
                "state": [str(rng.choice(["IDLE", "RUN"])) for _ in range(count)]}  # fmt: skip
    steps = step * (1 + 0.1 * rng.standard_normal(count).clip(-3, 3))
    truth = _mutate(rng, kind, names, columns, steps, change)
    steps[rng.random(count) < 0.002] *= 40  # gaps
    times = np.cumsum(steps)
    for column in columns.values():  # blank cells, single spikes
        for at in np.flatnonzero(rng.random(count) < 0.004):
            column[at] = None
    for name in names:
        at = int(rng.integers(count))
        if isinstance(columns.get(name, [None] * count)[at], float) and rng.random() < 0.5:
            columns[name][at] *= float(rng.choice([0.0, 3.0, 10.0]))  # type: ignore[operator]
    write = {"wide": _wide, "jsonl": _jsonl, "long": _long}[layout]
    contract = _contract(layout, names)
    if two_files:
        return Case(contract, write(columns, times, 0, ROWS, kind, truth, change),
                    write(columns, times, ROWS + BETWEEN, count, kind, truth, change), truth, layout)  # fmt: skip
    return Case(contract, None, write(columns, times, 0, count, kind, truth, change), truth, layout)


def _signal(rng: np.random.Generator, name: str, count: int) -> np.ndarray:
    _, behaviour, centre, swing, noise = QUANTITIES[name]
    t = np.arange(count)
    if behaviour == "axis":  # goes to and fro, rests now and then
        period = rng.uniform(60, 200)
        phase = np.cumsum(np.where((t // int(period * 0.7)) % 4 == 3, 0.0, 2 * np.pi / period))
        return centre + swing * np.sin(phase) + noise * rng.standard_normal(count)
    targets = np.full(count, float(centre))
    for at in np.sort(rng.integers(0, count, rng.integers(2, 8))):  # set points that change by themselves
        targets[at:] = centre + swing * rng.uniform(-1, 1)
    if behaviour == "noise":
        return targets + noise * rng.standard_normal(count)
    out = np.empty(count)
    value, lag, own = targets[0], rng.uniform(0.03, 0.3), 0.0
    for k in range(count):
        own = 0.9 * own + noise * rng.standard_normal()
        value += lag * (targets[k] - value)
        out[k] = value + own
    return out


def _flags(rng: np.random.Generator, count: int) -> list[object]:
    out, flag = [], True
    for _ in range(count):
        flag = flag if rng.random() > 0.02 else not flag
        out.append(flag)
    return out


def _mutate(rng, kind, names, columns, steps, change) -> Truth:  # type: ignore[no-untyped-def]
    name = str(rng.choice(names))
    if kind == "unit":
        unit, scale, offset = UNITS[QUANTITIES[name][0]][rng.integers(len(UNITS[QUANTITIES[name][0]]))]
        columns[name][change:] = [value * scale + offset for value in columns[name][change:]]
        return Truth("unit", (name,), unit, scale, offset)
    if kind == "new":
        values = _signal(rng, "current", len(steps))
        columns["extra"] = [None] * change + list(values[change:])
        return Truth("new", ("extra",))
    if kind == "missing":
        columns[name][change:] = [None] * (len(steps) - change)
        return Truth("missing", (name,))
    if kind == "renamed":
        fresh = name + str(rng.choice(["_v2", "_1", "Value"]))
        columns[fresh] = [None] * change + columns[name][change:]
        columns[name][change:] = [None] * (len(steps) - change)
        return Truth("renamed", (name, fresh))
    if kind == "retyped":
        how = str(rng.choice(["text with a unit", "word", "flag"]))
        if how == "flag":
            columns["running"][change:] = ["on" if value else "off" for value in columns["running"][change:]]
            return Truth("retyped", ("running",), became="text")
        if how == "word":
            columns["state"][change:] = [3 if value == "RUN" else 1 for value in columns["state"][change:]]
            return Truth("retyped", ("state",), became="number")
        columns[name][change:] = [f"{value:.3f} {QUANTITIES[name][0]}" for value in columns[name][change:]]
        return Truth("retyped", (name,), became="text")
    if kind == "cadence":
        steps[change:] *= float(rng.choice([0.1, 0.2, 0.5, 2.0, 5.0, 10.0]))
        return Truth("cadence", tuple(names))
    return Truth("none")


def _shown(value: object) -> object:
    return float(f"{value:.7g}") if isinstance(value, float) else value


def _cell(value: object) -> str:
    return "" if value is None else str(_shown(value))


def _wide(columns, times, first, last, kind, truth, change) -> bytes:  # type: ignore[no-untyped-def]
    kept = [name for name, values in columns.items() if any(v is not None for v in values[first:last])]
    lines = [",".join(["t", *kept])]
    for k in range(first, last):
        lines.append(",".join([f"{times[k]:.4f}", *(_cell(columns[name][k]) for name in kept)]))
    return ("\n".join(lines) + "\n").encode()


def _jsonl(columns, times, first, last, kind, truth, change) -> bytes:  # type: ignore[no-untyped-def]
    out = []
    for k in range(first, last):
        row = {"t": round(float(times[k]), 4)}
        for name, values in columns.items():
            if values[k] is not None:
                value = values[k].item() if hasattr(values[k], "item") else values[k]
                row[name] = _shown(value)
        out.append(json.dumps(row))
    return ("\n".join(out) + "\n").encode()


def _long(columns, times, first, last, kind, truth, change) -> bytes:  # type: ignore[no-untyped-def]
    lines = ["t,tag,value"]
    for k in range(first, last):
        for name, values in columns.items():
            if values[k] is not None:
                lines.append(f"{times[k]:.4f},{name},{_cell(values[k])}")
    return ("\n".join(lines) + "\n").encode()


def _contract(layout: str, names: list[str]) -> str:
    reader = {
        "wide": "{format: csv, time: {column: t, unit: s, epoch: relative}}",
        "jsonl": "{format: jsonl, time: {field: t, unit: s, epoch: relative}}",
        "long": "{format: csv, layout: long, name: tag, value: value, time: {column: t, unit: s, epoch: relative}}",
    }[layout]
    signals = "".join(
        f'  - {{id: {name}, source: s, field: {name}, unit: "{QUANTITIES[name][0]}"}}\n' for name in names
    )
    return (
        f'contract: 1\nsources:\n  s: {{uri: "file:log", reader: {reader}, clock: {{epoch: now}}}}\nsignals:\n{signals}'
        "  - {id: parts, source: s, field: parts, type: i64}\n"
        "  - {id: running, source: s, field: running, type: bool}\n"
        "  - {id: state, source: s, field: state, type: enum, values: [IDLE, RUN]}\n"
    )
