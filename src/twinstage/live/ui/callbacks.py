"""Calls a program's functions when somebody uses a control: one after the other, on one thread of their own.

So a callback may take its time, and set poses, values and overlays, without holding up the stream. Of a control whose use
still waits only the newest value is kept; buttons and clicks are all kept, up to a bound.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from twinstage.sync.overlay.controls import Use

log = logging.getLogger("twinstage.ui")
MOST_WAITING: Final = 1000

Callback = Callable[[Use], object]


class Callbacks:
    """Functions by name of control. `failed` is told, in a sentence, when one raises."""

    def __init__(self, failed: Callable[[str], None]) -> None:
        self._failed = failed
        self._functions: dict[str, list[Callback]] = {}
        self._waiting: deque[Use] = deque()
        self._news = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def add(self, name: str, function: Callback) -> None:
        """Call it, too, when that control is used."""
        self._functions.setdefault(name, []).append(function)

    def forget(self, name: str) -> None:
        """Call nothing any more for that control."""
        self._functions.pop(name, None)

    def used(self, use: Use) -> None:
        """Takes a use; never waits."""
        if use.name not in self._functions:
            return
        with self._news:
            if use.value is not None:
                self._waiting = deque(one for one in self._waiting if one.name != use.name)
            if len(self._waiting) >= MOST_WAITING:
                self._failed(f"the program is busy: a use of {use.name!r} was left out")
                return
            self._waiting.append(use)
            if self._thread is None:
                self._closed = False
                self._thread = threading.Thread(target=self._run, name="twinstage-ui", daemon=True)
                self._thread.start()
            self._news.notify()

    def close(self) -> None:
        """Calls nothing any more; waits a short time for the one that is being called."""
        with self._news:
            self._closed = True
            self._waiting.clear()
            self._news.notify()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(2)

    def _run(self) -> None:
        while True:
            with self._news:
                while not self._waiting and not self._closed:
                    self._news.wait()
                if self._closed:
                    return
                use = self._waiting.popleft()
            for function in tuple(self._functions.get(use.name, ())):
                self._call(function, use)

    def _call(self, function: Callback, use: Use) -> None:
        try:
            function(use)
        except Exception as error:  # a mistake in it must not end the twin
            log.exception("the callback of %r failed", use.name)
            self._failed(f"the callback of {use.name!r} failed: {type(error).__name__}: {error}"[:500])
