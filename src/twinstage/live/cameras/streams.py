"""Who watches which camera, and when its next picture is due. Implements `sync.cameras.CameraSource`."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from twinstage.base.errors import TwinstageError, UserError, did_you_mean
from twinstage.live.cameras.child import AUTO, Job
from twinstage.live.cameras.worker import Refused, Worker
from twinstage.sync.cameras import LARGEST, SMALLEST, CameraRefused, Look

if TYPE_CHECKING:
    from twinstage.scene.snapshot import SceneCamera, Snapshot
    from twinstage.sync.hub import Hub

log = logging.getLogger("twinstage.live")

WHOLE = "scene"
"""Name of the view that frames the whole scene; a camera of the stage that is called so goes first."""

MOST_VIEWS = 8
MOST_CLIENTS = 64
AGAIN_S = 1.0
"""A client that has had no picture for so long gets the last one again: connections stay alive, and dead ones are found [s]."""

IDLE_S = 30.0
"""The rendering process ends when nobody has watched for so long [s]."""


@dataclass(eq=False)
class View:
    """A camera at a size; all clients of it share its pictures. `state`: the hub's revision and tick that `jpeg` shows."""

    path: str
    width: int
    height: int
    due: float = 0.0
    jpeg: bytes | None = field(default=None, repr=False)
    state: tuple[int, int] = (-1, -1)
    refused: str = ""
    feeds: "set[ClientFeed]" = field(default_factory=set)

    @property
    def period(self) -> float:
        """Seconds from picture to picture: that of its fastest client."""
        return 1.0 / max(feed.fps for feed in self.feeds)

    def show(self) -> None:
        """Tell all clients that there is something new."""
        for feed in self.feeds:
            feed.changed.set()


class ClientFeed:
    """One client of a view; implements `sync.cameras.Feed`. It holds no picture of its own, so it can never lag."""

    def __init__(self, streams: "CameraStreams", view: View, fps: float) -> None:
        self.fps = fps
        self.view = view
        self.changed = asyncio.Event()
        self.over = False
        self.taken = 0
        self._streams = streams
        self._due = 0.0

    async def next(self) -> bytes | None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(self._due - loop.time(), 0.0))
        while not self.over:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.changed.wait(), AGAIN_S)
            self.changed.clear()
            if self.view.refused:
                raise CameraRefused(422, self.view.refused)
            if self.view.jpeg is not None and not self.over:
                self._due = max(self._due + 1.0 / self.fps, loop.time())
                self.taken += 1
                return self.view.jpeg
        return None

    def close(self) -> None:
        self._streams.forget(self)


class CameraStreams:
    """The camera streams of one hub. Belongs to the hub's event loop.

    Args:
        hub: whose newest state is shown.
        engine: kind of the engine, or `auto` (`child.AUTO`).
        most_views: cameras (at a size) that are rendered at one time; most_clients: of all of them together.
    """

    def __init__(
        self,
        hub: "Hub",
        *,
        engine: str = AUTO,
        most_views: int = MOST_VIEWS,
        most_clients: int = MOST_CLIENTS,
    ) -> None:
        self.pictures = 0
        self._hub = hub
        self._worker: Worker | None = None
        self._engine = engine
        self._most_views, self._most_clients = most_views, most_clients
        self._views: dict[tuple[str, int, int], View] = {}
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._closed = False

    # ------------------------------------------------------------------ for the server

    def describe(self) -> Sequence[Mapping[str, Any]]:
        """Name and path of each camera, and the view of the whole scene."""
        snapshot = self._hub.scene.snapshot
        found = [{"name": c.name, "path": snapshot.prims.path[c.prim]} for c in snapshot.cameras]
        return [*found, {"name": WHOLE, "path": WHOLE}]

    def watch(self, look: Look) -> ClientFeed:
        """One more client. Raises CameraRefused: 404 for an unknown camera, 503 for too many views or clients."""
        if self._closed:
            raise CameraRefused(503, "the server is stopping")
        snapshot = self._hub.scene.snapshot
        camera = find(snapshot, look.camera)
        path = "" if camera is None else snapshot.prims.path[camera.prim]
        key = (path, look.width, look.height or _height(camera, look.width))
        if sum(len(view.feeds) for view in self._views.values()) >= self._most_clients:
            raise CameraRefused(503, f"this server shows cameras to at most {self._most_clients} clients")
        if key not in self._views:
            if len(self._views) >= self._most_views:
                raise CameraRefused(
                    503,
                    f"this server renders at most {self._most_views} camera views at one time; "
                    "watch one of them, at its size, or wait until one is free",
                )
            self._views[key] = View(*key)
        view = self._views[key]
        feed = ClientFeed(self, view, look.fps)
        view.feeds.add(feed)
        if view.jpeg is not None and view.state == self._state():
            feed.changed.set()  # the last picture is the newest there can be
        self._wake.set()
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())
        return feed

    def forget(self, feed: ClientFeed) -> None:
        """A client went; a view without one is rendered no more."""
        view = feed.view
        view.feeds.discard(feed)
        if not view.feeds:
            self._drop(view)

    async def close(self) -> None:
        """End all streams and the rendering process."""
        self._closed = True
        for view in list(self._views.values()):
            self._end(view)
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._worker is not None:
            await self._worker.stop()

    # ------------------------------------------------------------------ rendering

    def _state(self) -> tuple[int, int]:
        return self._hub.revision, self._hub.seq

    async def _run(self) -> None:
        """Render whatever is due next, until nobody has watched for a while."""
        self._worker = self._worker or Worker(self._engine)
        loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            view = min(self._views.values(), key=lambda v: v.due, default=None)
            pause = IDLE_S if view is None else view.due - loop.time()
            if pause > 0:
                try:
                    await asyncio.wait_for(self._wake.wait(), pause)
                except TimeoutError:
                    if view is None:
                        await self._worker.stop()
                        return
                continue
            assert view is not None
            view.due = max(view.due + view.period, loop.time())
            if view.state != self._state():
                await self._render(self._worker, view)

    async def _render(self, worker: Worker, view: View) -> None:
        scene, state = self._hub.scene.snapshot, self._state()
        pose, visibility = self._hub.newest()
        job = Job(view.path, view.width, view.height, pose, visibility)
        try:
            if view.path and view.path not in scene.prims.index_of:
                raise Refused(f"the scene has no camera {view.path} any more")
            view.jpeg, view.state = await worker.picture(scene, job), state
            self.pictures += 1
            view.show()
        except Refused as refused:
            view.refused = str(refused)
            self._end(view)
        except TwinstageError as error:
            log.error("%s; it is started again at the next picture", error)
            view.refused = str(error)
            self._end(view)

    def _drop(self, view: View) -> None:
        """Render it no more; another one of the same camera and size may have taken its place already."""
        key = (view.path, view.width, view.height)
        if self._views.get(key) is view:
            del self._views[key]

    def _end(self, view: View) -> None:
        self._drop(view)
        for feed in view.feeds:
            feed.over = not view.refused
            feed.changed.set()


def find(snapshot: "Snapshot", name: str) -> "SceneCamera | None":
    """The camera of a name or prim path, the leading slash left out or not; None: the whole scene.

    Raises CameraRefused (404) with the known ones.
    """
    from twinstage.render.camera import find_camera

    for candidate in (name, f"/{name}"):
        with suppress(UserError):
            return find_camera(snapshot, candidate)
    if name == WHOLE:
        return None
    known = [WHOLE, *(camera.name for camera in snapshot.cameras)]
    raise CameraRefused(404, f"no camera named {name!r}{did_you_mean(name, known)}")


def _height(camera: "SceneCamera | None", width: int) -> int:
    """The image's height as the lens has it, even, within what may be asked for."""
    ratio = 9 / 16 if camera is None else camera.vertical_aperture / max(camera.horizontal_aperture, 1e-9)
    return min(max(2 * round(width * ratio / 2), SMALLEST), LARGEST)
