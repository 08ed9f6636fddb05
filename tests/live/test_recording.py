"""`record`, `open`, `serve --record` and `Twin.record` over real sockets and files, and what they say to mistakes."""

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

import twinstage
from twinstage.base.errors import UserError
from twinstage.cli.app import run
from twinstage.live.producer import Twin
from twinstage.live.recording.beside import record_live
from twinstage.live.recording.opened import OpenedRecording, PlayChoices
from twinstage.live.recording.remote import RecordChoices, record
from twinstage.sync.client import Client, connect
from twinstage.sync.recording.archive import Archive
from twinstage.sync.serve import running

pytestmark = pytest.mark.timeout(90)

STAGE = """#usda 1.0
(
    defaultPrim = "Cell"
    metersPerUnit = 0.01
    upAxis = "Y"
)
def Xform "Cell"
{
    def Xform "AGV"
    {
        double3 xformOp:translate = (100, 0, 0)
        uniform token[] xformOpOrder = ["xformOp:translate"]
        def Cube "Body"
        {
            double size = 50
        }
    }
}
"""


@pytest.fixture
def stage(tmp_path: Path) -> Path:
    path = tmp_path / "cell.usda"
    path.write_text(STAGE)
    return path


@pytest.fixture
def twin(stage: Path) -> Iterator[Twin]:
    with twinstage.open(stage) as made:
        made.serve(port=0)
        yield made


class Mover:
    """Moves the vehicle every few milliseconds until told to stop."""

    def __init__(self, twin: Twin) -> None:
        self._twin, self._stop = twin, threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        x = 0.0
        while not self._stop.wait(0.01):
            x += 0.01
            self._twin.set("/Cell/AGV", position=(x, 0, 0), color="#ff8800" if x > 0.5 else "")

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def marks_of(path: Path) -> list[tuple[int, str]]:
    """Time and digest of each keyframe, by the recorder."""
    archive = Archive(path)
    out = [(step.at_ns, step.mark.sha256) for step in archive.steps() if step.mark is not None]
    archive.close()
    return out


def steps_of(path: Path) -> int:
    archive = Archive(path)
    count = sum(1 for step in archive.steps() if step.frames)
    archive.close()
    return count


def steps_so_far(path: Path) -> int:
    """The same of a recording that is being written, of which nothing may be there yet."""
    try:
        return steps_of(path)
    except UserError:
        return 0


def opened_while(
    path: Path, choices: PlayChoices, work: Callable[[str, Client, OpenedRecording], Any]
) -> Any:
    """Runs `work` beside a served recording and a client of it."""

    async def main() -> Any:
        opened = OpenedRecording(path, choices)
        async with running(opened.app(), port=0) as url:
            playing = asyncio.create_task(opened.run())
            try:
                async with connect(url) as client:
                    return await work(url, client, opened)
            finally:
                playing.cancel()
                opened.archive.close()

    return asyncio.run(asyncio.wait_for(main(), 200))


def asked(url: str, body: Any = None) -> Any:
    request = Request(f"{url}/api/v1/playback")
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("content-type", "application/json")
    with urlopen(request, timeout=10) as answer:
        return json.load(answer)


def test_a_server_is_recorded_and_played_as_it_was(twin: Twin, tmp_path: Path) -> None:
    out = tmp_path / "a.twinrec"
    with Mover(twin):
        done = record(twin.url, out, RecordChoices(duration=1.5, keyframe_seconds=0.4))
    assert done.seconds < 2.5  # the package may take longer, but nothing is kept of that time
    assert done.ticks > 10 and done.bytes == out.stat().st_size and done.notes == ()
    marks = marks_of(out)
    assert len(marks) >= 3

    async def work(url: str, client: Client, opened: OpenedRecording) -> None:
        assert opened.archive.names("stage") == ["stage.usdz"]
        assert client.welcome is not None and client.welcome.stage.up_axis == "Y"
        for at, was in [*marks, *reversed(marks)]:
            state = await asyncio.to_thread(asked, url, {"seekNs": str(at), "requestId": "r7"})
            assert state["didSeek"] and state["requestId"] == "r7" and state["status"] == "paused"
            digests = await client.digest()
            assert digests.equal and digests.client == was
        authored = client.local("/Cell/AGV")[0, 3]
        await asyncio.to_thread(asked, url, {"seekSeconds": 0, "command": "play", "speed": 4.0})
        seen = []
        while asked_status(await asyncio.to_thread(asked, url)) != "ended":
            seen.append(client.local("/Cell/AGV")[0, 3])
            await asyncio.sleep(0.02)
        digests = await client.digest()
        assert digests.client == marks[-1][1]
        seen = [x for x in seen if x != authored]
        assert client.local("/Cell/AGV")[0, 3] > seen[0] and seen == sorted(seen) and len(set(seen)) > 3
        assert (await client.geometry(0))[:4] == b"glTF"
        package = await client.fetch("/api/v1/stage.usdz")
        assert package[:2] == b"PK"
        assert client.reconnects == 0

    def asked_status(state: Any) -> str:
        return str(state["status"])

    opened_while(out, PlayChoices(paused=True), work)


def test_the_playback_is_asked_and_told(twin: Twin, tmp_path: Path) -> None:
    out = tmp_path / "a.twinrec"
    with Mover(twin):
        record(twin.url, out, RecordChoices(duration=0.7, stage=False))

    def refused(url: str, body: Any) -> tuple[int, str]:
        with pytest.raises(HTTPError) as caught:
            asked(url, body)
        with caught.value as error:
            return error.code, json.load(error)["error"]

    async def work(url: str, client: Client, opened: OpenedRecording) -> None:
        def talk() -> None:
            state = asked(url)
            assert state["status"] == "paused" and state["durationSeconds"] == pytest.approx(0.7, abs=0.4)
            assert int(state["endNs"]) - int(state["startNs"]) == round(state["durationSeconds"] * 1e9)
            assert state["seconds"] == pytest.approx(0.2, abs=1e-6) and state["shownSeq"] >= 0
            assert asked(url, {"loop": True, "speed": 0.5})["loop"] is True
            code, text = refused(url, {"seekSeconds": 99})
            assert code == 422 and "lies outside the recording" in text
            code, text = refused(url, {"seekSeconds": 0.1, "seekNs": state["startNs"]})
            assert code == 422 and "give one of them" in text
            assert refused(url, {"speed": 1000})[0] == 422 and refused(url, {"command": "fly"})[0] == 422
            assert asked(url)["speed"] == 0.5  # nothing of what was refused was done
            for path in ("/api/v1/prims", "/api/v1/stage.usdz", "/api/v1/values"):
                with pytest.raises(HTTPError) as caught:
                    urlopen(url + path, timeout=10)
                with caught.value as error:
                    assert error.code == 404 and "error" in json.load(error)
            with urlopen(f"{url}/readyz", timeout=10) as answer:
                assert json.load(answer)["checks"][0]["name"] == "recording"
            with urlopen(f"{url}/api/v1/status", timeout=10) as answer:
                assert json.load(answer)["playback"]["status"] == "paused"

        await asyncio.to_thread(talk)

    opened_while(out, PlayChoices(paused=True, at="0.2"), work)


def test_a_twin_records_itself(twin: Twin, tmp_path: Path) -> None:
    out = tmp_path / "own.twinrec"
    twin.record(out)
    with pytest.raises(UserError, match="recorded already"):
        twin.record(tmp_path / "other.twinrec")
    with Mover(twin):
        deadline = time.monotonic() + 60
        while steps_so_far(out) <= 5:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    twin.stop_recording()
    assert steps_of(out) > 5
    with pytest.raises(UserError, match="exists already"):
        twin.record(out)
    twin.record(out, force=True)
    twin.set("/Cell/AGV", position=(9, 0, 0))
    twin.close()  # ends the recording, too
    archive = Archive(out)
    assert archive.whole
    archive.close()
    with pytest.raises(UserError, match="not served"):
        twin.record(tmp_path / "later.twinrec")


def test_what_was_written_survives_a_kill(stage: Path, tmp_path: Path) -> None:
    out, x = tmp_path / "killed.twinrec", "0.01 * i"
    program = (
        "import time, twinstage\n"
        f"t = twinstage.open({str(stage)!r}); t.serve(port=0); t.record({str(out)!r})\n"
        f"for i in range(100000):\n    t.set('/Cell/AGV', position=({x}, 0, 0)); time.sleep(0.01)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program], env=dict(os.environ), stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if steps_so_far(out) > 60:
                break
            time.sleep(0.1)
        child.send_signal(signal.SIGKILL)
    finally:
        child.kill()
        child.wait()
    archive = Archive(out)
    assert not archive.whole and archive.seconds > 0.5
    archive.close()

    async def work(url: str, client: Client, opened: OpenedRecording) -> None:
        digests = await client.digest()
        assert digests.equal and client.local("/Cell/AGV")[0, 3] > 0

    opened_while(out, PlayChoices(paused=True, at=str(archive.seconds)), work)


def test_readings_of_the_time_are_kept_as_parquet(tmp_path: Path) -> None:
    import pyarrow.parquet as pq
    from api_twin import make_twin, say

    twin = make_twin(tmp_path)
    out = tmp_path / "a.twinrec"

    async def main() -> None:
        beside = record_live(twin, out)
        task = asyncio.create_task(beside.run())
        await until(lambda: bool(twin.hub.sessions))
        for i in range(4):
            await until(lambda: all(one.acked_seq == twin.hub.seq for one in twin.hub.sessions))
            say(twin, 1.2 + i / 10, x=100.0 * i)
        await until(lambda: all(one.acked_seq == twin.hub.seq for one in twin.hub.sessions))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(asyncio.wait_for(main(), 200))
    assert twin.ingest is not None and twin.recorder is not None
    twin.ingest.close()
    twin.recorder.close()
    archive = Archive(out)
    table = pq.read_table(io.BytesIO(archive.file("history/readings.parquet") or b""))
    archive.close()
    rows = [row for row in table.to_pylist() if row["signal"] == "agv1.x"]
    assert [row["value"] for row in rows][-4:] == pytest.approx([0.0, 0.1, 0.2, 0.3])


async def until(true: Callable[[], bool]) -> None:
    while not true():
        await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["open", "{dir}/none.twinrec"], "cannot be read"),
        (["open", "{stage}"], "is no recording"),
        (["record", "http://127.0.0.1:9", "--out", "{dir}/a.txt"], "should end in .twinrec"),
        (["record", "http://127.0.0.1:9", "--out", "{dir}/no/a.twinrec"], "there is no folder"),
        (["export", "{dir}/none.twinrec", "--html", "{dir}/a.html"], "cannot be read"),
        (["export", "{dir}/none.twinrec"], "--html FILE.html or --out FILE.mcap"),
        (["export", "{dir}/none.twinrec", "--out", "{dir}/a.usda"], "becomes an .html page or an .mcap file"),
        (["export", "{stage}"], "--out is missing"),
        (["serve", "{stage}", "--record", "{stage}"], "should end in .twinrec"),
    ],
)
def test_mistakes_are_one_sentence(
    arguments: list[str], text: str, stage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([part.format(dir=tmp_path, stage=stage) for part in arguments]) == 2
    told = capsys.readouterr().err
    assert text in told and told.count("\n") == 1


def test_export_writes_whole_files_alone(
    twin: Twin, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a.twinrec"
    with Mover(twin):
        record(twin.url, out, RecordChoices(duration=0.5, stage=False))
    html, mcap = tmp_path / "a.html", tmp_path / "a.mcap"
    assert run(["export", str(out), "--html", str(html), "--out", str(mcap), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [file["bytes"] for file in told["files"]] == [html.stat().st_size, mcap.stat().st_size]
    assert run(["export", str(out), "--html", str(html)]) == 2
    out.write_bytes(out.read_bytes()[:500])
    assert run(["export", str(out), "--html", str(tmp_path / "b.html")]) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "a.mcap", "a.twinrec", "cell.usda"]
