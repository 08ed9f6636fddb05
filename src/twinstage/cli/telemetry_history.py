"""`twinstage telemetry history`: what a history holds."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from twinstage.base.errors import UserError
from twinstage.cli.common import Json, print_json

if TYPE_CHECKING:
    import pyarrow as pa

    from twinstage.telemetry.history.query import History

HistoryFolder = Annotated[Path, typer.Argument(help="The folder of a history.", show_default=False)]
From = Annotated[
    str | None,
    typer.Option(
        "--from",
        help="From this moment on: a date and time with its zone, or seconds from the beginning.",
        show_default=False,
    ),
]
To = Annotated[str | None, typer.Option("--to", help="Up to this moment.", show_default=False)]


def history(
    folder: HistoryFolder,
    signal: Annotated[
        list[str] | None,
        typer.Option(
            "--signal",
            help="Readings of this signal, a derived one, too; give it once for each.",
            show_default=False,
        ),
    ] = None,
    from_: From = None,
    to: To = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at", help="The last reading of each signal up to this moment, instead.", show_default=False
        ),
    ] = None,
    known_at: Annotated[
        str | None,
        typer.Option("--known-at", help="Only what had arrived by this moment.", show_default=False),
    ] = None,
    buckets: Annotated[
        int | None,
        typer.Option(
            "--buckets",
            min=1,
            max=100_000,
            help="Min, max and last in so many equal spans, instead of readings; empty spans stay empty.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Most rows that are printed.")] = 50,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Write all rows to this file instead: .parquet, .csv or .jsonl.", show_default=False
        ),
    ] = None,
    json_: Json = False,
) -> None:
    """Say what a history holds; with options, ask it. A twin may be writing it meanwhile.

    [bold]twinstage telemetry history DIR[/bold] lists its signals.
    [bold]... --signal oven.temp --from 0 --to 60[/bold] prints readings, in SI units.
    [bold]... --at 2026-11-24T09:14:00Z --known-at 2026-11-24T09:15:00Z[/bold] prints what was known at 09:15 of 09:14.
    """
    from twinstage.telemetry.history.moments import moment_ns
    from twinstage.telemetry.history.query import History
    from twinstage.telemetry.history.taken import FIRST, LAST

    spanned = {"--from": from_, "--to": to, "--buckets": buckets}
    for flag, given in spanned.items() if at is not None else ():
        if given is not None:
            raise UserError(f"--at is one moment, and {flag} is of a span; give one of them")
    if at is None and not signal and not any(given is not None for given in spanned.values()):
        for flag, what in (("--known-at", known_at), ("--out", out)):
            if what is not None:
                kind = "questions" if flag == "--known-at" else "answers"
                raise UserError(f"{flag} is for {kind}; add --at, or --signal with --from and --to")
    with History(folder) as opened:
        span = opened.span()
        if span is None:
            print_json({"signals": {}}) if json_ else print(f"{folder}: no readings yet")
            return
        began = span[0]

        def moment(text: str | None, flag: str, missing: int) -> int:
            return missing if text is None else moment_ns(text, began, where=flag)

        known = moment(known_at, "--known-at", LAST)
        names = signal or []
        if buckets is not None:
            if len(names) != 1:
                raise UserError("--buckets is for one signal: give --signal once")
            first, last = moment(from_, "--from", span[0]), moment(to, "--to", span[1])
            table = opened.downsampled(names[0], first, max(last, first + 1), buckets, known_ns=known)
        elif at is not None:
            table = opened.as_of(moment(at, "--at", LAST), names, known_ns=known)
        elif names or from_ is not None or to is not None:
            table = opened.range(
                names, moment(from_, "--from", FIRST), moment(to, "--to", LAST), known_ns=known
            )
        else:
            _summary(opened, folder, json_)
            return
        units = {name: found.unit for name, found in (opened.signals() | opened.derived()).items()}
        words = _words(opened)
    _give(table, units, words, limit, out, json_)


def _words(opened: "History") -> dict[str, dict[int, str]]:
    """What whole numbers mean: of flags, and of the enums of the newest contract."""
    flags = {0: "false", 1: "true"}
    out = {name: flags for name, one in opened.signals().items() if one.type == "bool"}
    enums = {s.id: s.enum_codes for s in opened.contract().signals if s.enum_codes}
    return out | {name: {code: word for word, code in codes.items()} for name, codes in enums.items()}


def _summary(opened: "History", folder: Path, json_: bool) -> None:
    from twinstage.telemetry.history.archive import parts_of, store_of
    from twinstage.telemetry.history.moments import iso_ns

    known, rows = opened.signals(), opened.counts().to_pylist()
    parts = parts_of(opened.log)
    archived, total = sum(part.count for part in parts), sum(row["count"] for row in rows)
    hot = max(0, total - archived)  # a twin may be writing
    span = min(row["first_ns"] for row in rows), max(row["last_ns"] for row in rows)
    runs = len(opened.log.sessions())
    if json_:
        signals = {row["signal"]: {**row, "unit": known[row["signal"]].unit} for row in rows}
        whole = {"first_ns": span[0], "last_ns": span[1], "readings": total, "hot": hot, "archived": archived}
        print_json(
            {
                **whole,
                "parts": len(parts),
                "runs": runs,
                "archive": store_of(opened.log).url,
                "signals": signals,
                "derived": {name: {"unit": one.unit} for name, one in opened.derived().items()},
            }
        )
        return
    from twinstage.telemetry.printed import printed_unit

    print(
        f"{folder}: {total} readings of {len(rows)} signals, {counted(runs, 'run')}, {iso_ns(span[0])} to {iso_ns(span[1])}"
    )
    print(
        f"hot log: {hot} readings; archive {store_of(opened.log).url}: {archived} readings in {counted(len(parts), 'file')}"
    )
    width = max(len(name) for name in (*(row["signal"] for row in rows), *opened.derived()))
    for row in rows:
        late = f", {row['late']} late" if row["late"] else ""
        unit, kind = printed_unit(known[row["signal"]].unit), known[row["signal"]].type
        print(
            f"{row['signal']:{width}}  {kind:6} {unit:6} {row['count']} readings{late}, last {iso_ns(row['last_ns'])}"
        )
    for name, one in opened.derived().items():
        print(f"{name:{width}}  {one.type:6} {printed_unit(one.unit):6} derived: computed when asked for")


def counted(number: int, word: str) -> str:
    """A number and its noun."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def _give(
    table: "pa.Table",
    units: dict[str, str],
    words: dict[str, dict[int, str]],
    limit: int,
    out: Path | None,
    json_: bool,
) -> None:
    if out is not None:
        _write(table, out)
        print(f"{out}: {table.num_rows} rows")
        return
    rows = [_plain(row) for row in table.slice(0, limit).to_pylist()]
    if json_:
        print_json({"rows": rows, "of": table.num_rows})
        return
    for row in rows:
        print(_line(row, units, words))
    if not rows:
        print("no readings")
    if table.num_rows > limit:
        print(f"... and {table.num_rows - limit} more; --limit or --out gives them")


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what it does not have."""
    return {key: value for key, value in row.items() if value is not None}


def _line(row: dict[str, Any], units: dict[str, str], words: dict[str, dict[int, str]]) -> str:
    from twinstage.base.quality import level
    from twinstage.telemetry.history.moments import iso_ns
    from twinstage.telemetry.printed import with_unit

    quality = "" if "quality" not in row else level(row["quality"])
    if "start_ns" in row:
        if not row["count"]:
            return f"{iso_ns(row['start_ns'])}  -"
        values = "  ".join(f"{key} {row[key]:.6g}" for key in ("min", "max", "last") if key in row)
        return f"{iso_ns(row['start_ns'])}  {row['count']}  {values}  {quality}"
    value = next((row[key] for key in ("value", "whole", "text", "vector") if key in row), "-")
    if isinstance(value, int):
        value = words.get(row["signal"], {}).get(value, value)
    late = "  late" if row["history_only"] else ""
    unit = units.get(row["signal"], "")
    return f"{iso_ns(row['event_ns'])}  {row['signal']}  {with_unit(str(value), unit)}  {quality}{late}"


def _write(table: "pa.Table", out: Path) -> None:
    try:
        if out.suffix == ".parquet":
            import pyarrow.parquet as pq

            pq.write_table(table, out)
        elif out.suffix == ".csv":
            import duckdb

            duckdb.from_arrow(table).write_csv(str(out), header=True)
        elif out.suffix == ".jsonl":
            import json

            with out.open("w", encoding="utf-8") as file:
                for row in table.to_pylist():
                    file.write(json.dumps(_plain(row)) + "\n")
        else:
            raise UserError(f"--out {out}: expected a name that ends in .parquet, .csv or .jsonl")
    except OSError as error:
        raise UserError(f"--out {out}: cannot be written: {error.strerror or error}") from None
