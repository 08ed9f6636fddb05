"""Camera streams of a real server: what they show, who shares them, what they cost, how they end."""

import asyncio
import io
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from twinstage.base.clock import SystemClock
from twinstage.live.cameras.streams import CameraStreams
from twinstage.live.server import ServerThread
from twinstage.live.twin import LiveTwin, TwinFiles, open_twin
from twinstage.scene.columns import PoseColumns, TickColumns, VisibilityColumns
from twinstage.sync.serve import running
from twinstage.sync.server import create_app

STAGE = """#usda 1.0
(
    metersPerUnit = 1
    upAxis = "Z"
)
def Xform "W" {
    def Camera "Top" {
        float horizontalAperture = 20
        float verticalAperture = 15
        float focalLength = 20
        double3 xformOp:translate = (0, 0, 9)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
    def Camera "Flat" {
        float3 xformOp:scale = (1, 1, 0)
        uniform token[] xformOpOrder = ["xformOp:scale"]
    }
    def Cube "Box" {
        color3f[] primvars:displayColor = [(0.9, 0.1, 0.1)]
    }
    def DomeLight "Sky" {
        float inputs:intensity = 1
    }
}
"""
SIZE = "?w=64&h=48"


@pytest.fixture
def twin(tmp_path: Path) -> LiveTwin:
    path = tmp_path / "cell.usda"
    path.write_text(STAGE)
    return open_twin(TwinFiles(path), clock=SystemClock())


@asynccontextmanager
async def served(
    twin: LiveTwin, **limits: int
) -> AsyncIterator[tuple[str, CameraStreams, httpx.AsyncClient]]:
    streams = CameraStreams(twin.hub, engine="raycast", **limits)
    async with (
        running(create_app(twin.hub, cameras=streams), port=0) as url,
        httpx.AsyncClient(base_url=url, timeout=60) as client,
    ):
        yield url, streams, client


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(work(), 100))


def put(twin: LiveTwin, x: float, *, visible: bool | None = None) -> None:
    """The box at (x, 0, 0)."""
    node = np.array([twin.snapshot.prims.index_of["/W/Box"]], np.uint32)
    pose = PoseColumns(1, 1, node, np.array([[x, 0.0, 0.0]]), np.array([[1, 0, 0, 0]], np.float32))
    more = {} if visible is None else {"visibility": VisibilityColumns(node, np.array([visible]))}
    twin.hub.publish(TickColumns(pose=pose, watermark_ns=0, **more))


def middle(jpeg: bytes) -> float:
    """Column of the middle of what is red; NaN where nothing is."""
    with Image.open(io.BytesIO(jpeg)) as image:
        assert image.format == "JPEG"
        pixels = np.asarray(image.convert("RGB")).astype(int)
    red = pixels[..., 0] > pixels[..., 2] + 60
    return float(np.nonzero(red)[1].mean() + 0.5) if red.any() else float("nan")


async def parts(response: httpx.Response) -> AsyncIterator[bytes]:
    """The pictures of a multipart stream, by its own headers."""
    kind, _, boundary = response.headers["content-type"].partition("; boundary=")
    assert kind == "multipart/x-mixed-replace"
    mark, held, need = f"--{boundary}\r\n".encode(), bytearray(), 0
    async for chunk in response.aiter_raw():
        held += chunk
        while len(held) > need and held.count(b"\r\n\r\n", 0, 200):
            head, _, _ = bytes(held[:200]).partition(b"\r\n\r\n")
            assert head.startswith(mark)
            fields = dict(line.split(": ") for line in head[len(mark) :].decode().split("\r\n"))
            assert fields["Content-Type"] == "image/jpeg"
            begin, end = len(head) + 4, len(head) + 4 + int(fields["Content-Length"])
            need = end + 2 + len(mark)  # the next boundary closes a part at once
            if len(held) < need:
                break
            assert held[end:need] == b"\r\n" + mark
            picture = bytes(held[begin:end])
            del held[: end + 2]
            need = 0
            yield picture


def test_a_still_shows_where_things_are_now(twin: LiveTwin) -> None:
    async def work() -> None:
        async with served(twin) as (_, streams, client):
            for x in (0.0, 2.0, -1.5):
                put(twin, x)
                for camera in ("Top", "W/Top", "/W/Top"):
                    answer = await client.get(f"/camera/{camera}.jpg{SIZE}")
                    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
                    assert answer.headers["cache-control"] == "no-store"
                    # Its top lies 8 m below: 64 px see as wide as far, as the focal length equals the aperture.
                    assert middle(answer.content) == pytest.approx(32 + 64 * x / 8, abs=1.5)
            put(twin, 0.0, visible=False)
            assert np.isnan(middle((await client.get(f"/camera/Top.jpg{SIZE}")).content))
            gone = await client.get("/camera/scene.jpg?w=80")
            assert gone.status_code == 422 and "draws nothing" in gone.json()["error"]
            put(twin, 0.0, visible=True)
            whole = await client.get("/camera/scene.jpg?w=80")
            with Image.open(io.BytesIO(whole.content)) as image:
                assert image.size == (80, 44), "16:9, even"
            with Image.open(io.BytesIO((await client.get("/camera/Top.jpg?w=64")).content)) as image:
                assert image.size == (64, 48), "as the lens has it"
            assert streams.pictures < 20

    run(work)


def test_a_stream_follows_and_is_shared(twin: LiveTwin) -> None:
    async def work() -> None:
        async with served(twin) as (_, streams, client):
            put(twin, 0.0)
            url = f"/camera/Top.mjpg{SIZE}&fps=30"
            async with client.stream("GET", url) as one, client.stream("GET", url) as other:
                first, second = parts(one), parts(other)
                assert middle(await anext(first)) == pytest.approx(32, abs=1.5)
                assert middle(await anext(second)) == pytest.approx(32, abs=1.5)
                assert streams.pictures == 1, "one picture for both"
                for x in (1.0, 2.0, -2.0):
                    put(twin, x)
                    for stream in (first, second):
                        async for jpeg in stream:  # an older picture may still be on its way
                            if abs(middle(jpeg) - (32 + 8 * x)) < 1.5:
                                break
                assert streams.pictures <= 6
                before = streams.pictures
                again = [await anext(first), await anext(first)]
                assert again[0] == again[1] and streams.pictures == before, (
                    "at rest nothing is rendered, but sent"
                )
            await until(lambda: not streams._views)
            put(twin, 0.0)
            await asyncio.sleep(0.3)
            assert streams.pictures == before, "nobody watches"

    run(work)


async def until(condition: Callable[[], bool], timeout: float = 60.0) -> None:
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.01)


def test_ticks_go_on_while_pictures_are_made(twin: LiveTwin) -> None:
    """Counted, not timed: while one picture is made, the loop has run many ticks."""

    async def work() -> None:
        async with served(twin) as (_, _streams, client):
            put(twin, 0.0)
            await client.get(f"/camera/Top.jpg{SIZE}")  # the process has started
            counts = []
            for i in range(3):
                put(twin, 0.1 * i + 0.1)
                asked = asyncio.create_task(client.get("/camera/Top.jpg?w=640&h=480"))
                ticks = 0
                while not asked.done():
                    twin.tick(i)
                    ticks += 1
                    await asyncio.sleep(0.001)
                assert (await asked).status_code == 200
                counts.append(ticks)
            assert min(counts) >= 15, counts

    run(work)


class Painted:
    """Stands for the rendering process: pictures of 4 MB at once, each of another byte."""

    def __init__(self) -> None:
        self.made = 0

    async def picture(self, scene: object, job: object) -> bytes:
        self.made += 1
        return bytes([self.made % 256]) * 4_000_000

    async def stop(self) -> None:
        pass


def test_a_client_that_does_not_read_holds_nobody_up(twin: LiveTwin) -> None:
    async def work() -> None:
        async with served(twin) as (url, streams, client):
            streams._worker = Painted()  # type: ignore[assignment]
            host, _, port = url.removeprefix("http://").partition(":")
            _, writer = await asyncio.open_connection(host, int(port), limit=1024)
            writer.write(f"GET /camera/Top.mjpg{SIZE}&fps=30 HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            await writer.drain()
            await until(lambda: streams.pictures > 0)
            async with client.stream("GET", f"/camera/Top.mjpg{SIZE}&fps=30") as response:
                stream, seen = parts(response), []
                for i in range(12):
                    put(twin, i * 0.1)
                    jpeg = await asyncio.wait_for(anext(stream), 20)
                    assert len(jpeg) == 4_000_000
                    seen.append(jpeg[0])
            assert len(set(seen)) >= 10, "new pictures for who reads, while the other takes none"
            feeds = next(iter(streams._views.values())).feeds
            assert min(feed.taken for feed in feeds) <= 5
            writer.close()
        assert not streams._views, "and the server ended in spite of it"

    run(work)


@pytest.mark.parametrize(
    "path, status, sentence",
    [
        ("Tp.jpg", 404, "no camera named 'Tp'; did you mean 'Top'?"),
        ("W/None.mjpg", 404, "no camera named 'W/None'; known: Flat, Top, scene"),
        ("Top.jpg?w=4", 400, "w is '4'; a whole number from 16 to 1920 was expected"),
        ("Top.jpg?h=1e9", 400, "h is '1e9'; a whole number from 16 to 1920 was expected"),
        ("Top.mjpg?fps=0", 400, "fps is '0'; a number from 0.1 to 30 was expected"),
        ("Top.mjpg?fps=nan", 400, "fps is 'nan'; a number from 0.1 to 30 was expected"),
        ("Top.mjpg?w=64.5", 400, "w is '64.5'; a whole number from 16 to 1920 was expected"),
        ("Flat.mjpg", 422, "camera /W/Flat has a transform that squashes space flat"),
    ],
)
def test_what_cannot_be_shown_is_one_sentence(twin: LiveTwin, path: str, status: int, sentence: str) -> None:
    async def work() -> None:
        async with served(twin) as (_, streams, client):
            answer = await client.get(f"/camera/{path}")
            assert answer.status_code == status
            assert answer.json()["error"].startswith(sentence)
            assert not streams._views

    run(work)


def test_views_and_clients_have_a_limit(twin: LiveTwin) -> None:
    async def work() -> None:
        async with served(twin, most_views=1, most_clients=2) as (_, _streams, client):
            url = f"/camera/Top.mjpg{SIZE}"
            async with client.stream("GET", url) as one:
                held = [parts(one)]
                await anext(held[0])
                other = await client.get("/camera/Top.jpg?w=32")
                assert other.status_code == 503 and "at most 1 camera views" in other.json()["error"]
                assert (await client.get(f"/camera/Top.jpg{SIZE}")).status_code == 200, (
                    "the same view is no other"
                )
                async with client.stream("GET", url) as two:
                    held.append(parts(two))
                    await anext(held[1])
                    third = await client.get(f"/camera/Top.jpg{SIZE}")
                    assert third.status_code == 503 and "at most 2 clients" in third.json()["error"]

    run(work)


def test_the_rendering_process_is_replaced_and_ends_with_the_server(twin: LiveTwin) -> None:
    async def work() -> None:
        async with served(twin) as (_, streams, client):
            assert streams._worker is None, "nothing runs that nobody asked for"
            assert (await client.get(f"/camera/Top.jpg{SIZE}")).status_code == 200
            assert streams._worker is not None and streams._worker._child is not None
            first = streams._worker._child
            first.kill()
            await first.wait()
            put(twin, 1.0)
            answers = [(await client.get(f"/camera/Top.jpg{SIZE}")).status_code for _ in range(2)]
            assert answers[-1] == 200 and set(answers) <= {200, 422}
            second = streams._worker._child
            assert second is not None and second.pid != first.pid
            response = client.stream("GET", f"/camera/Top.mjpg{SIZE}")
            stream = parts(await response.__aenter__())
            await anext(stream)
        assert second.returncode is not None, "ended with the server"
        with pytest.raises(ProcessLookupError):
            os.kill(second.pid, 0)

    run(work)


def test_the_stream_ends_when_the_server_does(twin: LiveTwin) -> None:
    async def work() -> None:
        streams = CameraStreams(twin.hub, engine="raycast")
        async with httpx.AsyncClient(timeout=60) as client:
            async with running(create_app(twin.hub, cameras=streams), port=0) as url:
                response = await client.send(
                    client.build_request("GET", f"{url}/camera/Top.mjpg{SIZE}"), stream=True
                )
                stream = parts(response)
                await anext(stream)
            rest = [part async for part in stream]  # ends, and does not raise: no broken connection
            assert len(rest) <= 1
            await response.aclose()

    run(work)


def test_another_scene_is_shown_after_it_was_replaced(twin: LiveTwin, tmp_path: Path) -> None:
    async def work() -> None:
        other = tmp_path / "other.usda"
        other.write_text(STAGE.replace('"Box" {', '"Box" {\n double size = 6'))
        async with served(twin) as (_, _streams, client):
            small = (await client.get(f"/camera/Top.jpg{SIZE}")).content
            twin.hub.replace_scene(open_twin(TwinFiles(other), clock=SystemClock()).snapshot)
            large = (await client.get(f"/camera/Top.jpg{SIZE}")).content
        widths = []
        for jpeg in (small, large):
            with Image.open(io.BytesIO(jpeg)) as image:
                pixels = np.asarray(image).astype(int)
            widths.append(int((pixels[24, :, 0] > pixels[24, :, 2] + 60).sum()))
        assert widths[0] == pytest.approx(16, abs=2) and widths[1] == pytest.approx(64, abs=1)

    run(work)


def test_a_twin_served_from_a_thread_has_its_cameras_too(twin: LiveTwin) -> None:
    """As `twinstage.open` serves it: not the main thread, and the engine that this machine is best at."""
    server = ServerThread(twin, host="127.0.0.1", port=0)
    server.start()
    try:
        server.call(lambda: put(twin, 2.0))
        answer = httpx.get(f"{server.url}/camera/Top.jpg{SIZE}", timeout=90)
        assert answer.status_code == 200, answer.text
        assert middle(answer.content) == pytest.approx(48, abs=2)
        listed = httpx.get(f"{server.url}/api/cameras").json()["cameras"]
        assert [camera["jpg"] for camera in listed][-2:] == ["/camera/W/Top.jpg", "/camera/scene.jpg"]
    finally:
        server.stop()
