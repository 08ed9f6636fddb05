"""The servers of `relay`: a twin that publishes the motion, and a relay. They obey JSON lines as `_fanout_server` does.

`twin STAGE PRIMS HZ NATS SUBJECT [PRIM...]` (NATS: an address, or - for a twin that does not publish; PRIM: as `serve --only`)
or `relay NATS SUBJECT`, or `relay NATS PRIM=SUBJECT...` as `relay --join`.
"""

import asyncio
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

from _fanout_motion import make_motion
from _fanout_server import Feed, obey, open_hub, resident_mb


class Following:
    """A relay in the place of a feed."""

    running = False

    def __init__(self, relay: Any) -> None:
        self.relay = relay

    async def run(self) -> None:
        """It runs anyway."""

    def stat(self) -> dict[str, Any]:
        """Where it stands."""
        usage, relay = resource.getrusage(resource.RUSAGE_SELF), self.relay
        return {
            "seq": relay.hub.seq,
            "cpu": usage.ru_utime + usage.ru_stime,
            "time": time.monotonic(),
            "rss": resident_mb(),
            "in_step": relay.in_step,
            "gaps": sum(link.edge.counts.gaps for link in relay.links.values()),
            "bytes": sum(link.edge.counts.bytes for link in relay.links.values()),
            "clients": len(relay.hub.sessions),
        }


def twin(stage: str, prims: str, hz: str, nats: str, subject: str, *only: str) -> tuple[Any, list[Any], Any]:
    """App, what runs beside it, and who obeys."""
    from twinstage.base.clock import SystemClock
    from twinstage.sync.relay.choices import NatsChoices
    from twinstage.sync.relay.twin import Publishing
    from twinstage.sync.server import create_app

    hub = open_hub(Path(stage), only)
    app = create_app(hub)
    beside = []
    if nats != "-":
        beside.append(Publishing(hub, app, NatsChoices(nats, subject), SystemClock()).run)
    return app, beside, Feed(hub, make_motion(int(prims), float(hz)))


def follower(nats: str, *subjects: str) -> tuple[Any, list[Any], Any]:
    """The same of a relay; of several twins, if there are several subjects."""
    from twinstage.sync.relay.app import Relay
    from twinstage.sync.relay.choices import NatsChoices

    join = dict(one.split("=") for one in subjects) if len(subjects) > 1 else None
    relay = Relay(NatsChoices(nats, subjects[0]), join=join)
    return relay.app, [relay.run], Following(relay)


def main() -> None:
    """What the arguments say."""
    from twinstage.sync.serve import serve

    app, beside, obedient = {"twin": twin, "relay": follower}[sys.argv[1]](*sys.argv[2:])
    stop = asyncio.Event()
    serve(
        app,
        port=0,
        stop=stop,
        background=[*beside, lambda: obey(obedient, stop)],
        on_ready=lambda url: print(json.dumps({"url": url}), flush=True),
    )


if __name__ == "__main__":
    main()
