"""What is told of saves: to viewers (`watch` events), in `/api/status` and in the log.

Two things are watched, the stage (`STAGE`) and the bindings with their contract (`WIRING`): each may be broken for itself.
"""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from twinstage.live.twin import LiveTwin

log = logging.getLogger("twinstage.watch")

STAGE, WIRING = "stage", "wiring"
_MOST_NAMES = 20


class Report:
    """Of one twin. `on_loop`: does something between two ticks."""

    def __init__(self, live: "LiveTwin", on_loop: Callable[[Callable[[], Any]], Any]) -> None:
        self._live = live
        self._on_loop = on_loop
        self._saves = 0
        self._started = False
        self._faults: dict[str, tuple[str, list[str]]] = {}
        self._last: dict[str, Any] = {}
        self._problems: tuple[str, ...] = ()
        self.watched: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """starting, watching or broken."""
        if self._faults:
            return "broken"
        return "watching" if self._started else "starting"

    @property
    def problems(self) -> tuple[str, ...]:
        """Sentences about bindings and edits that do not hold now."""
        return self._problems

    def status(self) -> dict[str, Any]:
        """As of now; `text` says what is broken."""
        return {
            "state": self.state,
            "text": self._text(),
            "files": len(self.watched),
            "saves": self._saves,
            **({"last": self._last} if self._last else {}),
        }

    def _text(self) -> str:
        return "; ".join(text for text, _ in self._faults.values())

    def started(self) -> None:
        """All is read, and watched from now on."""
        self._started = True

    def is_broken(self, what: str) -> bool:
        """Whether the newest save of that could not be used."""
        return what in self._faults

    def broken(self, what: str, text: str, changed: tuple[str, ...]) -> None:
        """A save that cannot be used: what was good before stays."""
        names = names_of(changed)
        self._faults[what] = text, names
        log.warning("the last good %s stays: %s", "scene" if what == STAGE else "bindings", text)
        self._tell_broken()

    def _tell_broken(self) -> None:
        names = list(dict.fromkeys(name for _, names in self._faults.values() for name in names))
        data = {"state": "broken", "text": self._text(), "files": names[:_MOST_NAMES]}
        self._on_loop(lambda: self._live.hub.event("watch", data))

    def saved(self, what: str, told: "Saved") -> None:
        """A good save is what everybody has now."""
        self._saves += 1
        self._started = True
        mended = self._faults.pop(what, None) is not None
        times = told.times
        self._last = {
            "files": names_of(told.changed),
            "changed": told.counts,
            "seenMs": round(1000 * (time.time() - time.monotonic() + times[0])),
            "ms": round(1000 * (times[-1] - times[0])),
            "steps": told.steps(),
            "problems": len(self._problems),
        }
        log.info("saved %s: %s, %d ms", _short(told.changed), _counted(told.counts), self._last["ms"])
        data = {"state": "watching", "saves": self._saves, "mended": mended, **self._last}
        self._on_loop(lambda: self._live.hub.event("watch", data))
        if self._faults:  # of the other kind
            self._tell_broken()

    def tell_problems(self, bindings: list[str], edits: list[str]) -> None:
        """Bindings and edits that do not hold any more, or do again. On the loop."""
        now = tuple(dict.fromkeys([*bindings, *edits]))
        for text in now:
            if text not in self._problems:
                log.warning("%s", text)
                self._live.hub.notice("warning", f"it does not hold any more: {text}")
        again = sum(text not in now for text in self._problems)
        if again:
            self._live.hub.notice("info", f"{again} that did not hold hold again")
        self._problems = now


class Saved:
    """A good save: its files, what it changed, and moments of this machine's monotonic clock [s] between `names`."""

    def __init__(
        self,
        changed: tuple[str, ...],
        counts: dict[str, int],
        times: tuple[float, ...],
        names: tuple[str, ...],
    ) -> None:
        self.changed = changed
        self.counts = counts
        self.times = times
        self._names = names

    def steps(self) -> dict[str, int]:
        """What the time went into [ms]."""
        if len(self.times) != len(self._names) + 1:
            return {}
        pairs = zip(self._names, self.times, self.times[1:], strict=False)
        return {name: round(1000 * (b - a)) for name, a, b in pairs}


def names_of(paths: tuple[str, ...]) -> list[str]:
    """Names of the first files, without their folders."""
    return [Path(path).name for path in paths[:_MOST_NAMES]]


def _short(paths: tuple[str, ...]) -> str:
    names = [Path(path).name for path in paths]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "") or "the stage"


def _counted(changed: dict[str, int]) -> str:
    words = [f"{number} {name}" for name, number in changed.items() if number]
    return ", ".join(words) or "nothing that is drawn"
