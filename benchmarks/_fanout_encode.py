"""Processor time of one tick in the hub: taken in and encoded for all clients of the highest rate; see `sync_fanout`."""

import json
import sys
import time
from pathlib import Path

from _fanout_motion import make_motion
from _fanout_server import Feed, open_hub

TICKS = 60


def main() -> None:
    """STAGE PRIMS HZ SAMPLES; the client is a session without a socket."""
    hub = open_hub(Path(sys.argv[1]))
    feed = Feed(hub, make_motion(int(sys.argv[2]), float(sys.argv[3])))
    session = hub.connect(lambda: None, now_ns=time.monotonic_ns())

    def say(text: str) -> None:
        session.receive(text, now_ns=time.monotonic_ns(), wall_ns=time.time_ns())

    def ticks() -> float:
        begun, size = time.process_time(), 0
        for _ in range(TICKS):
            feed.publish()
            size += sum(map(len, session.take(time.monotonic_ns())))
            say(f'{{"type":"ack","seq":{hub.seq}}}')
        assert size > 0
        return (time.process_time() - begun) / TICKS * 1e3

    say('{"type":"hello","token":null,"want":null,"caps":["delta","zstd"],"have":null}')
    say(f'{{"type":"ready","revision":{hub.revision}}}')
    session.take(time.monotonic_ns())
    ticks()
    found = [ticks() for _ in range(int(sys.argv[4]))]
    print(
        json.dumps({"ms": found, "what": f"means of {TICKS} ticks, poses snapped to the wire's steps first"})
    )


if __name__ == "__main__":
    main()
