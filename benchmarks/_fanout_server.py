"""The server of `sync_fanout`: the hub and the app of `twinstage serve`, fed with the motion, in a process of its own.

It is told what to do by JSON lines on standard input and answers each with one on standard output: `go` starts the ticks,
`stop` ends them, `stat` says what has been done so far, `quit` ends it. The poses are worked out before the first tick, so
that its processor time is that of the stream: taking a tick in (as the twin does), encoding, sending, acknowledgements.
"""

import asyncio
import json
import os
import resource
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from _fanout_motion import Motion, make_motion, path_of


def resident_mb() -> float:
    """Resident memory of this process [MB]."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def open_hub(stage: Path, only: tuple[str, ...] = ()) -> Any:
    """The hub of a stage that is no untrusted input, or of subtrees of it."""
    from twinstage.live.twin import TwinFiles, open_files
    from twinstage.scene.read import read_snapshot
    from twinstage.sync.hub import Hub, new_epoch

    opened = open_files(TwinFiles(stage, only=only), probe=False)
    return Hub(read_snapshot(opened), epoch=new_epoch(time.time_ns()))


def open_live(stage: Path) -> Any:
    """The whole twin of a stage."""
    from twinstage.base.clock import SystemClock
    from twinstage.live.twin import TwinFiles, open_twin

    return open_twin(TwinFiles(stage), clock=SystemClock())


@dataclass
class Feed:
    """Hands the hub tick after tick of the motion, as the twin's loop does."""

    hub: Any
    motion: Motion
    live: Any = None
    """The whole twin, if it is to take part: it writes USD five times a second, too."""
    table: list[tuple[Any, Any, Any]] = field(init=False)
    running: bool = False
    late: int = 0
    """Ticks that began more than half a period after they were due."""

    def __post_init__(self) -> None:
        from twinstage.scene.columns import frozen

        node = self.hub.scene.snapshot.prims.index_of
        here = np.array([i for i in range(self.motion.prims) if path_of(i) in node])
        index = np.array([node[path_of(i)] for i in here.tolist()], np.uint32)
        order = here[np.argsort(index)]
        rows = frozen(np.sort(index), np.uint32)
        self.table = []
        for k in range(self.motion.period):
            where, turn = self.motion.pose(k)
            self.table.append((rows, frozen(where[order], np.float64), frozen(turn[order], np.float32)))

    def publish(self) -> None:
        """The next tick; tick number and seq are one."""
        from twinstage.scene.columns import PoseColumns, TickColumns
        from twinstage.sync.codec import snap_pose

        tick, now_ns = self.hub.seq + 1, time.time_ns()
        pose = PoseColumns(tick, now_ns, *self.table[tick % self.motion.period])
        if self.live is None:
            self.hub.publish(TickColumns(snap_pose(pose)))
            return
        self.live.edits.push(TickColumns(pose))
        self.live.tick(now_ns)
        self.live._write_safely(due=tick % self.live._write_every == 0)

    async def run(self) -> None:
        """Until it is told to stop."""
        loop = asyncio.get_running_loop()
        period = 1.0 / self.motion.hz
        due, self.running = loop.time(), True
        while self.running:
            self.publish()
            due += period
            delay = due - loop.time()
            self.late += delay < -period / 2
            if delay < -1.0:
                due = loop.time()
            await asyncio.sleep(max(0.0, delay))

    def stat(self) -> dict[str, Any]:
        """Where it stands."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "seq": self.hub.seq,
            "cpu": usage.ru_utime + usage.ru_stime,
            "time": time.monotonic(),
            "rss": resident_mb(),
            "late": self.late,
            "clients": len(self.hub.sessions),
            "skipped": sum(session.ticks_skipped for session in self.hub.sessions),
        }


async def obey(feed: Feed, stop: asyncio.Event) -> None:
    """Commands until `quit` or the end of the input."""
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    ticking: asyncio.Task[None] | None = None
    while line := (await reader.readline()).strip():
        command = json.loads(line)
        if command == "quit":
            break
        if command == "go" and ticking is None:
            ticking = asyncio.create_task(feed.run())
        elif command == "stop" and ticking is not None:
            feed.running = False
            await ticking
            ticking = None
        print(json.dumps(feed.stat()), flush=True)
    feed.running = False
    stop.set()


def main() -> None:
    """STAGE PRIMS HZ [twin] [viewer]."""
    from twinstage.live.server import viewer_dir
    from twinstage.sync.serve import serve
    from twinstage.sync.server import create_app

    stage, prims, hz = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    live = open_live(stage) if "twin" in sys.argv else None
    hub = open_hub(stage) if live is None else live.hub
    feed, stop = Feed(hub, make_motion(prims, hz), live), asyncio.Event()
    serve(
        create_app(hub, viewer_dir=viewer_dir() if "viewer" in sys.argv else None),
        port=0,
        stop=stop,
        background=[lambda: obey(feed, stop)],
        on_ready=lambda url: print(json.dumps({"url": url}), flush=True),
    )


if __name__ == "__main__":
    main()
