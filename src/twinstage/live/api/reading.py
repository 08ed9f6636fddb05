"""Reading a history for whoever need not know where it lies: what is wrong with its files is told without their places."""

import logging
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from twinstage.base.errors import TwinstageError, UserError
from twinstage.sync.api.operation import Refused
from twinstage.telemetry.history.faults import HistoryFault

log = logging.getLogger("twinstage.history")
_STORES = "the history|no history|the archive|the journal of edits|the alarms' journal"
_PLACE = re.compile(rf"\b({_STORES})(?: in)? (?:'[^']*'|\"[^\"]*\")")
"""How `telemetry.history` names a history, and the archive of one, which may lie elsewhere."""
_FILE = re.compile(r"(['\"])/(?:[^'\"]*/)?([^'\"/]+)\1")


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Refused (503) where the files of a history cannot be read: the sentence without their places; the log has all of it.

    What is wrong with a question passes as it is: its exception says which it is, not its words.
    """
    try:
        yield
    except Refused:
        raise
    except TwinstageError as error:
        if isinstance(error, UserError) and not isinstance(error, HistoryFault):
            raise
        log.error("%s", error)
        raise Refused(503, without_places(str(error), folder)) from None
    except (OSError, sqlite3.Error) as error:
        log.exception("the history %r cannot be read", str(folder))
        raise Refused(503, f"the history cannot be read just now ({type(error).__name__})") from None


def without_places(sentence: str, folder: Path | None = None) -> str:
    """The sentence without the names of the history's files and of its archive."""
    plain = _PLACE.sub(r"\1", sentence)
    if folder is None:
        return plain
    for place in sorted({str(folder.absolute()), str(folder.resolve())}, key=len, reverse=True):
        if len(place) > 1:
            plain = re.sub(rf"(?<![\w.-]){re.escape(place)}(?![\w-]|\.\w)", "its folder", plain)
    if not folder.is_absolute() and folder != Path():  # a relative one may be a word of any sentence
        plain = re.sub(rf"(?<=['\"]){re.escape(str(folder))}(?=[/\\])", "its folder", plain)
    return plain


def without_folders(sentence: str) -> str:
    """The sentence with the last names of the files that it quotes."""
    return _FILE.sub(r"\1\2\1", sentence)
