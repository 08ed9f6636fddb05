"""What a source is, and the registry of kinds."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from twinstage.base.clock import Clock
from twinstage.base.registry import Registry
from twinstage.telemetry.contract import SourceSpec


@dataclass(frozen=True, slots=True)
class Restart:
    """A replay begins again: what follows is the stream from its start, its event times `shift_ns` later than now."""

    shift_ns: int


Chunk: TypeAlias = bytes | Restart


class Source(Protocol):
    """A kind of origin; `kind` is the scheme of its URIs.

    One that tells the same again each time it is opened, from its start and with the same times, says `replays = True`
    (a class attribute; without it a source goes on in time, as live ones do). A replay that is opened again counts as a
    restart, as if a `Restart` had come first.
    """

    kind: str

    def open(
        self, uri: str, *, spec: SourceSpec, base_dir: Path, seed: int, clock: Clock, speed: float
    ) -> AsyncIterator[Chunk]:
        """Raw chunks, each when it is due, until the source ends.

        `base_dir`: what relative paths start from (the contract's folder). `seed`: for sources that draw. `clock`: the
        caller's now. `speed`: of replays and models, 2 is twice as fast, inf as fast as possible; live sources ignore it.
        Raises UserError for what the user got wrong; anything else counts as a failure, and the pump opens it again.
        """
        ...


SOURCES: Registry[Source] = Registry("telemetry source", group="twinstage.sources")


def uri_rest(uri: str) -> str:
    """What follows the scheme: `file:a.csv` and `file://a.csv` both give `a.csv`."""
    return uri.partition(":")[2].removeprefix("//")
