"""Replay of a PX4 flight log (`.ulg`): each message of each topic as a JSON object, in the order of their times.

    uri: "ulog:flight.ulg"
    reader: {format: jsonl, layout: record, record: {column: topic}, time: {field: timestamp, unit: us, epoch: relative}}

`topic` is the message's name; of a second instance of one, `name:1`. Arrays come as `q[0]`, `q[1]`, ... Reads files.
"""

import io
import json
import logging
import math
from pathlib import Path
from typing import BinaryIO

from twinstage.base.errors import UserError
from twinstage.telemetry.sources.base import SOURCES
from twinstage.telemetry.sources.file import FileSource, open_file
from twinstage.telemetry.sources.ulog_parse import MAGIC, Number, UlogError, messages

log = logging.getLogger("twinstage.telemetry.ulog")

MOST_BYTES = 64 << 20
"""Larger logs are refused: they are read whole."""

MOST_TEXT = 1 << 30
"""And they may not become more than this as lines [bytes]."""


@SOURCES.register
class UlogSource(FileSource):
    """`ulog:path`, relative to the contract."""

    kind = "ulog"

    @staticmethod
    def read(path: Path) -> BinaryIO:
        return io.BytesIO(b"".join(ulog_lines(path)))


def ulog_lines(path: Path) -> list[bytes]:
    """All messages as JSON lines; of a damaged log those before the damage.

    Raises UserError for a file that is no flight log.
    """
    with open_file(path) as file:
        data = file.read(MOST_BYTES + 1)
    if not data.startswith(MAGIC):
        raise UserError(f"{path} is no ULog file; it does not begin as one")
    if len(data) > MOST_BYTES:
        raise UserError(
            f"{path} is larger than {MOST_BYTES >> 20} MiB; flight logs are read whole, so cut it"
        )
    rows: list[tuple[int, bytes]] = []
    size = 0
    try:
        for name, instance, values in messages(data):
            time = values.get("timestamp")
            if time is not None:
                rows.append((int(time), _line(f"{name}:{instance}" if instance else name, values)))
                size += len(rows[-1][1])
            if size > MOST_TEXT:
                raise UlogError(f"it grows beyond {MOST_TEXT >> 20} MiB of text")
    except UlogError as error:
        if not rows:
            raise UserError(f"{path} cannot be read as ULog: {error}") from None
        log.warning("%s is damaged, and what follows is left out: %s", path, error)
    if not rows:
        raise UserError(f"{path} holds no message of any topic")
    rows.sort(key=lambda row: row[0])  # stable: of one time in the order of the file
    return [line for _, line in rows]


def _line(topic: str, values: dict[str, Number]) -> bytes:
    """A number that is none (NaN) is left out: JSON has no word for it."""
    told = {
        key: value
        for key, value in values.items()
        if not (isinstance(value, float) and not math.isfinite(value))
    }
    return json.dumps({"topic": topic, **told}).encode() + b"\n"
