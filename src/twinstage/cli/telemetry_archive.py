"""`twinstage telemetry archive` and `retain`: what lies where, and what goes."""

from typing import Annotated

import typer

from twinstage.base.errors import TwinstageError
from twinstage.cli.common import Json, print_json
from twinstage.cli.telemetry_history import HistoryFolder, counted


def archive(
    folder: HistoryFolder,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            help="Where the archive lies from now on: a folder, or a URL that fsspec opens, such as s3://bucket/plant.",
            show_default=False,
        ),
    ] = None,
    json_: Json = False,
) -> None:
    """Move all readings of the hot log into hourly Parquet files. A running twin does so by itself, later."""
    from twinstage.telemetry.history.archive import compact, parts_of, store_of, use_archive
    from twinstage.telemetry.history.query import History

    with History(folder) as opened:
        try:
            if to is not None:
                use_archive(opened.log, to)
            moved = compact(opened.log, all_=True)
        except OSError as error:
            raise TwinstageError(f"the archive did not take them: {error.strerror or error}") from None
        parts, url = parts_of(opened.log), store_of(opened.log).url
    if json_:
        print_json({"moved": moved, "files": [part.name for part in parts], "archive": url})
    else:
        print(
            f"{moved} readings moved; {url} has {counted(len(parts), 'file')} of {sum(p.count for p in parts)} readings"
        )


def retain(
    folder: HistoryFolder,
    days: Annotated[
        float,
        typer.Option(
            "--days", min=0.0, help="Keep so many days before the newest reading.", show_default=False
        ),
    ],
    json_: Json = False,
) -> None:
    """Remove archived files whose readings are all older than --days."""
    from twinstage.base.clock import NS
    from twinstage.telemetry.history.archive import retain as remove
    from twinstage.telemetry.history.query import History

    with History(folder) as opened:
        span = opened.span()
        files, readings = (0, 0) if span is None else remove(opened.log, span[1] - round(days * 86_400 * NS))
    if json_:
        print_json({"files": files, "readings": readings})
    else:
        print(f"{files} files with {readings} readings removed")
