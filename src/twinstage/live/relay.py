"""`twinstage relay` as a whole program, with its metrics, and the publishing that `twinstage serve` does beside its work."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from twinstage.observe import configure_logging

if TYPE_CHECKING:
    from fastapi import FastAPI
    from prometheus_client.core import Metric

    from twinstage.live.twin import LiveTwin
    from twinstage.sync.access.choices import AccessChoices
    from twinstage.sync.access.roles import Role
    from twinstage.sync.relay.app import Relay
    from twinstage.sync.relay.choices import NatsChoices

_COUNTERS = {
    "messages": ("twin_relay_feed_messages", "Messages of the feed."),
    "bytes": ("twin_relay_feed_bytes", "Bytes of the feed."),
    "gaps": ("twin_relay_gaps", "Times that a message of the feed was missing."),
    "caught_up": ("twin_relay_catch_ups", "States taken from the twin."),
    "restarts": ("twin_relay_twin_restarts", "Restarts of the twin that this relay has followed."),
    "digests_equal": ("twin_relay_digests_equal", "Digests of the twin that were those of this relay."),
    "digests_other": (
        "twin_relay_digests_other",
        "Digests of the twin that were not; everything is taken anew then.",
    ),
    "refused": ("twin_relay_refused_messages", "Messages that made no sense."),
}


@dataclass(frozen=True, slots=True)
class PublishChoices:
    """Where a twin is published, and the highest role that who comes through a relay has."""

    nats: "NatsChoices"
    top: "Role"


def publishing(live: "LiveTwin", app: "FastAPI", choices: PublishChoices) -> "Callable[[], Awaitable[None]]":
    """What runs beside the server of a twin. UserError for choices that cannot be right."""
    from twinstage.sync.relay.twin import Publishing

    return Publishing(live.hub, app, choices.nats, live.clock, top=choices.top).run


def serve_relay(
    choices: "NatsChoices",
    *,
    join: "Mapping[str, str] | None" = None,
    host: str,
    port: int,
    hosts: Collection[str] = (),
    access: "AccessChoices | None" = None,
    duration: float | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """Follow a twin through NATS and serve it until Ctrl-C, the end of `duration` [s] or `stop`.

    `join`: several twins instead, NATS subjects by the prim path below which each is shown.
    """
    from twinstage.live.server import viewer_dir
    from twinstage.sync.access.access import open_access
    from twinstage.sync.access.choices import AccessChoices
    from twinstage.sync.relay.app import Relay
    from twinstage.sync.serve import serve

    given = access or AccessChoices()
    given.check(host)
    configure_logging()
    relay = Relay(
        choices,
        join=join,
        viewer_dir=viewer_dir(),
        hosts={host, *hosts},
        access=open_access(given),
        metrics=relay_page,
    )
    what = f"relay of {', '.join((join or {}).values()) or choices.subject}"
    serve(
        relay.app,
        host=host,
        port=port,
        background=[relay.run],
        on_ready=lambda url: print(
            f"{what} at {choices.url}, serving at {url}  (Ctrl-C ends it)", flush=True
        ),
        duration=duration,
        stop=stop,
        tls=given.tls(),
    )


def relay_page(relay: "Relay") -> tuple[bytes, str]:
    """What Prometheus scrapes of a relay, and its media type."""
    from prometheus_client import CollectorRegistry
    from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(relay))
    page: bytes = generate_latest(registry)  # type: ignore[no-untyped-call]
    return page, CONTENT_TYPE_LATEST


class _Collector:
    """Everything, made anew for each scrape."""

    def __init__(self, relay: "Relay") -> None:
        self._relay = relay

    def collect(self) -> "Iterator[Metric]":
        """All families."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        from twinstage.live.access_metrics import access_families
        from twinstage.live.stream_metrics import stream_families

        relay = self._relay
        yield from stream_families(relay.hub)
        yield from access_families(relay.access.counts)
        step = GaugeMetricFamily("twin_relay_in_step", "1 while it is in step.", labels=["twin"])
        silence = GaugeMetricFamily(
            "twin_relay_silence_seconds", "Since a twin was heard last.", labels=["twin"]
        )
        counted = {name: CounterMetricFamily(*about, labels=["twin"]) for name, about in _COUNTERS.items()}
        for twin, link in relay.links.items():
            step.add_metric([twin], float(link.edge.in_step))
            silence.add_metric([twin], link.edge.silent_s)
            for name, value in asdict(link.edge.counts).items():
                counted[name].add_metric([twin], value)
        yield from (step, silence, *counted.values())
        if relay.forward is not None:
            calls = CounterMetricFamily(
                "twin_relay_calls", "Calls passed on to the twin.", labels=["outcome"]
            )
            calls.add_metric(["answered"], relay.forward.calls - relay.forward.failed)
            calls.add_metric(["failed"], relay.forward.failed)
            yield calls
