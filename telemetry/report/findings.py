"""What is doubtful about recordings: gaps, cadence, units, outliers, silence, and why readings were refused."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from twinstage.base.clock import NS
from twinstage.base.finding import Finding
from twinstage.telemetry.batch import Ingested
from twinstage.telemetry.columns import F8, I8
from twinstage.telemetry.contract import SignalSpec
from twinstage.telemetry.gaps import LEAST, Gap, gaps, period_of
from twinstage.telemetry.lines import readable
from twinstage.telemetry.printed import printed_unit, with_unit
from twinstage.telemetry.quarantine import QuarantineRecord
from twinstage.telemetry.report.outliers import outliers
from twinstage.telemetry.report.series import Series
from twinstage.telemetry.report.suspects import same_quantity, suspect, unit_of_header, unit_of_word

LONG, LONG_SHARE = 10, 0.05
"""A signal comes late or goes early by more than so many periods, and more than that share of the recording."""

CADENCE = 1.25
"""A usual distance that is this many times the declared period, or this part of it, is another cadence."""


def find(done: Ingested, series: Sequence[Series]) -> list[Finding]:
    """All findings, by signal in the order of the contract, then gaps, then what is about whole sources."""
    refused = defaultdict[str, list[QuarantineRecord]](list)
    for record in done.refused:
        refused[record.signal].append(record)
    out: list[Finding] = []
    for one in series:
        out += _signal(one, refused[one.id], done)
    out += _gaps(series)
    out += _comings(series)
    for name in done.contract.sources:
        out += _source(name, done)
    return out


def _signal(one: Series, refused: Sequence[QuarantineRecord], done: Ingested) -> Iterator[Finding]:
    if isinstance(one.spec, SignalSpec):
        yield from _header(one.spec, done.headers.get(one.spec.source, {}))
    if not len(one.time_ns):
        yield Finding("signal.silent", "warning", one.id, f"{one.id} has no value in these files")
        return
    if isinstance(one.spec, SignalSpec):
        yield from _cadence(one, one.spec)
        yield from _refused(one, refused, done)
    yield from _outliers(one)


def gaps_of(one: Series) -> list[Gap]:
    """Gaps of a signal: by its declared period, else by the usual distance. One that tells only changes has none."""
    if not isinstance(one.spec, SignalSpec):
        return []
    period = one.spec.period
    if not period and not _regular(one.time_ns):
        return []
    return gaps(one.time_ns, period_ns=round(period * NS) if period else None)


def _regular(time_ns: I8) -> bool:
    """Whether readings come at a steady pace, so that a missing one can be told."""
    steps = np.diff(np.unique(time_ns))
    if len(steps) < LEAST:
        return False
    few, many = np.quantile(steps, (0.2, 0.8))
    return bool(many < 2 * few)


def _gaps(series: Sequence[Series]) -> Iterator[Finding]:
    """One finding for all signals that miss the same stretches: mostly those of one source."""
    alike = defaultdict[tuple[Gap, ...], list[str]](list)
    for one in series:
        found = gaps_of(one)
        if found:
            alike[tuple(found)].append(one.id)
    for same, names in alike.items():
        longest = max(same, key=lambda gap: gap.end_ns - gap.start_ns)
        missing = sum(gap.missing for gap in same)
        who = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
        yield Finding(
            "gap", "warning", names[0],
            f"{who} {'has' if len(names) == 1 else 'have'} {count(len(same), 'gap')} ({count(missing, 'reading')} missing), "
            f"the longest of {span(longest.end_ns - longest.start_ns)} from {moment(longest.start_ns)}",
        )  # fmt: skip


def _comings(series: Sequence[Series]) -> Iterator[Finding]:
    """Signals that begin long after their source, or end long before it: what they tell of came, or went."""
    ends: dict[str, tuple[int, int]] = {}
    steady = [one for one in series if isinstance(one.spec, SignalSpec) and _regular(one.time_ns)]
    for one in steady:
        first, last = int(one.time_ns[0]), int(one.time_ns[-1])
        low, high = ends.setdefault(one.spec.source, (first, last))  # type: ignore[union-attr]
        ends[one.spec.source] = (min(low, first), max(high, last))  # type: ignore[union-attr]
    for one in steady:
        first, last = ends[one.spec.source]  # type: ignore[union-attr]
        usual = period_of(one.time_ns) or 0
        slack = max(LONG * usual, LONG_SHARE * (last - first))
        if one.time_ns[0] - first > slack:
            yield Finding(
                "signal.appears", "info", one.id,
                f"{one.id} begins at {moment(int(one.time_ns[0]))}, {span(int(one.time_ns[0]) - first)} after its source",
            )  # fmt: skip
        if last - one.time_ns[-1] > slack:
            yield Finding(
                "signal.vanishes", "warning", one.id,
                f"{one.id} ends at {moment(int(one.time_ns[-1]))}, {span(last - int(one.time_ns[-1]))} before its source",
                "if its name is given to something else later, declare a signal of its own for that",
            )  # fmt: skip


def _cadence(one: Series, spec: SignalSpec) -> Iterator[Finding]:
    usual = period_of(one.time_ns)
    if usual is None or not spec.period:
        return
    ratio = usual / (spec.period * NS)
    if not 1 / CADENCE <= ratio <= CADENCE:
        yield Finding(
            "cadence", "warning", one.id,
            f"{one.id} comes every {span(usual)}, and the contract says every {span(round(spec.period * NS))}",
            "correct `period`, or ask what changed at the source",
        )  # fmt: skip


def _refused(one: Series, records: Sequence[QuarantineRecord], done: Ingested) -> Iterator[Finding]:
    """Values outside their range that another unit explains."""
    assert isinstance(one.spec, SignalSpec)
    decimal = done.contract.sources[one.spec.source].reader.decimal
    values = _numbers([r.got for r in records if r.reason == "range"], decimal)
    yield from _other_unit(one, values, "values outside their range")


def _other_unit(one: Series, values: F8, what: str) -> Iterator[Finding]:
    if one.values.shape[1] != 1:
        return
    good = one.values[np.isfinite(one.values[:, 0]), 0]
    guess = suspect(values, good, one.unit)
    if guess is not None:
        yield Finding(
            "unit.mixed", "error", one.id,
            f"{guess[1]} of {len(values)} {what} of {one.id} would fit, were they written in {_named(guess[0])} "
            f"instead of {_named(one.unit)}",
            "find who writes them; where rows say their unit, name that column as the reader's `unit`",
        )  # fmt: skip


def _named(unit: str) -> str:
    """A unit that has to have a name."""
    return printed_unit(unit) or "plain numbers"


def _outliers(one: Series) -> Iterator[Finding]:
    if not one.numeric:
        return
    for k in range(one.values.shape[1]):
        at = outliers(one.values[:, k])
        if not len(at):
            continue
        values = one.values[:, k]
        middle = np.nanmedian(values)
        worst = at[np.abs(values[at] - middle).argmax()]
        part = f"[{k}]" if one.values.shape[1] > 1 else ""
        yield Finding(
            "outlier", "warning", one.id,
            f"{one.id}{part} has {count(len(at), 'value')} that stand{'s' if len(at) == 1 else ''} alone, such as "
            f"{with_unit(f'{values[worst]:.6g}', one.unit)} at {moment(int(one.time_ns[worst]))}",
        )  # fmt: skip


def _header(spec: SignalSpec, header: Mapping[str, str]) -> Iterator[Finding]:
    """What the file itself says of units: in a units row, or in the names of its columns."""
    said = [(header[name], name) for name in spec.field if name in header]
    stated = [unit_of_header(text) if text == name else unit_of_word(text) for text, name in said]
    for name, unit in zip(spec.field, stated, strict=False):
        if (
            unit is not None
            and spec.type not in ("string", "enum", "bool")
            and not same_quantity(unit, spec.unit)
        ):
            yield Finding(
                "unit.header", "error", spec.id,
                f"{spec.id} is read in {_named(spec.unit)}, and the file says {_named(unit)} of its column {name!r}",
                f"write `unit: {unit!r}`, if the file is right",
            )  # fmt: skip
    if spec.type == "f64" and "unit" not in spec.model_fields_set and not any(stated):
        yield Finding(
            "unit.none", "info", spec.id,
            f"neither the contract nor the file says in which unit {spec.id} is; it is taken as a plain number",
            "ask, and write `unit`; `unit: \"1\"` says that it is a ratio",
        )  # fmt: skip


def _source(name: str, done: Ingested) -> Iterator[Finding]:
    counts = done.counters[name]
    received = max(counts["received"], 1)
    if counts["duplicate"]:
        yield Finding(
            "duplicate", "info", name, f"{name}: {_part(counts['duplicate'], received)} were told twice"
        )
    if told := done.contradictions.get(name):
        named = next(iter(told))
        others = f" and {count(len(told) - 1, 'more signal')}" if len(told) > 1 else ""
        yield Finding(
            "duplicate.contradicts", "warning", named,
            f"{name}: {_part(sum(told.values()), received)} of {named}{others} came a second time for the same moment with "
            "another value; the first one stands",
            "where both are meant, name the column that numbers them as the reader's `sequence`",
        )  # fmt: skip
    if counts["history_only"]:
        yield Finding(
            "order.late", "warning", name,
            f"{name}: {_part(counts['history_only'], received)} came after newer ones, by more than the lateness of "
            f"{done.contract.sources[name].lateness:g} s; they went into the history only",
            "raise `lateness`",
        )  # fmt: skip
    if counts["late"]:
        yield Finding(
            "order.refused",
            "warning",
            name,
            f"{name}: {_part(counts['late'], received)} came too late for all",
        )
    if counts["unmapped"]:
        yield Finding(
            "name.unmapped",
            "info",
            name,
            f"{name}: {count(counts['unmapped'], 'row')} name nothing that the contract asks for",
        )
    by: Mapping[tuple[str, str], list[QuarantineRecord]] = defaultdict(list)
    for record in done.refused:
        if record.source == name and record.reason != "late":
            by[record.reason, record.field].append(record)
    for (reason, field), records in sorted(by.items(), key=lambda item: -len(item[1])):
        first = records[0]
        yield Finding(
            f"quarantine.{reason}", "error", first.signal or name,
            f"{name}: {count(len(records), 'time')} {repr(field) if field else 'a row'} was not as expected, first in "
            f"line {first.line}: {readable(first.got, 60)}; expected {first.expected}",
        )  # fmt: skip


def _numbers(texts: Sequence[str], decimal: str) -> F8:
    out = []
    for text in texts:
        try:
            out.append(float(text.replace(decimal, ".") if decimal != "." else text))
        except ValueError:
            continue
    return np.array(out, np.float64)


def _part(number: int, of: int) -> str:
    return f"{count(number, 'reading')} ({100 * number / of:.2g} %)"


def count(number: int, word: str) -> str:
    """A number and its noun."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def span(ns: int) -> str:
    """A duration for people."""
    s = ns / NS
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if s >= 2 * size:
            return f"{s / size:.3g} {unit}"
    return f"{s:.3g} s" if s >= 1 else f"{s * 1e3:.3g} ms"


def moment(ns: int) -> str:
    """An instant for people, UTC."""
    text = datetime.fromtimestamp(ns // NS, tz=UTC).strftime("%Y-%m-%d %H:%M:%S")
    return f"{text}.{ns % NS // 1_000_000:03d}" if ns % NS >= 1_000_000 else text
