"""The readings of the recorded time as Parquet, with the columns of `telemetry.history.rows`: what was measured."""

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from twinstage.base.errors import TwinstageError
from twinstage.live.recording.files import Fetch
from twinstage.sync.recording.tape import Tape

if TYPE_CHECKING:
    import pyarrow as pa

NAME = "history/readings.parquet"
_TYPE = "application/vnd.apache.parquet"
MOST_READINGS = 2_000_000
_PAGE = 10_000


def keep_history(tape: Tape, folder: Path) -> str:
    """From the history of the twin in this process; returns what is missing, "" for nothing."""
    from twinstage.telemetry.history.query import History

    if tape.event_span is None:
        return ""
    try:
        with History(folder) as history:
            table = history.range((), *tape.event_span, limit=MOST_READINGS + 1)
    except TwinstageError as error:
        return f"without the history: {error}"
    return _attach(tape, table)


async def fetch_history(tape: Tape, fetch: Fetch) -> str:
    """The same from a server, page by page; a twin without a history is no failure."""
    if tape.event_span is None:
        return ""
    rows: list[dict[str, Any]] = []
    first, last = (_moment(ns) for ns in tape.event_span)
    asked = {"from": first, "to": last, "limit": str(_PAGE)}
    try:
        while True:
            page = json.loads(await fetch(f"/api/v1/history/range?{urlencode(asked)}"))
            rows += page["readings"]
            if page["next"] is None or len(rows) > MOST_READINGS:
                break
            asked["after"] = page["next"]
    except (OSError, ValueError, KeyError) as error:
        return "" if "404" in str(error) else f"without the history: {error}"
    return _attach(tape, _table(rows))


def _attach(tape: Tape, table: "pa.Table") -> str:
    import pyarrow.parquet as pq

    missing = ""
    if table.num_rows > MOST_READINGS:
        table, missing = table.slice(0, MOST_READINGS), f"of the history only {MOST_READINGS} readings"
    if table.num_rows:
        out = io.BytesIO()
        pq.write_table(table, out, compression="zstd")
        tape.file(NAME, _TYPE, out.getvalue())
    return missing


def _table(rows: list[dict[str, Any]]) -> "pa.Table":
    import pyarrow as pa

    def of(kinds: type | tuple[type, ...], kind: Any) -> Any:
        return pa.array([row["value"] if isinstance(row["value"], kinds) else None for row in rows], kind)

    whole = [int(row["value"]) if isinstance(row["value"], int) else None for row in rows]
    return pa.table(
        {
            "source": [row["source"] for row in rows],
            "signal": [row["signal"] for row in rows],
            "event_ns": pa.array([int(row["eventNs"]) for row in rows], pa.int64()),
            "ingest_ns": pa.array([int(row["ingestNs"]) for row in rows], pa.int64()),
            "sequence": pa.array([row["sequence"] for row in rows], pa.int64()),
            "value": of(float, pa.float64()),
            "whole": pa.array(whole, pa.int64()),
            "text": of(str, pa.string()),
            "vector": of(list, pa.list_(pa.float64())),
            "quality": pa.array([row["quality"] for row in rows], pa.uint32()),
            "history_only": [row["late"] for row in rows],
        }
    )


def _moment(ns: int) -> str:
    from twinstage.telemetry.history.moments import iso_ns

    return iso_ns(ns)
