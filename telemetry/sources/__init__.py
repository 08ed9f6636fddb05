"""Where telemetry comes from. A source opens a URI and yields raw bytes when they are due.

Kinds that ship: `file` (replay), `ulog` (replay of a flight log), `tcp` (live, newline-delimited), `memory` (fed by a
program: the fake for tests).
Other rooms and other distributions register theirs with `SOURCES.register` or the entry point `twinstage.sources`.
"""

from twinstage.telemetry.sources.base import SOURCES, Chunk, Restart, Source, uri_rest
from twinstage.telemetry.sources.file import FileSource
from twinstage.telemetry.sources.memory import MemoryChannel, MemorySource
from twinstage.telemetry.sources.tcp import TcpSource
from twinstage.telemetry.sources.ulog import UlogSource

__all__ = [
    "SOURCES",
    "Chunk",
    "FileSource",
    "MemoryChannel",
    "MemorySource",
    "Restart",
    "Source",
    "TcpSource",
    "UlogSource",
    "uri_rest",
]
