"""Logs: one line an event, to standard error, with the logger's name."""

import logging
import sys
from typing import TextIO

from twinstage.base.terminal import printable


class _ToStandardError(logging.StreamHandler[TextIO]):
    """Writes to what standard error is at that moment: a program that embeds a twin may have put another one in its place."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)  # a StreamHandler would keep the stream of now

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


class _Printable(logging.Formatter):
    """Lines tell what files, sources and requests say: none of it is an order to the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


def configure_logging(*, verbose: bool = False) -> None:
    """Send the product's log lines to standard error; `verbose` shows the debug level, too."""
    handler = _ToStandardError()
    handler.setFormatter(_Printable("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S"))
    logger = logging.getLogger("twinstage")
    logger.handlers[:] = [handler]
    logger.setLevel(logging.DEBUG if verbose else logging.INFO)
    logger.propagate = False
