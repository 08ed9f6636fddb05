"""Derived signals of the past: computed when they are asked for, from what the history has of their inputs.

They are no readings, so the archive need not hold them: a reading that came late or was filled in later counts here too, and
a corrected expression holds for the past. One has a value at each moment at which an input was told, made of the last values
up to then, with the age of each counted in; its quality is the worst of theirs.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from twinstage.base.clock import NS
from twinstage.base.quality import BAD, BAD_NO_DATA, UNCERTAIN, UNCERTAIN_LAST_USABLE
from twinstage.telemetry.columns import F8, I8, U4, Bool
from twinstage.telemetry.contract import Contract, SignalSpec
from twinstage.telemetry.derived import Derivations, compute
from twinstage.telemetry.expressions import component_of

if TYPE_CHECKING:
    import pyarrow as pa


def with_inputs(contract: Contract, wanted: Sequence[str]) -> Contract:
    """The same contract with those derived signals alone, and what they are made of."""
    made_of = {
        spec.id: [component_of(name)[0] for name in spec.expression.signals] for spec in contract.derived
    }
    needed, waiting = set[str](), list(wanted)
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += made_of.get(name, ())
    data = contract.model_dump(mode="json", exclude_unset=True, exclude={"alarms", "mode", "assets"})
    data["signals"] = [s for s in data["signals"] if s["id"] in needed]
    for signal in data["signals"]:
        signal.pop("mode_range", None)
    data["derived"] = [s for s in data["derived"] if s["id"] in needed]
    return Contract.model_validate_json(_json(data))


def _json(data: dict[str, Any]) -> bytes:
    import msgspec

    return msgspec.json.encode(data)


class _Grid:
    """All quantities of a contract at all moments: rows are quantities, columns moments.

    numeric: last usable numbers, NaN before the first; event_ns: of the last reading; quality: of the last reading, `aged`
    with its age counted in; told: whether it was told at that very moment; parts: components of vectors, by (row, place).
    """

    def __init__(self, contract: Contract, rows: "pa.Table") -> None:
        import pyarrow as pa

        self.contract = contract
        time = rows["event_ns"].to_numpy()
        self.moments: I8 = np.unique(time)
        count, width = len(contract.quantities), len(self.moments)
        self.numeric: F8 = np.full((count, width), np.nan)
        self.event_ns: I8 = np.full((count, width), np.iinfo(np.int64).min // 2)
        self.quality: U4 = np.full((count, width), BAD_NO_DATA, np.uint32)
        self.told: Bool = np.zeros((count, width), np.bool_)
        self.arrived: I8 = np.zeros(width, np.int64)
        self.parts: dict[tuple[int, int], F8] = {}
        place = np.searchsorted(self.moments, time)
        np.maximum.at(self.arrived, place, rows["ingest_ns"].to_numpy())
        named = rows["signal"].combine_chunks().cast(pa.string()).dictionary_encode()
        named = named.chunk(0) if hasattr(named, "chunk") else named
        number_of = {name: k for k, name in enumerate(named.dictionary.to_pylist())}
        number = named.indices.to_numpy()
        for row, spec in enumerate(contract.signals):
            # Sorted by time, sequence, arrival: the last of a moment stays.
            own = np.flatnonzero(number == number_of.get(spec.id, -1))
            self._fill(row, spec, place[own], rows.take(own))
        self.aged = self.quality.copy()
        for row, spec in enumerate(contract.signals):
            self._age(row, spec)

    def _fill(self, row: int, spec: SignalSpec, place: I8, own: "pa.Table") -> None:
        quality = own["quality"].to_numpy().astype(np.uint32)
        self.told[row, place] = True
        self.quality[row] = _held(self.quality[row], place, quality)
        self.event_ns[row] = _held(self.event_ns[row], place, own["event_ns"].to_numpy())
        good = np.flatnonzero(quality < BAD)
        if spec.width > 1:
            vectors = np.array(own["vector"].take(good).to_pylist(), np.float64).reshape(
                len(good), spec.width
            )
            for k in range(spec.width):
                blank = np.full(len(self.moments), np.nan)
                self.parts[row, k] = _held(blank, place[good], vectors[:, k])
            return
        name = "value" if spec.type == "f64" else "whole"
        values = own[name].take(good).to_numpy(zero_copy_only=False).astype(np.float64)
        self.numeric[row] = _held(self.numeric[row], place[good], values)

    def _age(self, row: int, spec: SignalSpec) -> None:
        if spec.max_age is None:
            return
        old = self.event_ns[row] < self.moments - round(spec.max_age * NS)
        aged = self.aged[row]
        aged[old & (aged < UNCERTAIN)] = UNCERTAIN_LAST_USABLE
        if spec.gap == "bad":
            aged[old & (aged < BAD)] = BAD_NO_DATA

    def derive(self) -> None:
        """Compute the derived ones, each after its inputs."""
        derivations = Derivations(self.contract)
        for group in derivations.groups:
            if not len(group.inputs):
                continue  # a constant is told by nothing
            done = compute(
                group,
                np.ones(len(group.own), np.bool_),
                numeric=self.numeric,
                event_ns=self.event_ns,
                quality=self.quality,
                component=lambda index, k: self.parts[index, k],  # type: ignore[arg-type, return-value]
            )
            self.quality[group.own], self.event_ns[group.own] = done.quality, done.event_ns
            self.numeric[group.own] = np.where(done.quality < BAD, done.value, np.nan)
            self.told[group.own] = self.told[group.inputs].any(0)
            self.aged[group.own] = done.quality
        derivations.worst(self.aged)


def _held(column: Any, place: I8, values: Any) -> Any:
    """A column in which each value stands from its place on until the next."""
    if not len(place):
        return column
    last = np.full(len(column), -1)
    last[place] = np.arange(len(place))
    last = np.maximum.accumulate(last)
    return np.where(last >= 0, values[last], column)


def derived_rows(contract: Contract, rows: "pa.Table", wanted: Sequence[str], first_ns: int) -> "pa.Table":
    """What derived signals were from a moment on, as a table like that of readings.

    `contract`: from `with_inputs`; `rows`: readings of its signals, sorted by signal and time, the last ones before that
    moment included.
    """
    import pyarrow as pa

    grid = _Grid(contract, rows)
    grid.derive()
    tables = []
    for name in wanted:
        row = contract.quantity_index(name)
        at = np.flatnonzero(grid.told[row] & (grid.moments >= first_ns))
        quality = grid.aged[row, at]
        bad = (quality >= BAD) | ~np.isfinite(grid.numeric[row, at])
        tables.append(
            pa.table(
                {
                    "source": pa.array([""] * len(at), pa.string()),
                    "signal": pa.array([name] * len(at), pa.string()),
                    "event_ns": grid.moments[at],
                    "ingest_ns": grid.arrived[at],
                    "sequence": np.zeros(len(at), np.int64),
                    "arrival": np.zeros(len(at), np.int64),
                    "value": pa.array(grid.numeric[row, at], pa.float64(), mask=bad),
                    "whole": pa.nulls(len(at), pa.int64()),
                    "text": pa.nulls(len(at), pa.string()),
                    "vector": pa.nulls(len(at), pa.list_(pa.float64())),
                    "quality": quality,
                    "history_only": np.zeros(len(at), np.bool_),
                }
            )
        )
    return pa.concat_tables(tables)
