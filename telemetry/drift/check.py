"""A whole file, looked at for drift: against a clean file, or against its own beginning. Opens files."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from twinstage.base.errors import UserError, did_you_mean
from twinstage.telemetry.contract import Contract, SourceSpec
from twinstage.telemetry.drift.monitor import Drift, DriftMonitor, merged
from twinstage.telemetry.drift.rows import Row, RowReader
from twinstage.telemetry.lines import LineBuffer
from twinstage.telemetry.sources.file import open_file

_CHUNK = 1 << 20


@dataclass(slots=True)
class Checked:
    """What a check found, over how much."""

    source: str
    rows: int = 0
    learned: int = 0
    drifts: list[Drift] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        drifts = [asdict(drift) | {"message": str(drift)} for drift in self.drifts]
        return {"source": self.source, "rows": self.rows, "learned": self.learned, "drifts": drifts}


def source_of(contract: Contract, name: str | None) -> str:
    """The source that a file belongs to: the named one, or the only one. Raises UserError."""
    if name is None:
        if len(contract.sources) > 1:
            known = ", ".join(contract.sources)
            raise UserError(
                f"the contract has {len(contract.sources)} sources; say with --source which: {known}"
            )
        return next(iter(contract.sources))
    if name not in contract.sources:
        raise UserError(f"the contract has no source {name!r}{did_you_mean(name, contract.sources)}")
    return name


def check_drift(
    contract: Contract, source: str, path: Path, *, clean: Path | None = None, learn: int | None = None
) -> Checked:
    """Compare `path` with `clean`, or with its own first `learn` rows (a tenth, at least 200, if None).

    Raises UserError where a file cannot be read, or gives no row that tells a time.
    """
    spec = contract.sources[source]
    if clean is not None:
        rows = count_rows(spec, clean)
        monitor = DriftMonitor(contract, source, learn=rows, size=window_size(rows))
        checked = Checked(source, learned=rows)
        _run(monitor, RowReader(spec), spec, clean)
        monitor.end_learning()
    else:
        rows = count_rows(spec, path)
        learn = learn if learn is not None else min(max(200, rows // 10), max(rows // 2, 1))
        monitor = DriftMonitor(contract, source, learn=learn, size=window_size(learn))
        checked = Checked(source, learned=min(learn, rows))
    reader = RowReader(spec)
    drifts, last, count = _run(monitor, reader, spec, path, header=clean is not None)
    checked.drifts = merged(drifts + monitor.finish(last), monitor.reach)
    checked.rows = count
    return checked


def window_size(learn: int) -> int:
    """Readings of a field that are judged together: an eighth of the clean stretch, 16 to 50."""
    return min(50, max(16, learn // 8))


def count_rows(spec: SourceSpec, path: Path) -> int:
    """Rows of a file that tell a time. Raises UserError where there is none."""
    reader, lines, count = RowReader(spec), LineBuffer(spec.max_line), 0
    with open_file(path) as file:
        while chunk := file.read(_CHUNK):
            first = lines.line
            count += sum(1 for _ in reader.read(lines.feed(chunk), first))
    first = lines.line
    count += sum(1 for _ in reader.read(lines.flush(), first))
    if not count:
        raise UserError(
            f"{path} has no row with a time in {spec.reader.time.name!r} as the contract describes its source"
        )
    return count


def _run(
    monitor: DriftMonitor, reader: RowReader, spec: SourceSpec, path: Path, *, header: bool = False
) -> tuple[list[Drift], Row | None, int]:
    lines = LineBuffer(spec.max_line)
    found: list[Drift] = []
    last: Row | None = None
    count = 0
    with open_file(path) as file:
        while True:
            chunk = file.read(_CHUNK)
            first = lines.line
            rows = list(reader.read(lines.feed(chunk) if chunk else lines.flush(), first))
            if header and rows and reader.columns is not None and spec.reader.layout == "wide":
                found += monitor.columns(reader.columns, rows[0].line, rows[0].time)
            header = header and not rows
            found += monitor.feed(rows)
            last, count = (rows[-1] if rows else last), count + len(rows)
            if not chunk:
                return found, last, count
