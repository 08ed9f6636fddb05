"""`twinstage telemetry requeue`: quarantined lines once more, after a fix."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twinstage.cli.common import Json, new_file, print_json
from twinstage.cli.telemetry_ingest import At, Quarantine, account, files_of, moment_ns

if TYPE_CHECKING:
    from twinstage.telemetry.contract import Contract


def requeue(
    quarantine_file: Annotated[
        Path, typer.Argument(metavar="QUARANTINE", help="JSONL of refused readings.", show_default=False)
    ],
    contract: Annotated[
        Path, typer.Option("--contract", help="contract.yaml, corrected.", show_default=False)
    ],
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILES]...",
            help="SOURCE=FILE: a table whose header the lines belong to; without any, the files that the contract names.",
            show_default=False,
        ),
    ] = None,
    history: Annotated[
        Path | None,
        typer.Option(
            "--history", help="Folder of a twin's history that takes what passes.", show_default=False
        ),
    ] = None,
    quarantine: Quarantine = None,
    at: At = None,
    json_: Json = False,
) -> None:
    """Read quarantined lines again as a corrected contract says: what passes now, what is still refused.

    Without --history it only tells what would pass. With it, what passes goes into that history; the state moves only where
    nothing newer is known. Exit 1 if anything is still refused.
    """
    from twinstage.base.errors import UserError
    from twinstage.telemetry.contract import load_contract
    from twinstage.telemetry.history.recorder import open_recorder
    from twinstage.telemetry.ingest import Ingest
    from twinstage.telemetry.quarantine import QuarantineFile, QuarantineMemory, read_quarantine
    from twinstage.telemetry.requeue import requeue as run

    found = load_contract(contract)
    if not quarantine_file.is_file():
        raise UserError(f"there is no quarantine file {str(quarantine_file)!r}")
    records = read_quarantine(quarantine_file)
    new_file(quarantine, "--quarantine")
    headers = _headers(found, contract.parent, files_of(files or [], list(found.sources)))
    with ExitStack() as stack:
        ingest = Ingest(found, QuarantineFile(quarantine) if quarantine is not None else QuarantineMemory())
        stack.callback(ingest.close)
        if history is not None:
            if not (history / "history.db").is_file():
                raise UserError(f"--history {str(history)!r} holds no history of a twin")
            stack.callback(open_recorder(history, ingest).close)
        done = run(found, records, ingest, now_ns=moment_ns(at), headers=headers)
    if json_:
        print_json(
            {
                "records": done.records, "lines": done.lines, "known": done.known, "unread": done.unread,
                "sources": done.counts,
            }
        )  # fmt: skip
    else:
        print(f"{done.records} records of {done.lines} lines")
        for name, counts in done.counts.items():
            print(account(name, counts))
        if done.known:
            print(f"{done.known} other values of these lines had passed before")
        for reason, count in sorted(done.unread.items()):
            print(f"{count} records ({reason}) hold no whole line and cannot be read again")
        if history is None:
            print("nothing was kept; --history DIR keeps what passes")
    if any(counts["quarantined"] for counts in done.counts.values()) or done.unread:
        raise typer.Exit(1)


def _headers(contract: "Contract", base_dir: Path, files: list[tuple[str, Path]]) -> dict[str, bytes]:
    """The header line of each table, where its file is at hand."""
    from twinstage.telemetry.batch import header_line
    from twinstage.telemetry.sources.file import file_path

    known = {name: file_path(s.uri, base_dir) for name, s in contract.sources.items() if s.kind == "file"}
    known = {name: path for name, path in known.items() if path.is_file()} | dict(files)
    lines = {name: header_line(contract, name, path) for name, path in known.items()}
    return {name: line for name, line in lines.items() if line is not None}
