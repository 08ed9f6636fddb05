"""What `/metrics` says of access."""

from collections.abc import Iterator

from prometheus_client.core import CollectorRegistry, Metric
from prometheus_client.openmetrics.exposition import generate_latest

from twinstage.live.access_metrics import access_families
from twinstage.sync.access.access import Counts


def test_counts_are_there_from_the_first_scrape_and_name_nobody() -> None:
    counts = Counts()
    registry = CollectorRegistry(auto_describe=False)

    class Collector:
        def collect(self) -> Iterator[Metric]:
            return access_families(counts)

    registry.register(Collector())
    first = generate_latest(registry).decode()
    assert 'twin_access_refusals_total{reason="wrong"} 0.0' in first
    counts.sign_ins["operator"] += 2
    counts.refusals["wrong"] += 1
    counts.limited["messages"] += 3
    counts.changes += 4
    page = generate_latest(registry).decode()
    for line in (
        'twin_access_sign_ins_total{role="operator"} 2.0',
        'twin_access_refusals_total{reason="wrong"} 1.0',
        'twin_access_limited_total{limit="messages"} 3.0',
        "twin_access_changes_total 4.0",
    ):
        assert line in page
