"""Pictures of the live scene over HTTP: `/camera/<camera>.jpg` and, as a stream, `/camera/<camera>.mjpg`.

Who renders them is handed in (`CameraSource`): this module knows queries, status codes and the multipart body. A stream is
`multipart/x-mixed-replace`, which browsers show in an <img>; each client gets the newest picture when it can take one, so
a slow client has fewer pictures, not older ones, and nobody waits for it.
"""

import math
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.exceptions import HTTPException

from twinstage.base.errors import TwinstageError

BOUNDARY = "twinstage-frame"
SMALLEST, LARGEST = 16, 1920
DEFAULT_WIDTH, DEFAULT_FPS, MOST_FPS, LEAST_FPS = 640, 5.0, 30.0, 0.1
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@dataclass(frozen=True, slots=True)
class Look:
    """What a client asks for: a camera's name or path, width and height [px] (0: as the camera's lens has it), a rate [1/s]."""

    camera: str
    width: int
    height: int
    fps: float


class CameraRefused(TwinstageError):
    """A picture that cannot be had, with its HTTP status."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Feed(Protocol):
    """One client's pictures of one camera."""

    async def next(self) -> bytes | None:
        """The newest JPEG, when there is one that is worth sending; None when the stream is over.

        Raises CameraRefused where the camera cannot be rendered.
        """
        ...

    def close(self) -> None:
        """The client went."""
        ...


class CameraSource(Protocol):
    """Who renders. Belongs to the server's event loop."""

    def describe(self) -> Sequence[Mapping[str, Any]]:
        """The cameras there are: `name` and `path`."""
        ...

    def watch(self, look: Look) -> Feed:
        """Begin to render for one more client; raises CameraRefused for an unknown camera, or where there are too many."""
        ...

    async def close(self) -> None:
        """End all streams and whatever renders them."""
        ...


def add_camera_routes(app: FastAPI, source: CameraSource) -> None:
    """The routes of this module; `source` is closed by the server when it ends."""

    async def cameras() -> JSONResponse:
        return JSONResponse({"cameras": [_entry(camera) for camera in source.describe()]})

    async def still(camera: str, request: Request) -> Response:
        feed = _watch(source, _look(camera, request.query_params))
        try:
            return Response(await _picture(feed), media_type="image/jpeg", headers=_HEADERS)
        finally:
            feed.close()

    async def stream(camera: str, request: Request) -> Response:
        feed = _watch(source, _look(camera, request.query_params))
        try:
            first = await _picture(feed)  # so that what is wrong is told by a status, not by a broken stream
        except BaseException:
            feed.close()
            raise
        kind = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
        return _Stream(_parts(feed, first), media_type=kind, headers=_HEADERS)

    for path in ("/api/v1/cameras", "/api/cameras"):
        app.add_api_route(path, cameras, methods=["GET"])
    app.add_api_route("/camera/{camera:path}.jpg", still, methods=["GET"])
    app.add_api_route("/camera/{camera:path}.mjpg", stream, methods=["GET"])


class _Stream(StreamingResponse):
    """Ends its pictures also where the client is gone before the first was sent."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        iterator: Any = self.body_iterator
        async with aclosing(iterator):
            await super().__call__(scope, receive, send)


def _entry(camera: Mapping[str, Any]) -> dict[str, Any]:
    url = f"/camera/{str(camera['path']).lstrip('/')}"
    return {**camera, "jpg": f"{url}.jpg", "mjpg": f"{url}.mjpg"}


def _watch(source: CameraSource, look: Look) -> Feed:
    try:
        return source.watch(look)
    except CameraRefused as refused:
        raise HTTPException(refused.status, str(refused)) from None


async def _picture(feed: Feed) -> bytes:
    try:
        jpeg = await feed.next()
    except CameraRefused as refused:
        raise HTTPException(refused.status, str(refused)) from None
    if jpeg is None:
        raise HTTPException(503, "the server is stopping")
    return jpeg


async def _parts(feed: Feed, first: bytes) -> AsyncIterator[bytes]:
    """The body: each part ends with the next boundary, which is when browsers show it."""
    try:
        yield f"--{BOUNDARY}\r\n".encode()
        jpeg: bytes | None = first
        while jpeg is not None:
            head = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            yield head.encode() + jpeg + f"\r\n--{BOUNDARY}\r\n".encode()
            try:
                jpeg = await feed.next()
            except CameraRefused:  # the scene changed and has this camera no more
                return
    finally:
        feed.close()


def _look(camera: str, query: Mapping[str, str]) -> Look:
    width = _number(query, "w", DEFAULT_WIDTH, SMALLEST, LARGEST)
    height = _number(query, "h", 0, SMALLEST, LARGEST)
    fps = _number(query, "fps", DEFAULT_FPS, LEAST_FPS, MOST_FPS)
    return Look(camera, int(width), int(height), fps)


def _number(query: Mapping[str, str], name: str, default: float, low: float, high: float) -> float:
    text = query.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    whole = name == "fps" or value.is_integer()
    if not (low <= value <= high and whole):
        kind = "a number" if name == "fps" else "a whole number"
        raise HTTPException(400, f"{name} is {text!r}; {kind} from {low:g} to {high:g} was expected")
    return value
