"""`twinstage telemetry ingest`: recordings through the contract, every reading accounted for."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twinstage.base.errors import UserError
from twinstage.cli.common import Json, new_file, print_json, write_text
from twinstage.telemetry.accounts import OUTCOMES

if TYPE_CHECKING:
    from twinstage.telemetry.batch import Ingested

ContractFile = Annotated[Path, typer.Argument(help="contract.yaml.", show_default=False)]
At = Annotated[
    str | None,
    typer.Option(
        "--at",
        help="The moment at which the files are taken to arrive (ISO-8601 with its zone); by default now.",
        show_default=False,
    ),
]
Quarantine = Annotated[
    Path | None,
    typer.Option("--quarantine", help="A new JSONL file for every refused reading.", show_default=False),
]


def ingest(
    contract: ContractFile,
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILES]...",
            help="SOURCE=FILE, or FILE where the contract has one source; without any, the files that it names.",
            show_default=False,
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", help="A new HTML file: accounts, findings, plots.", show_default=False),
    ] = None,
    quarantine: Quarantine = None,
    history: Annotated[
        Path | None,
        typer.Option("--history", help="Keep everything in this history folder, too.", show_default=False),
    ] = None,
    at: At = None,
    json_: Json = False,
) -> None:
    """Read recordings as the contract says: exact accounts, findings, what was refused and why, the state hash.

    Exit 1 if anything was quarantined.
    """
    from twinstage.telemetry.batch import ingest_files
    from twinstage.telemetry.contract import load_contract
    from twinstage.telemetry.report import find, page, series_of

    new_file(report, "--report")
    found = load_contract(contract)
    done = ingest_files(
        found,
        contract.parent,
        files_of(files or [], list(found.sources)),
        now_ns=moment_ns(at),
        quarantine=new_file(quarantine, "--quarantine"),
        history=history,
    )
    series = series_of(done)
    findings = find(done, series)
    if report is not None:
        write_text(report, page(done, series, findings, found.description or contract.absolute().parent.name))
    if json_:
        print_json(done.as_dict() | {"findings": [f.as_dict() for f in findings]})
    else:
        print_accounts(done)
        for finding in findings:
            print(f"{finding.severity:7}  {finding.message}  [{finding.code}]")
        if report is not None:
            print(f"report {report}")
    if done.quarantined:
        raise typer.Exit(1)


def files_of(arguments: list[str], sources: list[str]) -> list[tuple[str, Path]]:
    """(source, file) pairs. Raises UserError for a file whose source cannot be told."""
    out = []
    for text in arguments:
        name, equals, path = text.partition("=")
        if equals and name in sources:
            out.append((name, Path(path)))
        elif len(sources) == 1:
            out.append((sources[0], Path(text)))
        else:
            raise UserError(
                f"{text!r} does not say which source it is; write SOURCE=FILE, with one of: {', '.join(sources)}"
            )
    return out


def moment_ns(text: str | None) -> int:
    """Nanoseconds since 1970, UTC, of `--at`; the wall clock's without it."""
    from twinstage.base.clock import SystemClock
    from twinstage.telemetry.times import iso_ns

    if text is None:
        return SystemClock().now_ns()
    try:
        return iso_ns(text, None)
    except ValueError as error:
        raise UserError(f"--at {text!r} cannot be read; expected {error}") from None


def print_accounts(done: "Ingested") -> None:
    """One line a source, then what was refused, by reason, and the state hash."""
    for name, counts in done.counters.items():
        print(account(name, counts))
    for reason, count in sorted(done.reasons.items(), key=lambda item: (-item[1], item[0])):
        print(f"quarantined  {count:>7}  {reason}")
    print(f"state {done.digest}")


def account(name: str, counts: dict[str, int]) -> str:
    """Where the readings of a source went."""
    parts = [f"{counts[key]} {key.replace('_', ' ')}" for key in (*OUTCOMES, "pending") if counts[key]]
    return f"{name}: {counts['received']} received = {' + '.join(parts) or '0'}{_rest(counts)}"


def _rest(counts: dict[str, int]) -> str:
    rest = [
        f"{counts[key]} {word}"
        for key, word in (
            ("unmapped", "not asked for"),
            ("blank", "blank"),
            ("contradicting", "contradict another"),
        )
        if counts[key]
    ]
    return f"  ({', '.join(rest)})" if rest else ""
