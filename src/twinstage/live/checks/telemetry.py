"""What the sources of a contract hold: their first rows, read as they would be live, and what is wrong with them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from twinstage.base.errors import UserError
from twinstage.base.finding import Finding
from twinstage.live.checks.codes import finding
from twinstage.telemetry.contract import Contract, SignalSpec, SourceSpec
from twinstage.telemetry.layouts import Batch, RawEvent, Rejected
from twinstage.telemetry.printed import with_unit

NS = 10**9
START_NS = 1_700_000_000 * NS
"""Where the clock of simulated sources starts, so that every look at them sees the same."""
SHARE = 0.05
"""Share of refused values from which on it is told."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How much is read: bytes of a file, seconds of a simulated plant."""

    file_bytes: int = 4 << 20
    plant_s: float = 60.0


@dataclass
class Sample:
    """Readings of all sources, each source's time beginning at 0, and what was found.

    `events`: (time [ns], signal, value in SI), sorted. `sampled`: sources that could be read at all.
    """

    events: list[RawEvent] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    sampled: set[str] = field(default_factory=set)
    refused: Counter[str] = field(default_factory=Counter)

    def seen(self) -> set[int]:
        """Indices of the signals with a value."""
        return {event[1] for event in self.events}


def read_sample(contract: Contract, base_dir: Path, budget: Budget | None = None) -> Sample:
    """The first part of every source. What cannot be read is a finding, never an exception."""
    budget = budget or Budget()
    sample = Sample()
    for name, spec in contract.sources.items():
        sample.findings += _spec_findings(contract, name, spec)
        try:
            lines = _lines(name, spec, base_dir, budget, sample)
        except UserError as error:
            sample.findings.append(finding("source.missing", name, f"source {name!r}: {error}"))
            continue
        if lines is not None:
            _decode(contract, name, lines, sample)
    sample.events.sort(key=lambda event: event[0])
    return sample


def _lines(
    name: str, spec: SourceSpec, base_dir: Path, budget: Budget, sample: Sample
) -> "list[bytes] | None":
    from twinstage.telemetry.lines import LineBuffer
    from twinstage.telemetry.sources import SOURCES
    from twinstage.telemetry.sources.file import file_path, is_recording, open_file, open_recording
    from twinstage.telemetry.sources.tcp import tcp_address

    try:
        SOURCES.get(spec.kind)
    except UserError as error:
        sample.findings.append(finding("source.kind", name, f"source {name!r}: {error}"))
        return None
    if spec.kind == "plant":
        return _plant_lines(spec, budget)
    if spec.kind == "tcp":
        tcp_address(spec.uri)
    if not is_recording(spec.kind):
        return None
    path = file_path(spec.uri, base_dir)
    with open_recording(spec.kind, path) or open_file(path) as file:
        head = file.read(budget.file_bytes)
        whole = not file.read(1)
    if not head:
        raise UserError(f"the telemetry file {str(path)!r} is empty")
    buffer = LineBuffer(spec.max_line)
    return buffer.feed(head) + (buffer.flush() if whole else [])


def _plant_lines(spec: SourceSpec, budget: Budget) -> list[bytes]:
    from twinstage.sim.plant import Plant
    from twinstage.sim.plant.source import parse_uri

    asked = parse_uri(spec.uri)
    start = START_NS if asked.start_ns is None else asked.start_ns
    plant = Plant(seed=asked.seed or 0, start_ns=start, streams=(asked.stream,))
    end = start + round(min(asked.duration_s, budget.plant_s) * NS)
    return [raw.rstrip(b"\r\n") for _, _, raw in plant.advance(end)]


def _decode(contract: Contract, name: str, lines: list[bytes], sample: Sample) -> None:
    from twinstage.telemetry.readers import open_decoder

    batch = open_decoder(contract, name).decode(lines, 1)
    if batch.events:
        sample.sampled.add(name)
        first = min(event[0] for event in batch.events)
        sample.events += [(event[0] - first, *event[1:]) for event in batch.events]
    header = [reject for reject in batch.rejects if reject.reason == "header"]
    for reject in header[:1]:
        message = f"source {name!r}, line {reject.line}: the header lacks what the contract names: {reject.expected}"
        sample.findings.append(finding("source.columns", name, message))
    ranged = any(reject.reason == "range" and reject.signal for reject in batch.rejects)
    if not batch.events and not header and not ranged:
        sample.findings.append(finding("source.unread", name, _nothing(name, batch)))
        return
    sample.findings += _refusals(contract, name, batch, sample)
    sample.findings += _silent(contract, name, batch, bool(header))
    sample.findings += _periods(contract, name, batch)


def _nothing(name: str, batch: Batch) -> str:
    if batch.rejects:
        return f"no value of source {name!r} can be read: {_sentence(batch.rejects[0])}"
    shown = ", ".join(sorted(batch.names)[:5])
    return f"source {name!r} mentions none of its signals{f'; it names {shown}' if shown else ''}"


def _sentence(reject: Rejected) -> str:
    what = f"{reject.field} is {reject.got!r}" if reject.field else f"the row is {reject.got!r}"
    return f"line {reject.line}: {what}; expected {reject.expected}"


def _refusals(contract: Contract, name: str, batch: Batch, sample: Sample) -> list[Finding]:
    """Values outside their range, by signal; everything else that is refused, by source."""
    counts: Counter[int] = Counter(event[1] for event in batch.events)
    by_signal: dict[str, list[Rejected]] = {}
    others: list[Rejected] = []
    for reject in batch.rejects:
        if reject.reason == "range" and reject.signal in contract.by_id:
            by_signal.setdefault(reject.signal, []).append(reject)
        elif reject.reason != "header":
            others.append(reject)
    index = {signal.id: k for k, signal in enumerate(contract.signals)}
    found = []
    for signal, rejects in sorted(by_signal.items()):
        sample.refused[signal] += len(rejects)
        share = len(rejects) / (len(rejects) + counts[index[signal]])
        if share > SHARE:
            low, high = _span([reject.got for reject in rejects])
            spec = contract.by_id[signal]
            bounds = with_unit(str(list(spec.range or ())), spec.unit)
            message = (
                f"signal {signal!r}: {share:.0%} of its values lie outside its range {bounds} "
                f"and are refused (they run from {low:g} to {high:g})"
            )
            found.append(finding("signal.range", signal, message))
    if len(others) > SHARE * max(1, batch.received):
        message = f"source {name!r}: {len(others)} of {batch.received} readings are refused, first {_sentence(others[0])}"
        found.append(finding("source.rejected", name, message))
    return found


def _span(texts: Sequence[str]) -> tuple[float, float]:
    values = []
    for text in texts:
        try:
            values.append(float(text.strip("'\"").replace(",", ".")))
        except ValueError:
            continue
    return (min(values), max(values)) if values else (float("nan"), float("nan"))


def _silent(contract: Contract, name: str, batch: Batch, no_header: bool) -> list[Finding]:
    seen = {event[1] for event in batch.events}
    refused = {reject.signal for reject in batch.rejects}
    found = []
    for index, signal in enumerate(contract.signals):
        if signal.source == name and index not in seen and signal.id not in refused and not no_header:
            message = f"signal {signal.id!r}: source {name!r} never mentions {_asked(signal)}"
            found.append(finding("signal.silent", signal.id, message))
    return found


def _asked(signal: SignalSpec) -> str:
    where = "".join(f" where {key} is {value!r}" for key, value in signal.where.items())
    return f"{', '.join(signal.field)}{where}"


def _periods(contract: Contract, name: str, batch: Batch) -> list[Finding]:
    times: dict[int, list[int]] = {}
    for event in batch.events:
        times.setdefault(event[1], []).append(event[0])
    found = []
    for index, stamps in sorted(times.items()):
        signal = contract.signals[index]
        steps = np.diff(np.unique(np.array(stamps, np.int64)))
        if len(steps) < 5:
            continue
        step = float(np.median(steps)) / NS
        if signal.period and not 0.2 < step / signal.period < 5:
            message = f"signal {signal.id!r} declares a period of {signal.period:g} s, and its readings are {step:g} s apart"
            found.append(finding("signal.period", signal.id, message))
        if signal.max_age is not None and signal.max_age < step:
            message = f"signal {signal.id!r} is stale after {signal.max_age:g} s, and its readings are {step:g} s apart"
            found.append(finding("signal.max-age", signal.id, message))
    return found


def _spec_findings(contract: Contract, name: str, spec: SourceSpec) -> list[Finding]:
    """What the declaration alone says."""
    found = []
    own = [signal for signal in contract.signals if signal.source == name]
    periods = [signal.period for signal in own if signal.period]
    most = max(60.0, 100 * max(periods)) if periods else 60.0
    if spec.lateness > most:
        message = f"source {name!r} holds every reading back for {spec.lateness:g} s (lateness)"
        found.append(finding("source.lateness", name, message))
    elif spec.lateness > spec.idle_after:
        message = f"source {name!r} counts as idle after {spec.idle_after:g} s, before its lateness of {spec.lateness:g} s ends"
        found.append(finding("source.lateness", name, message))
    for signal in own:
        if signal.period and signal.max_age is not None and signal.max_age < signal.period:
            message = f"signal {signal.id!r} is stale after {signal.max_age:g} s, before its period of {signal.period:g} s ends"
            found.append(finding("signal.max-age", signal.id, message))
    return found
