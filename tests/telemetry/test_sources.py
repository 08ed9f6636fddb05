"""Sources and the pump that runs them: replay, loop, live lines, failures."""

import asyncio
import json
import math
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from twinstage.base.clock import SystemClock
from twinstage.base.errors import UserError
from twinstage.telemetry.contract import Contract, parse_contract
from twinstage.telemetry.ingest import Ingest
from twinstage.telemetry.preflight import check_sources
from twinstage.telemetry.pump import SourceStatus, pump
from twinstage.telemetry.reading import Reading
from twinstage.telemetry.sources import FileSource, MemoryChannel, Restart
from twinstage.telemetry.sources.tcp import tcp_address

NS = 1_000_000_000


def contract(uri: str, reader: str, extra: str = "", field: str = "x") -> Contract:
    return parse_contract(
        f"contract: 1\nsources: {{s: {{uri: '{uri}', reader: {{{reader}}}{extra}}}}}\n"
        f"signals: [{{id: x, source: s, field: {field}, unit: mm}}]\n"
    )


CSV = "format: csv, time: {column: t, epoch: relative}"
JSONL = "format: jsonl, layout: long, time: {field: t, unit: ms}, name: tag, value: v"


def run(
    made: Contract,
    ingest: Ingest,
    base_dir: Path,
    *,
    speed: float = 1.0,
    stop_after: float | None = None,
    received: int | None = None,
) -> None:
    """Pump until the sources end, for that many seconds, or until `s` has received so many readings in all."""

    async def main() -> None:
        stop = asyncio.Event()
        if stop_after is not None:
            asyncio.get_running_loop().call_later(stop_after, stop.set)

        def look() -> None:
            (counts,) = ingest.counters.values()
            if received is not None and counts["received"] >= received:
                stop.set()

        async with asyncio.timeout(60):
            await pump(
                *(made, ingest),
                **{"base_dir": base_dir, "clock": SystemClock(), "seed": 0, "speed": speed, "stop": stop},
                on_data=look,
            )

    asyncio.run(main())


def test_replay_as_fast_as_possible_applies_everything(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("t,x\n" + "".join(f"{i},{i}\n" for i in range(20_000)) + "20000,7")
    made = contract("file:a.csv", CSV, ", clock: {epoch: 1970-01-01T00:00:00Z}, lateness: 3")
    ingest = Ingest(made)
    run(made, ingest, tmp_path, speed=math.inf)
    ingest.advance(0)
    assert ingest.counters["s"]["applied"] == 20_001
    assert ingest.state.event_ns[0] == 20_000 * NS
    assert ingest.state.numeric[0] == 0.007


def test_replay_is_paced_by_the_rows_and_by_the_speed(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("# recorded\nt,x\n10.0,1\n10.1,2\nnonsense\n10.6,3\n11.0,4\n")
    made = contract("file:a.csv", CSV + ", comment: '#'", ", clock: {epoch: now}")

    async def main(speed: float) -> list[tuple[float, bytes]]:
        started = time.monotonic()
        stream = FileSource().open(
            "file:a.csv", spec=made.sources["s"], base_dir=tmp_path, seed=0, clock=SystemClock(), speed=speed
        )
        return [(time.monotonic() - started, chunk) async for chunk in stream if isinstance(chunk, bytes)]

    chunks = [b"# recorded\nt,x\n10.0,1\n", b"10.1,2\nnonsense\n", b"10.6,3\n", b"11.0,4\n"]
    dues = (0.0, 0.1, 0.6, 1.0)

    def late(speed: float) -> float:
        """By how much the latest chunk of a run came late [s]; what comes late comes together with what is due by then."""
        got = asyncio.run(main(speed))
        assert b"".join(chunk for _, chunk in got) == b"".join(chunks)
        heard = [at for at, chunk in got for one in chunks if chunk.endswith(one) or one in chunk]
        late = [at - due / speed for at, due in zip(heard, dues, strict=True)]
        assert min(late) > -0.005, "never early"
        return max(late)

    # On a busy machine a run may be late, but not all of them.
    for speed in (1.0, 4.0):
        assert any(late(speed) < 0.25 for _ in range(20))


def test_a_loop_shifts_event_times_by_whole_cycles_and_tells_the_restart(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("t,x\n5.0,1\n5.1,2\n5.2,3\n")
    made = contract("file:a.csv", CSV, ", clock: {epoch: 1970-01-01T00:00:00Z}, loop: true")
    applied: list[Reading] = []
    ingest = Ingest(made, on_applied=applied.extend)
    restarts: list[tuple[int, int]] = []

    async def main() -> None:
        stop = asyncio.Event()

        def look() -> None:
            ingest.advance(0)
            restarts.append((len(applied), ingest.restarts))

        running = pump(
            made, ingest, base_dir=tmp_path, clock=SystemClock(), seed=0, speed=4.0, stop=stop, on_data=look
        )
        task = asyncio.create_task(running)
        while len(applied) < 10:
            await asyncio.sleep(0.01)
        stop.set()
        await task

    asyncio.run(main())
    assert [r.source_timestamp // 1_000_000 for r in applied[:10]] == [5000 + 100 * i for i in range(10)]
    assert [r.value for r in applied[:6]] == pytest.approx([0.001, 0.002, 0.003] * 2)
    # One look for each row, or for several of a cycle where the machine is late.
    assert all(told == (rows - 1) // 3 for rows, told in restarts), restarts
    assert restarts[-1][1] >= 3


def test_a_loop_without_two_times_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("t,x\n5.0,1\n")
    made = contract("file:a.csv", CSV, ", clock: {epoch: now}, loop: true")

    async def main() -> list[object]:
        stream = FileSource().open(
            "file:a.csv", spec=made.sources["s"], base_dir=tmp_path, seed=0, clock=SystemClock(), speed=1.0
        )
        return [chunk async for chunk in stream]

    with pytest.raises(UserError, match="cannot loop"):
        asyncio.run(main())


def test_jsonl_replay_with_a_malformed_line_applies_the_rest(tmp_path: Path) -> None:
    lines = [json.dumps({"t": i, "tag": "x", "v": i}) for i in range(100)]
    lines[50] = '{"t": 50, "tag": "x", '
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    made = contract("file:a.jsonl", JSONL)
    ingest = Ingest(made)
    run(made, ingest, tmp_path, speed=math.inf)
    ingest.advance(0)
    counts = ingest.counters["s"]
    assert (counts["received"], counts["applied"], counts["quarantined"]) == (100, 99, 1)


@pytest.mark.parametrize(
    ("uri", "content", "words"),
    [
        ("file:b.csv", None, r"no telemetry file '.*b\.csv'; did you mean 'a\.csv'"),
        ("file:.", None, "is a folder"),
        ("file:a.csv", "", "is empty"),
        ("file:a.csv", "t,y\n1,2\n", r"a\.csv:1: .*a column named 'x'"),
        ("file:a.csv", "t,x\nnoon,2\n", r"a\.csv:2: t is 'noon'; expected a number of s"),
        ("file:a.csv", "t,x\n1,two\n", r"a\.csv:2: x is 'two'; expected a number"),
        ("file:a.csv", "t,x\n", "has no reading of any signal"),
        ("zmq:a", None, "source 's': no telemetry source named 'zmq'; known: file, memory"),
        ("tcp:99999", None, "names no port"),
        ("tcp:0.0.0.0:9000", None, "only 127.0.0.1 is allowed"),
    ],
)
def test_sources_that_cannot_work_are_one_sentence(
    tmp_path: Path, uri: str, content: str | None, words: str
) -> None:
    (tmp_path / "a.csv").write_text("t,x\n1,2\n" if content is None else content)
    made = contract(uri, CSV, ", clock: {epoch: now}")
    with pytest.raises(UserError, match=words) as caught:
        run(made, Ingest(made), tmp_path)
    assert "\n" not in str(caught.value)


def test_a_name_that_no_row_has_gets_a_near_miss(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"t": 1, "tag": "motor_speed", "v": 1}\n')
    with pytest.raises(UserError, match="did you mean 'motor_speed'"):
        check_sources(contract("file:a.jsonl", JSONL, field="motor_sped"), tmp_path)


def test_suspicions_are_findings_not_errors(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("t,x,y\n1,2,\n")
    made = parse_contract(f"""
contract: 1
sources: {{s: {{uri: "file:a.csv", clock: {{epoch: now}}, reader: {{{CSV}}}}}}}
signals: [{{id: x, source: s, field: x}}, {{id: y, source: s, field: y}}]
""")
    (finding,) = check_sources(made, tmp_path)
    assert "no value of signal 'y' among the first 2 lines" in finding


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def connect(port: int) -> asyncio.StreamWriter:
    for _ in range(200):
        try:
            return (await asyncio.open_connection("127.0.0.1", port))[1]
        except OSError:
            await asyncio.sleep(0.01)
    raise AssertionError("nobody listens")


def test_tcp_takes_lines_of_many_writers_and_applies_them_quickly(tmp_path: Path) -> None:
    port = free_port()
    made = contract(f"tcp:{port}", JSONL, ", max_line: 1000")
    latencies: list[float] = []

    async def main() -> Ingest:
        ingest, stop, applied = Ingest(made), asyncio.Event(), asyncio.Event()

        def look() -> None:
            if ingest.advance(0):
                applied.set()

        running = pump(
            made, ingest, base_dir=tmp_path, clock=SystemClock(), seed=0, speed=1.0, stop=stop, on_data=look
        )
        task = asyncio.create_task(running)
        writers = [await connect(port) for _ in range(5)]
        for number in range(200):  # one at a time: event -> applied
            applied.clear()
            started = time.perf_counter()
            line = json.dumps({"t": number, "tag": "x", "v": number}).encode()
            writer = writers[number % 5]
            writer.write(line[:9])
            await writer.drain()
            writer.write(line[9:] + b"\n")
            await asyncio.wait_for(applied.wait(), 60)
            latencies.append(time.perf_counter() - started)
        # Five at once, cut at bad places, one line far too long.
        rows = [
            [json.dumps({"t": 1000, "tag": "x", "v": i}).encode() + b"\n" for i in range(100)]
            for _ in writers
        ]
        rows[0][50] = b"x" * 5000 + b"\n"
        for start in range(0, 40, 7):
            for writer, mine in zip(writers, rows, strict=True):
                writer.write(b"".join(mine)[start * 100 : (start + 7) * 100])
                await writer.drain()
        for writer, mine in zip(writers, rows, strict=True):
            writer.write(b"".join(mine)[4200:])
            writer.close()
        for _ in range(300):
            if ingest.counters["s"]["received"] == 700:
                break
            await asyncio.sleep(0.01)
        stop.set()
        await task
        return ingest

    counts = asyncio.run(main()).counters["s"]
    assert counts["received"] == 700
    assert counts["quarantined"] == 1  # the line that is too long; no writer's rows were cut by another's
    assert counts["applied"] + counts["duplicate"] == 699
    assert sorted(latencies)[100] < 0.010  # p50


def test_a_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        made = contract(f"tcp:{port}", JSONL)
        with pytest.raises(UserError, match=f"port {port} on 127.0.0.1, .*, is in use"):
            run(made, Ingest(made), tmp_path)


def test_tcp_addresses() -> None:
    assert tcp_address("tcp:9000") == ("127.0.0.1", 9000)
    assert tcp_address("tcp://localhost:9000") == ("127.0.0.1", 9000)
    assert tcp_address("tcp:[::1]:9000") == ("::1", 9000)


def test_a_failing_source_is_counted_and_opened_again_while_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("twinstage.telemetry.pump.FIRST_RETRY_S", 0.01)
    made = parse_contract(f"""
contract: 1
sources:
  good: {{uri: "memory:good", reader: {{{JSONL}}}}}
  bad: {{uri: "memory:bad", reader: {{{JSONL}}}}}
signals: [{{id: x, source: bad, field: x}}, {{id: y, source: good, field: y}}]
""")
    ingest, status = Ingest(made), dict[str, SourceStatus]()

    async def main() -> None:
        good, stop = MemoryChannel("good"), asyncio.Event()
        running = pump(
            made, ingest, base_dir=tmp_path, clock=SystemClock(), seed=0, speed=1.0, stop=stop, status=status
        )
        task = asyncio.create_task(running)
        await asyncio.sleep(0.05)  # `bad` is not there yet: opening it fails
        bad = MemoryChannel("bad")
        await bad.put(b'{"t": 1, "tag": "x", "v": 1}\n{"t": 2, "ta')
        await bad.fail(ConnectionResetError("cable pulled"))
        await bad.put(b'{"t": 3, "tag": "x", "v": 3}\n')
        await good.put(b'{"t": 1, "tag": "y", "v": 1}\n')
        for channel in (good, bad):
            await channel.close()
        await asyncio.wait_for(task, 60)

    asyncio.run(main())
    ingest.advance(0)
    assert ingest.state.numeric.tolist() == [3.0, 1.0]
    assert ingest.counters["bad"]["quarantined"] == 1  # the half line
    assert status["bad"].failures >= 2
    assert (status["good"].failures, status["good"].state, status["bad"].state) == (0, "ended", "ended")
    assert any("cable pulled" in r.getMessage() for r in caplog.records)


def test_memory_passes_restarts_on(tmp_path: Path) -> None:
    made = contract("memory:again", CSV, ", clock: {epoch: 1970-01-01T00:00:00Z}")
    ingest = Ingest(made)

    async def main() -> None:
        channel = MemoryChannel("again")
        for chunk in (b"t,x\n1,1\n", Restart(10 * NS), b"t,x\n1,2\n"):
            await channel.put(chunk)
        await channel.close()
        await pump(
            made, ingest, base_dir=tmp_path, clock=SystemClock(), seed=0, speed=1.0, stop=asyncio.Event()
        )

    asyncio.run(main())
    ingest.advance(0)
    assert (ingest.restarts, ingest.state.event_ns[0]) == (1, 11 * NS)


def test_stopping_ends_a_pump_that_would_run_forever(tmp_path: Path) -> None:
    made = contract(f"tcp:{free_port()}", JSONL)
    started = time.monotonic()
    run(made, Ingest(made), tmp_path, stop_after=0.1)
    assert time.monotonic() - started < 30


@pytest.mark.shared
def test_the_palletizer_cycle_loops_through_the_pump(shared: Path) -> None:
    made = parse_contract("""
contract: 1
sources:
  robot:
    uri: "file:fanuc_palletizer/palletizer_trajectory.csv"
    reader: {format: csv, comment: "#", time: {column: time_s, epoch: relative}}
    clock: {epoch: now}
    lateness: 0.2
    loop: true
signals: [{id: j1, source: robot, field: J1_deg, unit: deg, range: [-180, 180]}]
""")
    applied: list[Reading] = []
    ingest = Ingest(made, on_applied=applied.extend)
    run(made, ingest, shared / "telemetry", speed=60.0, received=2 * 688 + 300)
    ingest.advance(0)
    counts = ingest.counters["robot"]
    assert counts["applied"] > 2 * 688
    assert (counts["quarantined"], counts["late"], counts["duplicate"]) == (0, 0, 0)
    assert ingest.restarts == (counts["applied"] - 1) // 688
    cycle = 26_154_000_000 + 26_154_000_000 // 687  # the recording, and one mean step
    for early, later in zip(applied, applied[688:], strict=False):
        assert later.source_timestamp - early.source_timestamp == cycle
        assert later.value == early.value


@pytest.mark.parametrize(
    ("epoch", "stopped"), [("now", False), ("1970-01-01T00:00:00Z", False), ("now", True)]
)
def test_a_second_run_on_the_same_ingest_replays_again(tmp_path: Path, epoch: str, stopped: bool) -> None:
    (tmp_path / "a.csv").write_text("t,x\n0,1\n0.05,2\n0.1,3\n" + ("9,4\n" if stopped else ""))
    made = contract("file:a.csv", CSV, f", clock: {{epoch: '{epoch}'}}, lateness: 0.01")
    applied: list[Reading] = []
    ingest = Ingest(made, on_applied=applied.extend)
    values = []
    for count in (1, 2, 3):
        run(made, ingest, tmp_path, received=3 * count if stopped else None)
        ingest.advance(time.time_ns() + 60 * NS)
        values.append(len(applied))
        assert ingest.restarts == count - 1
    assert values == [3, 6, 9]
    times = [r.source_timestamp for r in applied]
    assert times == sorted(set(times))
    assert (ingest.counters["s"]["late"], ingest.counters["s"]["duplicate"]) == (0, 0)


def test_a_file_that_fails_in_the_middle_begins_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twinstage.telemetry.pump.FIRST_RETRY_S", 0.01)
    (tmp_path / "a.csv").write_text("t,x\n0,1\n0.02,2\n0.04,3\n")
    made = contract("file:a.csv", CSV, ", clock: {epoch: now}")
    opened = FileSource.open
    failures = [OSError("disk gone")]

    async def flaky(self: FileSource, *args: object, **more: object) -> AsyncIterator[object]:
        async for chunk in opened(self, *args, **more):  # type: ignore[arg-type]
            if isinstance(chunk, bytes) and b"0.04,3" in chunk and failures:
                raise failures.pop()
            yield chunk

    monkeypatch.setattr(FileSource, "open", flaky)
    applied: list[Reading] = []
    ingest = Ingest(made, on_applied=applied.extend)
    run(made, ingest, tmp_path)
    ingest.advance(time.time_ns())
    *before, first, second, third = [r.value for r in applied]
    assert [first, second, third] == [0.001, 0.002, 0.003]
    # A row that came late came together with the last one.
    assert before == [0.001, 0.002][: len(before)] and not failures
    assert ingest.restarts == 1
    assert ingest.counters["s"]["quarantined"] == 0


def test_a_live_source_of_a_second_run_begins_with_a_whole_line_and_goes_on(tmp_path: Path) -> None:
    made = contract("memory:twice", JSONL)
    ingest = Ingest(made)
    for number, chunk in enumerate(
        (b'{"t": 1, "tag": "x", "v": 1}\n{"t": 2, "ta', b'{"t": 3, "tag": "x", "v": 3}\n')
    ):

        async def main(chunk: bytes = chunk) -> None:
            channel, stop = MemoryChannel("twice"), asyncio.Event()
            await channel.put(chunk)
            running = pump(
                made,
                ingest,
                base_dir=tmp_path,
                clock=SystemClock(),
                seed=0,
                speed=1.0,
                stop=stop,
                on_data=stop.set,
            )
            await asyncio.wait_for(running, 60)

        asyncio.run(main())
        ingest.advance(0)
        assert ingest.state.event_ns[0] == (1 + 2 * number) * 1_000_000
    assert (ingest.restarts, ingest.counters["s"]["quarantined"]) == (0, 1)


def test_replays_at_another_speed_age_by_arrival(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("t,x\n0,1\n")
    made = contract("file:a.csv", CSV, ", clock: {epoch: now}")
    for speed, by_arrival in ((1.0, False), (4.0, True)):
        ingest = Ingest(made)
        run(made, ingest, tmp_path, speed=speed)
        assert ingest.state.by_arrival.tolist() == [by_arrival]
