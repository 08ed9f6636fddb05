"""Something that takes long, made on a thread of its own that holds up nobody, not even the end of the program."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from twinstage.base.errors import TwinstageError

log = logging.getLogger("twinstage.background")
AGAIN_S = 2.0
T = TypeVar("T")


class InBackground(Generic[T]):
    """A value that is made again when somebody asks, at most every `AGAIN_S`; meanwhile the one of before holds.

    known: whether it was made at all; problem: why it could not be made the last time, or "".
    """

    def __init__(self, make: Callable[[], T], first: T) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._ended.set()
        self._at = -float("inf")
        self.value = first
        self.known = False
        self.problem = ""

    def ask(self, patience_s: float) -> T:
        """The newest value, or that of before where a newer one takes longer."""
        with self._lock:
            if self._ended.is_set() and time.monotonic() - self._at >= AGAIN_S:
                self._ended.clear()
                threading.Thread(target=self._run, name="twinstage-background", daemon=True).start()
        self._ended.wait(patience_s)
        return self.value

    @property
    def is_at_it(self) -> bool:
        """Whether a newer value is being made."""
        return not self._ended.is_set()

    def _run(self) -> None:
        try:
            self.value, self.known, self.problem = self._make(), True, ""
        except TwinstageError as error:
            self.problem = str(error)
        except Exception as error:
            # A defect, or what no file should do: it must not look as if work went on for ever.
            log.exception("what was to be made in the background could not be made")
            self.problem = f"{type(error).__name__}; the server's log tells more"
        finally:
            self._at = time.monotonic()
            self._ended.set()
