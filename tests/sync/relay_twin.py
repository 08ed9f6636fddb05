"""A twin in a process of its own, for tests that kill it: URL of NATS, subject, seed, number of ticks after which it rests."""

import asyncio
import importlib.util
import sys
import time
from pathlib import Path

import numpy as np

from twinstage.base.clock import SystemClock
from twinstage.sync.hub import Hub, SignalMeta, new_epoch
from twinstage.sync.relay.choices import NatsChoices
from twinstage.sync.relay.twin import Publishing
from twinstage.sync.serve import serve
from twinstage.sync.server import create_app


def main() -> None:
    spec = importlib.util.spec_from_file_location("make", Path(__file__).with_name("make.py"))
    assert spec and spec.loader
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    url, subject, seed, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    paths = ["/World", *(f"/World/n{i}" for i in range(200))]
    hub = Hub(make.snapshot(paths, points=3), [SignalMeta("a.x", "m")], epoch=new_epoch(time.time_ns()))
    app = create_app(hub)
    publishing = Publishing(hub, app, NatsChoices(url, subject), SystemClock())
    draw = np.random.default_rng(seed)
    where = draw.uniform(-5, 5, (200, 3))

    async def feed() -> None:
        for k in range(count):
            where[:] += draw.normal(scale=0.01, size=(200, 3))
            poses = make.poses(np.arange(1, 201), where, draw.normal(size=(200, 4)))
            hub.publish(make.tick(poses, watermark_ns=k, signals=make.values([0], [k], [k], [0])))
            await asyncio.sleep(1 / 60)
        print("resting", hub.seq, flush=True)
        await asyncio.Event().wait()

    serve(
        app,
        port=0,
        background=[publishing.run, feed],
        on_ready=lambda where_to: print("twin at", where_to, flush=True),
    )


if __name__ == "__main__":
    main()
