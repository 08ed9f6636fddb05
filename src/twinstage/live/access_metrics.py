"""Who came and who was refused, for Prometheus. No label holds a name or an address."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from twinstage.sync.access.access import Counts

ROLES = ("viewer", "operator", "engineer")
REASONS = (
    "missing",
    "wrong",
    "too_many",
    "expired",
    "revoked",
    "role",
    "url",
    "host",
    "origin",
    "unreadable",
)
LIMITS = (
    *("clients", "clients_by_address", "connections", "connections_by_address"),
    *("messages", "body", "header_time", "body_time"),
)


def access_families(counts: "Counts") -> "Iterator[Metric]":
    """All families; a reason or a limit that was not met yet is there as 0, so that an alert can be written on it."""
    from prometheus_client.core import CounterMetricFamily

    def family(name: str, help: str, label: str, known: tuple[str, ...], held: Mapping[str, int]) -> "Metric":
        made = CounterMetricFamily(name, help, labels=[label])
        for value in dict.fromkeys((*known, *sorted(held))):
            made.add_metric([value], held.get(value, 0))
        return made

    yield family("twin_access_sign_ins", "Sign-ins by role.", "role", ROLES, counts.sign_ins)
    yield family("twin_access_refusals", "Who was not let in, by reason.", "reason", REASONS, counts.refusals)
    yield family("twin_access_limited", "How often a limit was met.", "limit", LIMITS, counts.limited)
    yield CounterMetricFamily("twin_access_changes", "Changes that clients made.", value=counts.changes)
