"""Schema drift of a running twin's sources: logged, and told to those who look."""

import logging
from collections import Counter
from collections.abc import Callable

from twinstage.base.clock import Clock
from twinstage.telemetry.contract import Contract
from twinstage.telemetry.drift.watch import DriftWatch
from twinstage.telemetry.sources import Restart

log = logging.getLogger("twinstage.live")


def drift_listener(
    contract: Contract,
    clock: Clock,
    notice: Callable[[str], None],
    counts: dict[str, Counter[str]] | None = None,
) -> Callable[[str, bytes | Restart], None]:
    """What the pump hands its chunks to. `notice`: gets a sentence for each thing that changed; `counts`: takes up how many
    fields changed by source and kind, those that are not told, too.

    A defect in here ends the watching, never the source.
    """
    watch = DriftWatch(contract)
    if counts is not None:
        watch.counts = counts
    broken = False

    def listen(source: str, chunk: bytes | Restart) -> None:
        nonlocal broken
        if broken:
            return
        try:
            if isinstance(chunk, Restart):
                watch.restart(source)
                return
            for drift in watch.offer(source, chunk, clock.now_ns()):
                notice(f"source {source!r}: {drift}")
        except Exception:
            broken = True
            log.exception("sources are no longer watched for drift")

    return listen
