"""All streams merged in order of arrival.

A line belongs to a sample; its time of arrival never lies before the sample's. So all samples up to `until` are enough to
know every line that arrives until then, and any split of the calls gives the same sequence.
"""

import heapq
from collections.abc import Sequence

from twinstage.base.errors import UserError, did_you_mean
from twinstage.sim.plant.streams import STREAMS, Stream
from twinstage.sim.plant.timing import LONGEST_DELIVERY_NS, NS, deliveries, sample_ns

Arrival = tuple[int, str, bytes]
"""Time of arrival [ns since 1970, UTC], stream name, raw line with its newline."""


class Plant:
    """The plant of one seed, running since `start_ns` [ns since 1970, UTC].

    `streams`: which controllers are connected; the others run as well, unheard, so plants of the same seed and start that
    are asked for different streams tell one story.
    """

    def __init__(self, *, seed: int, start_ns: int, streams: Sequence[str] = tuple(STREAMS)) -> None:
        for name in streams:
            if name not in STREAMS:
                raise UserError(f"the plant has no stream {name!r}{did_you_mean(name, STREAMS)}")
        self._seed = seed
        self._start_ns = start_ns
        self._streams: list[Stream] = [STREAMS[name](seed) for name in STREAMS if name in streams]
        self._next = [0] * len(self._streams)
        self._pending: list[tuple[int, int, int, int, bytes]] = []

    def advance(self, until_ns: int) -> list[Arrival]:
        """Everything that arrives after the last call and not after `until_ns`, in order of arrival."""
        for number in range(len(self._streams)):
            self._sample(number, until_ns)
        out: list[Arrival] = []
        while self._pending and self._pending[0][0] <= until_ns:
            arrival, number, _, _, raw = heapq.heappop(self._pending)
            out.append((arrival, self._streams[number].name, raw))
        return out

    def skip(self, until_ns: int) -> None:
        """As `advance` with nobody listening, without the work: for a receiver that connects late."""
        for number, stream in enumerate(self._streams):
            whole = (until_ns - self._start_ns - LONGEST_DELIVERY_NS) / NS / stream.habits.period
            self._next[number] = max(self._next[number], int(whole) - 1)
        self.advance(until_ns)

    def next_ns(self) -> int:
        """A time before which nothing more arrives, and which is after the last `advance` [ns since 1970, UTC]."""
        sampled = [self._event_ns(number) for number in range(len(self._streams))]
        return min([*sampled, *(entry[0] for entry in self._pending[:1])])

    def _event_ns(self, number: int) -> int:
        stream = self._streams[number]
        return self._start_ns + sample_ns(stream.habits, self._seed, stream.name, self._next[number])

    def _sample(self, number: int, until_ns: int) -> None:
        stream = self._streams[number]
        while (event_ns := self._event_ns(number)) <= until_ns:
            index = self._next[number]
            t = (event_ns - self._start_ns) / NS
            for place, raw in enumerate(stream.lines(index, event_ns, t)):
                line = index * stream.lines_per_sample + place
                for copy, (delay, sent) in enumerate(
                    deliveries(stream.habits, self._seed, stream.name, line, raw)
                ):
                    heapq.heappush(self._pending, (event_ns + delay, number, line, copy, sent))
            self._next[number] = index + 1
