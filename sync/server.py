"""The HTTP and websocket face of a hub: an ASGI app. Routes and close codes are those of docs/protocol.md.

Only pages of the same origin may open the websocket, and only hosts that the server goes by are answered
(which stops DNS rebinding); everything else about the protocol is in `session`, which this module feeds and
drains.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException

from twinstage.base.clock import Clock, SystemClock
from twinstage.sync.access.access import Access
from twinstage.sync.access.gate import address_of, token_offered, who_of
from twinstage.sync.alarms import AlarmSource, alarm_calls
from twinstage.sync.api.calls import Call, Gate, Sources, alive, calls_of, served
from twinstage.sync.api.files import add_document_routes, add_file_routes
from twinstage.sync.api.http import add_calls
from twinstage.sync.api.operation import Refused
from twinstage.sync.assets import Asset, AssetStore, accepts_gzip
from twinstage.sync.cameras import CameraSource, add_camera_routes
from twinstage.sync.direct import DirectSocket, Pump, count_frames, direct_socket
from twinstage.sync.edits import Commands, EditSource, edit_calls
from twinstage.sync.embed import add_embed_routes
from twinstage.sync.hub import Hub
from twinstage.sync.messages import NO_PROTOCOL, PROTOCOL, TOO_MANY, TRY_LATER
from twinstage.sync.overlay.board import Board
from twinstage.sync.overlay.controls import Controls, Use
from twinstage.sync.overlay.routes import add_overlay_routes
from twinstage.sync.scene_columns import MEDIA_TYPE
from twinstage.sync.session import Session
from twinstage.sync.shell import CHECK, FOREVER, ViewerFiles, guarded_app
from twinstage.sync.stream import Admit

StatusSource = Callable[[], Mapping[str, Any]]
StateText = Callable[[], str]
MetricsPage = Callable[[], tuple[bytes, str]]


class FileSource(Protocol):
    """Who has the scene document, geometry and textures; None where there is no such file."""

    async def scene(self) -> Asset: ...

    async def geometry(self, digest: str) -> Asset | None: ...

    async def texture(self, digest: str) -> Asset | None: ...


@runtime_checkable
class ColumnSource(Protocol):
    """Who also has the document with its columns as bytes, for those who accept it."""

    async def columns(self) -> Asset: ...


def create_app(
    hub: Hub,
    *,
    viewer_dir: Path | None = None,
    status: StatusSource | None = None,
    clock: Clock | None = None,
    allowed_hosts: Collection[str] = (),
    cameras: CameraSource | None = None,
    state: StateText | None = None,
    alarms: AlarmSource | None = None,
    metrics: MetricsPage | None = None,
    api: Sources | None = None,
    access: Access | None = None,
    files: FileSource | None = None,
    more: Callable[[FastAPI], None] | None = None,
    edits: EditSource | None = None,
    overlays: tuple[Board, Callable[[Use], None]] | None = None,
) -> FastAPI:
    """The ASGI app of one twin.

    Args:
        hub: its state; `app.state.hub` afterwards.
        viewer_dir: folder of the built viewer (`assets.find_viewer()`); without it `/` is a short text.
        status: gives what `/api/status` says under `sources` and beside it.
        clock: time of day that clients are told; the system's where None.
        allowed_hosts: host names it answers to besides localhost and IP addresses.
        cameras: renders `/camera/...`; without it there is no such route. It is closed when the server ends.
        state: gives the text of `/api/state`, a USD layer; without it there is no such route.
        alarms: looks after `/api/alarms`; without it there is no such route.
        metrics: gives the page of `/metrics` and its media type; without it there is no such route.
        api: who answers `/api/v1/...` and `/readyz`; without it there are no such routes. `app.state.calls` afterwards.
        access: who may do what; `app.state.access` afterwards. Where None, no token is asked for.
        files: who has the scene and the files that it names; where None, they are made from the hub's scene.
        more: adds routes, which come after all others but the viewer's files.
        edits: does what people want changed; without it nothing can be changed.
        overlays: what a program draws over the scene, and what is called when somebody uses a control of it.
    """
    wall = clock or SystemClock()
    access = access or Access(clock=wall)
    app = guarded_app(access, viewer_dir=viewer_dir, allowed_hosts=allowed_hosts, lifespan=_lifespan)
    app.state.hub = hub
    app.state.rate = _Rate(hub)
    app.state.cameras = cameras
    _add_asset_routes(app, files or Baked(AssetStore(hub)))
    _add_status_routes(app, hub, status)
    if state is not None:
        _add_state_route(app, state)
    if cameras is not None:
        add_camera_routes(app, cameras)
    app.state.calls = _calls(api, alarms)
    if files is None or api is not None:  # a relay says what its twin has
        hub.serves = served(
            api, alarms=alarms is not None, edits=edits is not None, overlays=overlays is not None
        )
    if edits is not None:
        commands = Commands(edits, access)
        hub.take_command, hub.edits = commands.take, lambda: edits.version
        app.state.calls = {**app.state.calls, **edit_calls(commands, _now_ns)}
        _add_edit_routes(app, edits)
    if overlays is not None:
        board, used = overlays
        hub.take_control = Controls(board, access, used).take
        add_overlay_routes(app, board)
    add_calls(app, app.state.calls)
    add_document_routes(app)
    if api is not None:
        add_file_routes(app, api)
    if metrics is not None:
        _add_metrics_route(app, metrics)

    @app.websocket("/ws")
    async def follow(socket: WebSocket) -> None:
        await _follow(socket, hub, wall, access)

    if more is not None:
        more(app)
    if viewer_dir is None:
        app.add_api_route("/", _no_viewer, methods=["GET", "HEAD"])
    else:
        add_embed_routes(app, access, viewer_dir)
        app.mount("/", ViewerFiles(directory=viewer_dir, html=True))
    return app


# ---------------------------------------------------------------------- HTTP


def _calls(api: Sources | None, alarms: AlarmSource | None) -> Mapping[str, Call]:
    if api is not None:
        return calls_of(api, alarms)
    return {"getHealth": alive} | ({} if alarms is None else alarm_calls(alarms))


MOST_FILES = 10_000
"""Files of the scene that are asked for at the same time: a viewer asks for each shape."""


class Baked:
    """The files of this process's own scene. Implements `FileSource` and `ColumnSource`."""

    def __init__(self, store: AssetStore) -> None:
        self._store = store
        self._gate = Gate(at_once=4, most_waiting=MOST_FILES, subject="files of the scene")

    async def scene(self) -> Asset:
        """The document."""
        return await self._gate.run(self._store.scene)

    async def columns(self) -> Asset:
        """The document."""
        return await self._gate.run(self._store.columns)

    async def geometry(self, digest: str) -> Asset | None:
        """The GLB of a prototype."""
        return await self._gate.run(self._store.geometry, digest)

    async def texture(self, digest: str) -> Asset | None:
        """An image."""
        return self._store.texture(digest)


def _add_asset_routes(app: FastAPI, store: FileSource) -> None:
    async def scene(request: Request) -> Response:
        accepted = request.headers.get("accept", "").lower()
        if isinstance(store, ColumnSource) and MEDIA_TYPE in accepted:
            asset = await store.columns()
        else:
            asset = await store.scene()
        return _answer(request, asset, CHECK, "Accept, Accept-Encoding")

    async def geometry(digest: str, request: Request) -> Response:
        asset = await store.geometry(digest)
        return _answer(request, _found(asset, f"no prototype has the hash {digest!r}"), FOREVER)

    async def texture(digest: str, request: Request) -> Response:
        return _answer(
            request, _found(await store.texture(digest), f"no texture has the hash {digest!r}"), FOREVER
        )

    for path in ("/api/v1/scene", "/api/scene"):
        app.add_api_route(path, scene, methods=["GET", "HEAD"])
    app.add_api_route("/glb/{digest}.glb", geometry, methods=["GET", "HEAD"])
    app.add_api_route("/texture/{digest}", texture, methods=["GET", "HEAD"])


def _add_status_routes(app: FastAPI, hub: Hub, status: StatusSource | None) -> None:
    async def describe() -> JSONResponse:
        sessions = list(hub.sessions)
        traffic = {
            "bytesSent": sum(session.bytes_sent for session in sessions),
            "ticksSent": sum(session.ticks_sent for session in sessions),
            "ticksSkipped": sum(session.ticks_skipped for session in sessions),
        }
        own = {
            "protocol": PROTOCOL,
            "epoch": hub.epoch,
            "revision": hub.revision,
            "seq": hub.seq,
            "clients": len(sessions),
            **app.state.rate.describe(),
            "counters": {_camel(name): value for name, value in asdict(hub.counters).items()} | traffic,
            "sources": {},
        }
        return JSONResponse(own | dict(status() if status else {}))

    for path in ("/api/v1/status", "/api/status"):
        app.add_api_route(path, describe, methods=["GET"])


def _add_state_route(app: FastAPI, state: StateText) -> None:
    async def layer() -> Response:  # on the loop, and so between two ticks
        return Response(state(), media_type="model/vnd.usda", headers={"cache-control": "no-store"})

    for path in ("/api/v1/state", "/api/state"):
        app.add_api_route(path, layer, methods=["GET"])


def _add_edit_routes(app: FastAPI, edits: EditSource) -> None:
    async def layer(who: bool = False) -> Response:  # on the loop, and so between two ticks
        return Response(
            edits.layer_text(who), media_type="model/vnd.usda", headers={"cache-control": "no-store"}
        )

    async def bindings() -> Response:
        text = edits.bindings_text()
        if text is None:
            raise HTTPException(404, "this twin has no bindings; `twinstage serve --bindings` names some")
        return Response(text, media_type="application/yaml", headers={"cache-control": "no-store"})

    async def assets() -> Response:
        try:
            data = await edits.assets_zip()
        except Refused as error:
            raise HTTPException(error.status, str(error)) from None
        return Response(data, media_type="application/zip", headers={"cache-control": "no-store"})

    app.add_api_route("/api/v1/edits/layer.usda", layer, methods=["GET"])
    app.add_api_route("/api/v1/edits/assets.zip", assets, methods=["GET"])
    app.add_api_route("/api/v1/edits/bindings.yaml", bindings, methods=["GET"])


def _add_metrics_route(app: FastAPI, metrics: MetricsPage) -> None:
    async def scrape() -> Response:  # on the loop, and so between two ticks
        page, kind = metrics()
        return Response(page, headers={"content-type": kind, "cache-control": "no-store"})

    app.add_api_route("/metrics", scrape, methods=["GET"])


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _found(asset: Asset | None, sentence: str) -> Asset:
    if asset is None:
        raise HTTPException(404, sentence)
    return asset


def _answer(request: Request, asset: Asset, cache: str, vary: str = "Accept-Encoding") -> Response:
    headers = {"ETag": asset.etag, "Cache-Control": cache, "Vary": vary}
    known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    if asset.etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    data = asset.data
    if asset.zipped is not None and accepts_gzip(request.headers.get("accept-encoding", "")):
        data = asset.zipped
        headers["Content-Encoding"] = "gzip"
    return Response(data, media_type=asset.content_type, headers=headers)


async def _no_viewer() -> HTMLResponse:
    return HTMLResponse("<!doctype html><title>Twinstage</title><p>This server runs without its viewer.</p>")


# ---------------------------------------------------------------------- websocket


async def _follow(socket: WebSocket, hub: Hub, clock: Clock, access: Access) -> None:
    if PROTOCOL not in socket.scope.get("subprotocols", ()):
        await socket.accept()
        await socket.close(NO_PROTOCOL, f"this server speaks {PROTOCOL}: offer it as the subprotocol")
        return
    await socket.accept(PROTOCOL)
    if hub.closed_for:
        await socket.close(TRY_LATER, hub.closed_for)
        return
    address = address_of(socket.scope)
    with access.seat(address) as full:
        if full is not None:
            await socket.close(full.code, full.sentence)
            return
        admit = access.admission(who_of(socket.scope), token_offered(socket.scope), address, _now_ns)
        direct = direct_socket(socket.scope)
        if direct is not None:
            await _follow_directly(direct, socket, hub, admit, clock, access)
        else:
            await _follow_through_asgi(socket, hub, admit, clock, access)


async def _follow_through_asgi(
    socket: WebSocket, hub: Hub, admit: Admit, clock: Clock, access: Access
) -> None:
    wake = asyncio.Event()
    session = hub.connect(wake.set, now_ns=_now_ns(), admit=admit)
    hear, toll = _hearing(session, clock, access)
    count_frames(socket.scope, toll)
    reader = asyncio.create_task(_read(socket, session, hear))
    try:
        await _write(socket, session, wake)
    except WebSocketDisconnect:
        pass  # the client went while something was on its way to it
    finally:
        hub.disconnect(session)
        reader.cancel()
        with suppress(asyncio.CancelledError):
            await reader


async def _follow_directly(
    direct: DirectSocket, socket: WebSocket, hub: Hub, admit: Admit, clock: Clock, access: Access
) -> None:
    """The short way, behind our own server."""
    pump = Pump(direct, _now_ns)
    session = hub.connect(pump.wake, now_ns=_now_ns(), admit=admit)
    pump.attach(session, *_hearing(session, clock, access))
    try:
        await pump.done.wait()
    finally:
        pump.detach()
        hub.disconnect(session)
    if pump.failure is not None:
        raise pump.failure
    if session.closed and not session.lost:
        with suppress(WebSocketDisconnect):
            await socket.close(*session.closed)


def _hearing(
    session: Session, clock: Clock, access: Access
) -> tuple[Callable[[str | bytes], None], Callable[[], None]]:
    """What takes a client's messages, as many a second as it may send; and what counts pieces and pings among them."""
    talk = access.talk(_now_ns())

    def toll() -> None:
        if not talk.take(_now_ns()) and not session.closed:
            access.counts.limited["messages"] += 1
            session.close(TOO_MANY, f"more than {access.limits.messages_per_second:g} messages a second")

    def hear(message: str | bytes) -> None:
        toll()
        session.receive(message, now_ns=_now_ns(), wall_ns=clock.now_ns())

    return hear, toll


async def _read(socket: WebSocket, session: Session, hear: Callable[[str | bytes], None]) -> None:
    """Feeds the session until the client goes."""
    try:
        while (event := await socket.receive())["type"] != "websocket.disconnect":
            text = event.get("text")
            hear(event["bytes"] if text is None else text)
    finally:
        session.lost = True
        session.close(1000, "the client left")


async def _write(socket: WebSocket, session: Session, wake: asyncio.Event) -> None:
    """Drains the session until it is closed. A send waits while the client's socket is full."""
    while not session.lost:
        wake.clear()
        while not session.lost and (message := session.next_message(_now_ns())) is not None:
            if isinstance(message, str):
                await socket.send_text(message)
            else:
                await socket.send_bytes(message)
        if session.closed and not session.lost:
            await socket.close(*session.closed)
            return
        wait_ns = session.wait_ns(_now_ns())
        with suppress(TimeoutError):
            async with asyncio.timeout(None if wait_ns is None else wait_ns / 1e9):
                await wake.wait()


def _now_ns() -> int:
    return int(asyncio.get_running_loop().time() * 1e9)


# ---------------------------------------------------------------------- once a second


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    hub: Hub = app.state.hub
    keeper = asyncio.create_task(_keep(hub, app.state.rate, app.state.access))
    pacer = asyncio.create_task(_pace(hub))
    try:
        yield
    finally:
        for task in (keeper, pacer):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _keep(hub: Hub, rate: "_Rate", access: Access) -> None:
    """Closes clients that keep the server waiting or whose token does not count any more, and measures the tick rate."""
    while True:
        rate.measure(_now_ns())
        for session in list(hub.sessions):
            session.expire(_now_ns())
            gone = None if session.closed else access.still(session.who)
            if gone is not None:
                access.audit.signed_out(session.who, gone.reason)
                session.close(gone.code, gone.sentence)
        await asyncio.sleep(1.0)


async def _pace(hub: Hub) -> None:
    """Lets the slower rate tiers tell what was left when the last tick came; sleeps while nothing waits."""
    pending = asyncio.Event()
    hub.on_pending = pending.set
    while True:
        await pending.wait()
        pending.clear()
        while (wait_ns := hub.advance()) is not None:
            await asyncio.sleep(max(wait_ns / 1e9, 0.002))


class _Rate:
    """Ticks a second over the last second or so."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._start_ns = self._last_ns = self._last_ticks = 0
        self._rate = 0.0

    def measure(self, now_ns: int) -> None:
        ticks = self._hub.counters.ticks
        if not self._start_ns:
            self._start_ns = now_ns
        elif now_ns > self._last_ns:
            self._rate = (ticks - self._last_ticks) / ((now_ns - self._last_ns) / 1e9)
        self._last_ns, self._last_ticks = now_ns, ticks

    def describe(self) -> dict[str, float]:
        uptime = (_now_ns() - self._start_ns) / 1e9 if self._start_ns else 0.0
        return {"ticksPerSecond": round(self._rate, 2), "uptimeSeconds": round(uptime, 3)}
