"""The stream to a crowd: `sync.*`. A server process on one core, all its clients in one process on another.

10k_60hz_50_clients, 100k_10hz_10_clients, 1k_30hz_200_clients: so many prims in the motion of a plant (`_fanout_motion`), all
of them in every tick. One client is that of the product, which decodes everything; its poses are compared with the formula
of the motion, and a difference above 1 mm or 0.1 degrees ends the benchmark. The others check header, order, epoch and CRC
of every frame and acknowledge. ticks_applied: which fraction of the published ticks the clients completed, p50 and p99: from
the moment when a tick was made to its completion, over all clients.
encode_per_tick: processor time to take in and encode one tick, in a process that does nothing else.
bad_clients: 20 clients, of whom one stops to read, one reads 64 KB/s, one is hidden; p99 of the other 17 against before.
join_10k: a new client of a running twin, from nothing to the first complete state, the scene's description included.
event_to_client: `twinstage serve` with 1,000 signals that move 1,000 prims; 5,000 readings a second over TCP, from a reading's
own stamp to the moment when a client has applied it.
distinct_pose_sets...: poses of different prims or times that left a server, by its processor time, against viser.
"""

import argparse
import asyncio
import contextlib
import functools
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from _common import figure  # noqa: E402
from _fanout_motion import make_motion, path_of, write_stage  # noqa: E402
from _fanout_viser import Seen, follow  # noqa: E402

WORST_M, WORST_DEG = 1e-3, 0.1


@dataclass(frozen=True)
class Form:
    """How long to take: the quick form has the same figures."""

    samples: int = 5
    window_s: float = 10.0
    clean_s: float = 10.0
    bad_s: float = 25.0
    latency_s: float = 15.0
    viser_s: float = 8.0


QUICK = Form(samples=3, window_s=2.5, clean_s=3.0, bad_s=20.0, latency_s=3.5, viser_s=3.0)


class Child:
    """A process that is told what to do by JSON lines, and answers each with one."""

    def __init__(self, script: str, *arguments: object, core: int) -> None:
        command = [sys.executable, str(HERE / script), *map(str, arguments)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        pin(self.process.pid, core)

    def hear(self) -> dict[str, Any]:
        """Its next line."""
        assert self.process.stdout is not None
        while not (line := self.process.stdout.readline()).startswith("{"):
            if not line:
                sys.exit(f"{self.process.args!r} ended")
        answer = dict(json.loads(line))
        if "wrong" in answer:
            sys.exit(f"a client found something wrong: {answer['wrong']}")
        return answer

    def tell(self, command: int | str | dict[str, Any]) -> dict[str, Any]:
        """A command; its answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return self.hear()

    def do(self, name: str, **arguments: object) -> dict[str, Any]:
        """A command of the clients."""
        return self.tell({"do": name, **arguments})

    def end(self) -> None:
        """Wait for it, or stop it."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


def pin(process: int, core: int) -> None:
    """One core for the server, another for the clients, where the system can do that."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(process, {cores[core % len(cores)]})


def waited_s(process: int) -> float:
    """How long a process has waited for its core so far, because others had it [s]; 0 where the system does not say."""
    try:
        return int(Path(f"/proc/{process}/schedstat").read_text().split()[1]) / 1e9
    except OSError:
        return 0.0


def load() -> str:
    """How busy the machine is."""
    return f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "load unknown"


@contextlib.contextmanager
def stage(prims: int, hz: float, *, boxes: bool, twin: bool = False) -> Iterator[tuple[Child, Child]]:
    """Server and (still no) clients of a scene."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_stage(Path(folder) / "plant.usda", make_motion(prims, hz), boxes=boxes)
        server = Child("_fanout_server.py", path, prims, hz, *["twin"] * twin, core=0)
        try:
            clients = Child("_fanout_clients.py", server.hear()["url"], core=1)
            try:
                yield server, clients
                clients.do("quit")
            finally:
                clients.end()
        finally:
            server.end()


@dataclass(frozen=True)
class Window:
    """One measurement: what the clients saw, the processor time of both processes by elapsed time, and which part of the
    time they had something to do but no core to do it on."""

    seen: dict[str, Any]
    server_cpu: float
    client_cpu: float
    server_waited: float
    client_waited: float
    cpu_s: float
    ticks: int


def watch(server: Child, clients: Child, seconds: float) -> Window:
    """Measure for so long."""
    clients.do("mark")
    children = (server.process.pid, clients.process.pid)
    cpu, waited = clients.do("report", first=0, last=0)["cpu"], [waited_s(each) for each in children]
    before = server.tell("stat")
    time.sleep(seconds)
    after = server.tell("stat")
    time.sleep(0.3)
    seen = clients.do("report", first=before["seq"], last=after["seq"])
    wait = [waited_s(each) - was for each, was in zip(children, waited, strict=True)]
    if seen["gone"]:
        sys.exit(f"clients were closed: {seen['gone']}")
    if seen.get("error_mm", 0.0) > WORST_M * 1e3 or seen.get("error_deg", 0.0) > WORST_DEG:
        sys.exit(f"poses differ from the motion: {seen}")
    elapsed = after["time"] - before["time"]
    used = after["cpu"] - before["cpu"]
    shares = [each / (elapsed + 0.3) for each in (seen["cpu"] - cpu, *wait)]
    return Window(seen, used / elapsed, *shares, used, after["seq"] - before["seq"])


def crowd(
    form: Form, prims: int, hz: float, count: int, *, boxes: bool, every: int, twin: bool = False
) -> tuple[list[Window], int]:
    """All windows of a scene with a crowd, and how many ticks the server began late."""
    with stage(prims, hz, boxes=boxes, twin=twin) as (server, clients):
        server.tell("go")
        clients.do("judge", prims=prims, hz=hz, every=every)
        clients.do("connect", clients=count - 1)
        time.sleep(1.0)
        windows = [watch(server, clients, form.window_s) for _ in range(form.samples)]
        return windows, server.tell("stat")["late"]


def applied(name: str, windows: list[Window], conditions: str) -> None:
    """Prints ticks_applied of a scene."""
    figure(f"sync.{name}.ticks_applied", [each.seen["applied"] for each in windows], "fraction", conditions)


def describe(form: Form, windows: list[Window], what: str) -> str:
    """The conditions of a crowd."""

    def middle(value: Callable[[Window], float]) -> float:
        return statistics.median(value(each) for each in windows)

    last, a_tick = windows[-1].seen, middle(lambda each: 1e3 * each.cpu_s / max(1, each.ticks))
    return (
        f"{what}; the stream alone, no telemetry, no USD; {form.window_s:g} s a window; server "
        f"{middle(lambda each: each.server_cpu):.0%} of a core ({a_tick:.2f} ms a tick), all clients "
        f"{middle(lambda each: each.client_cpu):.0%} of another; they waited for other programs "
        f"{middle(lambda each: each.server_waited):.0%} and {middle(lambda each: each.client_waited):.0%} of the time; "
        f"{last['compared']} ticks compared with the motion: at most {last['error_mm']:.3f} mm, "
        f"{last['error_deg']:.4f} degrees; least of a client {last['applied_least']:.3f}; {load()}"
    )


# ------------------------------------------------------------------------------------------ the crowds


def bench_10k(form: Form) -> None:
    """Fifty clients, all figures of them."""
    name = "10k_60hz_50_clients"
    windows, late = crowd(form, 10_000, 60, 50, boxes=True, every=10)
    whole, whole_late = crowd(replace(form, samples=1), 10_000, 60, 50, boxes=True, every=10, twin=True)
    conditions = describe(form, windows, f"10,000 prims at 60 Hz to 50 clients, {late} ticks late")
    seen = whole[0].seen
    applied(
        name,
        windows,
        f"{conditions}; the whole twin, which writes USD five times a second, too: {seen['applied']:.3f}, "
        f"p50 {seen['p50']:.1f} ms, p99 {seen['p99']:.1f} ms, server {whole[0].server_cpu:.0%} of a core, "
        f"{whole_late} ticks late",
    )
    conditions = describe(
        form, windows, "10,000 prims at 60 Hz to 50 clients, age of a tick when a client has it"
    )
    for share in ("p50", "p99"):
        figure(f"sync.{name}.{share}", [each.seen[share] for each in windows], "ms", conditions)
    sizes = [each.seen["bytes_per_tick"] / 10_000 for each in windows]
    peer = viser_peer("nodes", form)
    conditions = "10,000 prims, every one moves in every tick, headers included"
    more = against(peer, peer.bytes_per_pose, sizes, less=True)
    figure(f"sync.{name}.bytes_per_prim_tick", sizes, "B", conditions, **more)
    bench_encode(form)


def bench_cpu(form: Form) -> None:
    """One client each, which is kind to the peer: it encodes anew for every client."""
    with stage(10_000, 60, boxes=True) as (server, clients):
        server.tell("go")
        clients.do("connect", clients=1)
        windows = [watch(server, clients, form.window_s) for _ in range(form.samples)]
    ours = [10_000 * each.seen["ticks"] / each.cpu_s for each in windows]
    peer, batch = viser_peer("nodes", form), viser_peer("batched", replace(form, viser_s=form.viser_s / 2))
    middle, theirs, array = (statistics.median(each) for each in (ours, peer.per_cpu_s, batch.per_cpu_s))
    conditions = (
        f"10,000 prims at 60 Hz, one client; {middle:,.0f} pose sets a second of server CPU against {theirs:,.0f} of viser "
        f"with a node a prim, tick after tick, each once its client has the last one; with all prims in one of its batched "
        f"meshes, in which none can be picked, hidden or moved alone, viser sends {array:,.0f} (our ratio "
        f"{middle / array:.2f}) of {statistics.median(batch.bytes_per_pose):.0f} B each; {load()}"
    )
    more = {"peer": peer.name, "peer_value": round(theirs, 1)}
    name = "sync.distinct_pose_sets_per_server_cpu_second_ratio_to_viser"
    ratios = [each / theirs for each in ours]
    figure(name, ratios, "ratio", conditions, **more, ratio=round(statistics.median(ratios), 2))


def bench_100k(form: Form) -> None:
    """Ten clients."""
    windows, late = crowd(form, 100_000, 10, 10, boxes=False, every=5)
    what = f"100,000 prims at 10 Hz to 10 clients, {late} ticks late"
    applied("100k_10hz_10_clients", windows, describe(form, windows, what))


def bench_1k(form: Form) -> None:
    """Two hundred clients."""
    windows, late = crowd(form, 1_000, 30, 200, boxes=False, every=10)
    what = f"1,000 prims at 30 Hz to 200 clients, {late} ticks late"
    applied("1k_30hz_200_clients", windows, describe(form, windows, what))


def bench_encode(form: Form) -> None:
    """A process of its own: the hub with one client that acknowledges at once, no socket."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_stage(Path(folder) / "plant.usda", make_motion(10_000, 60), boxes=False)
        child = Child("_fanout_encode.py", path, 10_000, 60, form.samples, core=0)
        answer = child.hear()
        child.end()
    conditions = (
        f"10,000 prims, taken in and encoded once for all clients, processor time; {answer['what']}; {load()}"
    )
    figure("sync.10k_60hz_50_clients.encode_per_tick", answer["ms"], "ms", conditions)


# ------------------------------------------------------------------------------------------ bad clients


def bench_bad(form: Form) -> None:
    """Windows in turns: without and with them."""
    shifts, grown, behind, told = [], [], [], dict[str, Any]()
    with stage(5_000, 30, boxes=False) as (server, clients):
        server.tell("go")
        clients.do("judge", prims=5_000, hz=30, every=30)
        clients.do("connect", clients=16)
        time.sleep(1.0)
        for _ in range(form.samples):
            clean = watch(server, clients, form.clean_s)
            before = server.tell("stat")["rss"]
            clients.do("misbehave", bytes_per_second=65536.0)
            bad = watch(server, clients, form.bad_s)
            grown.append(server.tell("stat")["rss"] - before)
            told = clients.do("recover", wait=2.0)
            clients.do("leave")
            shifts.append(bad.seen["p99"] - clean.seen["p99"])
            behind.append(told["slow_ms"])
    conditions = (
        f"5,000 prims at 30 Hz; 17 good clients, in turns {form.clean_s:g} s alone and {form.bad_s:g} s with one that stops to "
        f"read, one that reads 64 KB/s, one that is hidden; p99 with them {bad.seen['p99']:.1f} ms; 2 s after it reads freely "
        f"again the slow one is {statistics.median(behind):.0f} ms behind live (worst {max(behind):.0f}), the hidden one "
        f"{told['hidden_ms']:.0f} ms; closed: {told['gone'] or 'none'}; {load()}"
    )
    figure("sync.bad_clients_p99_shift", shifts, "ms", conditions)
    figure("sync.bad_clients_memory_growth", grown, "MB", conditions)


# ------------------------------------------------------------------------------------------ join


def bench_join(form: Form) -> None:
    """Beside a running stream, one after the other."""
    with stage(10_000, 60, boxes=True) as (server, clients):
        server.tell("go")
        clients.do("join", path=path_of(0))  # the first one pays for what is made once
        found = [clients.do("join", path=path_of(9_999))["ms"] for _ in range(form.samples)]
    peer = viser_peer("nodes", form)
    conditions = (
        f"10,000 prims that move at 60 Hz; scene description, keyframe and its decoding included; the peer, whose "
        f"prims stand still meanwhile, until its replay of the scene has ended; {load()}"
    )
    figure("sync.join_10k", found, "ms", conditions, **against(peer, peer.join_ms, found, less=True))


def against(peer: "Peer", theirs: list[float], ours: list[float], *, less: bool) -> dict[str, Any]:
    """What `figure` says of the peer."""
    a, b = statistics.median(ours), statistics.median(theirs)
    return {"peer": peer.name, "peer_value": round(b, 2), "ratio": round(b / a if less else a / b, 2)}


@dataclass
class Peer:
    """What viser did, sample by sample."""

    name: str
    join_ms: list[float]
    per_cpu_s: list[float]
    """Pose sets that reached a client, by a second of its server's processor time."""
    bytes_per_pose: list[float]


@functools.cache
def viser_peer(way: str, form: Form) -> Peer:
    """viser with 10,000 prims and one client; see `_fanout_viser`. Measured once a run."""
    child = Child("_fanout_viser.py", way, 10_000, 60, core=0)
    told = child.hear()
    peer = Peer(f"viser {told['version']}", [], [], [])

    @contextlib.asynccontextmanager
    async def client() -> AsyncIterator[Seen]:
        seen = Seen()
        task = asyncio.create_task(follow(told["port"], told["version"], seen))
        try:
            await asyncio.wait_for(seen.replayed.wait(), 60)
            yield seen
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def join() -> None:
        begun = time.perf_counter()
        async with client():  # nothing moves meanwhile, which is kind to the peer
            peer.join_ms.append((time.perf_counter() - begun) * 1e3)

    async def stream(first: int) -> int:
        """One tick after the other, each when the client has all of the last one: nothing is done in vain."""
        async with client() as seen:
            tick, size, begun, cpu = first, seen.bytes, time.perf_counter(), child.tell(0)["cpu"]
            while time.perf_counter() - begun < form.viser_s:
                tick += 1
                await asyncio.to_thread(child.tell, tick)
                await asyncio.wait_for(seen.until(tick), 60)
            poses = 10_000 * (tick - first)
            peer.per_cpu_s.append(poses / (child.tell(0)["cpu"] - cpu))
            peer.bytes_per_pose.append((seen.bytes - size) / poses)
        return tick

    async def all_of_it() -> None:
        for _ in range(form.samples if way == "nodes" else 1):
            await join()
        tick = 0
        for _ in range(form.samples):
            tick = await stream(tick)

    try:
        asyncio.run(all_of_it())
    finally:
        child.end()
    return peer


# ------------------------------------------------------------------------------------------ the whole twin

SIGNALS, RATE = 1_000, 5_000
CONTRACT = """contract: 1
sources:
  plant: {{uri: "tcp://127.0.0.1:{port}", lateness: 0,
          reader: {{format: jsonl, layout: long, time: {{field: t, unit: ns}}, name: tag, value: v}}}}
signals:
{signals}
"""
BINDINGS = """bindings: 1
contract: contract.yaml
bindings:
  - {kind: pose, pattern: "/Plant/Line0/Part{n}", position: {z: "s{n}"}}
"""
PRODUCER = """
import socket, sys, time
port, seconds, rate, signals = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
sock = socket.create_connection(("127.0.0.1", port))
start, sent = time.perf_counter(), 0
while (elapsed := time.perf_counter() - start) < seconds:
    due = int(elapsed * rate)
    now = time.time_ns()
    rows = [b'{"t": %d, "tag": "s%d", "v": %.3f}\\n' % (now + k, k % signals, k / rate) for k in range(sent, due)]
    if rows:
        sock.sendall(b"".join(rows))
        sent = due
    time.sleep(0.001)
"""


def bench_event(form: Form) -> None:
    """Telemetry over TCP, ingest, bindings, stream, a client of the product."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        motion = make_motion(SIGNALS, 60)
        text = write_stage(folder / "plant.usda", motion, boxes=False).read_text("utf-8")
        # One line of a thousand, so that one pattern binds them all.
        (folder / "plant.usda").write_text(one_line(text), "utf-8")
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = int(probe.getsockname()[1])
        rows = [f"  - {{id: s{i}, source: plant, field: s{i}, unit: m, type: f64}}" for i in range(SIGNALS)]
        (folder / "contract.yaml").write_text(CONTRACT.format(port=port, signals="\n".join(rows)), "utf-8")
        (folder / "bindings.yaml").write_text(BINDINGS, "utf-8")
        with serving(folder) as (process, url):
            clients = Child("_fanout_clients.py", url, core=1)
            clients.do("values")
            runs, waits = [], []
            for _ in range(form.samples):
                command = [sys.executable, "-c", PRODUCER, *map(str, (port, form.latency_s, RATE, SIGNALS))]
                clients.do("mark")
                both = (process, clients.process.pid)
                waited = [waited_s(each) for each in both]
                subprocess.run(command, check=True)
                waits.append(
                    [(waited_s(each) - was) / form.latency_s for each, was in zip(both, waited, strict=True)]
                )
                runs.append(clients.do("ages"))
            clients.do("quit")
            clients.end()
    server, client = (statistics.median(shares) for shares in zip(*waits, strict=True))
    conditions = (
        f"{RATE:,} readings/s as JSON lines over TCP, {SIGNALS:,} signals that move as many prims, lateness 0, ticks at "
        f"60 Hz, `twinstage serve` on one core, {form.latency_s:g} s a run, {runs[-1]['rows']:,} values seen in the last one; "
        f"server and client waited for other programs {server:.0%} and {client:.0%} of the time; {load()}"
    )
    for share in ("p50", "p99"):
        figure(f"sync.event_to_client_{share}_5k_events", [run[share] for run in runs], "ms", conditions)


def one_line(text: str) -> str:
    """The stage with all prims below the first line."""
    lines = text.splitlines()
    begins = [k for k, line in enumerate(lines) if line.startswith('    def Xform "Line')][1:]
    gone = {k + step for k in begins for step in (-1, 0, 1)}
    return "\n".join(line for k, line in enumerate(lines) if k not in gone) + "\n"


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[tuple[int, str]]:
    """`twinstage serve`; its process and address."""
    command = [sys.executable, "-m", "twinstage", "serve", str(folder / "plant.usda"), "--port", "0"]
    command += ["--bindings", str(folder / "bindings.yaml")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    pin(process.pid, 0)
    try:
        assert process.stdout is not None
        line = next((line for line in process.stdout if line.startswith("serving ")), "")
        if not line:
            sys.exit("the server did not start")
        yield process.pid, line.split(" at ")[1].split()[0]
    finally:
        process.terminate()
        process.wait(15)


PARTS: dict[str, Callable[[Form], None]] = {
    "10k": bench_10k,
    "100k": bench_100k,
    "1k": bench_1k,
    "cpu": bench_cpu,
    "bad": bench_bad,
    "join": bench_join,
    "event": bench_event,
}


def main() -> None:
    """All figures of this file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="shorter windows, the same figures")
    parser.add_argument("--only", default=" ".join(PARTS), help=f"parts by name: {' '.join(PARTS)}")
    options = parser.parse_args()
    for name in options.only.split():
        PARTS[name](QUICK if options.quick else Form())


if __name__ == "__main__":
    main()
