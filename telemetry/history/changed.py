"""An ingest, or a state, of one contract as that of another: what a checkpoint or a snapshot holds of signals that stayed.

Signals are found by id, as in `rename`; what belongs to others is left out. Derived signals are computed anew. A source keeps
its place in time where its clock is still read in the same way.
"""

from typing import Any

import numpy as np

from twinstage.telemetry.column_data import columns_data, data_columns
from twinstage.telemetry.contract import Contract, SourceSpec
from twinstage.telemetry.history.rename import Renumbering
from twinstage.telemetry.ingest import Ingest
from twinstage.telemetry.intake import base_ns
from twinstage.telemetry.order import NO_WATERMARK
from twinstage.telemetry.state import StateTable


def take_changed(ingest: Ingest, data: dict[str, Any], old: Contract, renumber: Renumbering) -> None:
    """Make a new ingest what one of an older contract was, whose parts are given."""
    past = StateTable(old)
    past.take_parts(data["state"])
    state = changed_state(past, ingest.contract, renumber)
    width = len(state.types)
    intakes = {
        name: _intake(parts, renumber, width, _other_clock(old, ingest.contract, name))
        for name, parts in data["intakes"].items()
        if name in ingest.contract.sources
    }
    ingest.take_parts({"state": state.parts(), "intakes": intakes, "restarts": data["restarts"]})


def changed_state(past: StateTable, contract: Contract, renumber: Renumbering) -> StateTable:
    """The state under another contract."""
    table = StateTable(contract)
    table.take_from(past, renumber.pairs)
    table.derive()
    return table


def _other_clock(old: Contract, new: Contract, name: str) -> SourceSpec | None:
    """The source where its times are read in another way now; else None."""
    one, two = old.sources[name], new.sources[name]
    return None if one.clock == two.clock and one.reader.time == two.reader.time else two


def _intake(
    parts: dict[str, Any], renumber: Renumbering, width: int, spec: SourceSpec | None
) -> dict[str, Any]:
    order = parts["order"]
    waiting = data_columns(order["waiting"])
    kept = renumber.columns(waiting)
    newest, moved = np.frombuffer(order["newest_of"], "<i8"), np.full(width, NO_WATERMARK, "<i8")
    was, now = renumber.pairs
    moved[now] = newest[was]
    recent = {key: value for key, value in order["recent"].items() if key != "contents"}
    keys = columns_data(renumber.columns(data_columns(recent)))
    contents = {"contents": True} if "contents" in order["recent"] else {}
    counts = dict(parts["counts"])
    counts["received"] -= len(waiting) - len(kept)  # what waited and is left out was never here
    out = {
        **parts,
        "order": {
            **order,
            "waiting": columns_data(kept),
            "newest_of": moved.tobytes(),
            "recent": {**keys, **contents},
        },
        "counts": counts,
    }
    return out if spec is None else out | {"first_ns": None, "shift_ns": 0, "base_ns": base_ns(spec)}
