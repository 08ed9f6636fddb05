"""Replay of a PX4 flight log (`.ulg`): each message of each topic as a JSON object, in the order of their times.

    uri: "ulog:flight.ulg"
    reader: {format: jsonl, layout: record, record: {column: topic}, time: {field: timestamp, unit: us, epoch: relative}}

`topic` is the message's name; of a second instance of one, `name:1`. Arrays come as `q[0]`, `q[1]`, ... as pyulog names
them. Needs the extra `ulog` (pyulog).
"""

import io
import json
import logging
import math
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import BinaryIO

from twinstage.base.errors import UserError
from twinstage.telemetry.sources.base import SOURCES
from twinstage.telemetry.sources.file import FileSource, open_file

log = logging.getLogger("twinstage.telemetry.ulog")

MOST_BYTES = 64 << 20
"""Larger logs are refused: they are read whole."""


@SOURCES.register
class UlogSource(FileSource):
    """`ulog:path`, relative to the contract."""

    kind = "ulog"

    @staticmethod
    def read(path: Path) -> BinaryIO:
        return io.BytesIO(b"".join(ulog_lines(path)))


def ulog_lines(path: Path) -> list[bytes]:
    """All messages as JSON lines. Raises UserError for a file that is no flight log."""
    try:
        from pyulog import ULog
    except ImportError:
        raise UserError(f"{path} needs pyulog; install it with: pip install 'twinstage[ulog]'") from None
    with open_file(path) as file:
        data = file.read(MOST_BYTES + 1)
    if not data.startswith(b"ULog\x01\x12\x35"):
        raise UserError(f"{path} is no ULog file; it does not begin as one")
    if len(data) > MOST_BYTES:
        raise UserError(
            f"{path} is larger than {MOST_BYTES >> 20} MiB; flight logs are read whole, so cut it"
        )
    said = io.StringIO()
    try:
        with redirect_stdout(said):  # it prints what it thinks of a damaged file
            topics = ULog(io.BytesIO(data)).data_list
        rows = [row for topic in topics for row in _rows(topic.name, topic.multi_id, topic.data)]
    except Exception as error:  # a parser of foreign bytes raises what it likes
        raise UserError(f"{path} cannot be read as ULog: {type(error).__name__}: {error}") from None
    for line in dict.fromkeys(said.getvalue().splitlines()):
        log.warning("%s: %s", path, line)
    if not rows:
        raise UserError(f"{path} holds no message of any topic")
    rows.sort(key=lambda row: row[0])  # stable: of one time, topics in the order of the file
    return [line for _, line in rows]


def _rows(name: str, instance: int, data: "dict[str, object]") -> "Iterator[tuple[int, bytes]]":
    """(time, line) of each message. A number that is none (NaN) is left out: JSON has no word for it."""
    topic = f"{name}:{instance}" if instance else name
    columns = {key: values.tolist() for key, values in data.items()}  # type: ignore[attr-defined]
    for k, time in enumerate(columns["timestamp"]):
        row = {key: values[k] for key, values in columns.items()}
        told = {
            key: value
            for key, value in row.items()
            if not (isinstance(value, float) and not math.isfinite(value))
        }
        yield int(time), json.dumps({"topic": topic, **told}).encode() + b"\n"
