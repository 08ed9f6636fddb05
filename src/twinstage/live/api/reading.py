"""Reading a history for whoever need not know where it lies: what is wrong with its files is told without their places."""

import logging
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from twinstage.base.errors import TwinstageError
from twinstage.sync.api.operation import Refused

log = logging.getLogger("twinstage.history")
_PLACE = re.compile(r"\b(the history|no history|the archive)(?: in)? (?:'[^']*'|\"[^\"]*\")")
"""How `telemetry.history` names a history, and the archive of one, which may lie elsewhere."""


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Refused (503) where the files of a history cannot be read: the sentence without their places; the log has all of it.

    What is wrong with a question passes as it is.
    """
    try:
        yield
    except Refused:
        raise
    except TwinstageError as error:
        plain = without_places(str(error), folder)
        if plain == str(error):
            raise
        log.error("%s", error)
        raise Refused(503, plain) from None
    except (OSError, sqlite3.Error) as error:
        log.exception("the history %r cannot be read", str(folder))
        raise Refused(503, f"the history cannot be read just now ({type(error).__name__})") from None


def without_places(sentence: str, folder: Path) -> str:
    """The sentence without the names of the history's files and of its archive."""
    plain = _PLACE.sub(r"\1", sentence)
    for place in sorted({str(folder), str(folder.absolute()), str(folder.resolve())}, key=len, reverse=True):
        if len(place) > 1:  # "." is no name that could be told from others
            plain = plain.replace(place, "its folder")
    return plain
