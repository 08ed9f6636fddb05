"""What every server of ours has, twin or not: the gate and the guard around the app, signing in, errors as one sentence, the
viewer's files.
"""

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, Response
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from twinstage.base.errors import TwinstageError
from twinstage.sync.access.access import Access
from twinstage.sync.access.gate import Gate, refusal_teller
from twinstage.sync.access.routes import Routes
from twinstage.sync.access.signin import add_signin_routes
from twinstage.sync.api.calls import Call
from twinstage.sync.api.files import add_document_routes
from twinstage.sync.api.http import add_calls, refused
from twinstage.sync.api.operation import Refused
from twinstage.sync.assets import accepts_gzip, files_below, packed
from twinstage.sync.error_page import told
from twinstage.sync.guard import Guard

FOREVER = "public, max-age=31536000, immutable"
CHECK = "no-cache"

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def guarded_app(
    access: Access,
    *,
    viewer_dir: Path | None,
    allowed_hosts: Collection[str] = (),
    lifespan: Lifespan | None = None,
) -> FastAPI:
    """An app without routes of its own, behind the gate. `app.state.access` is who may do what."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.access = access
    app.add_middleware(Gate, access=access, routes=Routes(files=files_below(viewer_dir)))
    app.add_middleware(  # the last one added is the first one asked
        Guard,
        allowed_hosts=frozenset(name.lower() for name in allowed_hosts),
        origins=access.origins,
        embed=access.embed,
        on_refusal=refusal_teller(access),
    )
    add_signin_routes(app, access)
    app.add_exception_handler(HTTPException, _plain_error)
    app.add_exception_handler(TwinstageError, _own_error)
    app.add_exception_handler(Refused, refused)
    app.add_exception_handler(Exception, _defect)
    return app


def plain_app(
    access: Access,
    calls: Mapping[str, Call],
    *,
    viewer_dir: Path,
    page: str,
    allowed_hosts: Collection[str] = (),
    more: Callable[[FastAPI], None] | None = None,
) -> FastAPI:
    """The app of a server without a twin: operations, and a page of the viewer's folder as its first one.

    `more`: adds routes that are no calls.
    """
    app = guarded_app(access, viewer_dir=viewer_dir, allowed_hosts=allowed_hosts)
    app.state.calls = calls
    add_calls(app, calls)
    add_document_routes(app)
    if more is not None:
        more(app)

    async def first() -> FileResponse:
        return FileResponse(viewer_dir / page, headers={"Cache-Control": CHECK})

    app.add_api_route("/", first, methods=["GET", "HEAD"])
    app.mount("/", ViewerFiles(directory=viewer_dir))
    return app


class ViewerFiles(StaticFiles):
    """The built viewer, gzipped: files in `assets/` are named by their content, the others are asked for again."""

    def file_response(
        self, full_path: Any, stat_result: Any, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        hashed = str(scope["path"]).startswith("/assets/")
        response.headers["Cache-Control"] = FOREVER if hashed else CHECK
        response.headers["Vary"] = "Accept-Encoding"
        zips = isinstance(response, FileResponse) and accepts_gzip(
            Headers(scope=scope).get("accept-encoding", "")
        )
        data = packed(str(full_path), stat_result.st_mtime_ns) if zips else None
        if data is None:
            return response
        kept = ("content-type", "cache-control", "vary", "etag", "last-modified")
        headers = {name: response.headers[name] for name in kept if name in response.headers}
        return Response(data, status_code, headers={**headers, "Content-Encoding": "gzip"})


async def _plain_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    plain = {
        404: f"there is nothing at {request.url.path[:200]!r}",
        405: f"{request.method} is not for this path",
    }
    unsaid = error.detail == HTTPStatus(error.status_code).phrase
    text = plain.get(error.status_code, error.detail) if unsaid else error.detail
    return told(request, error.status_code, str(text), headers=dict(error.headers or {}))


async def _own_error(request: Request, error: Exception) -> Response:
    return told(request, 500, str(error))


async def _defect(request: Request, error: Exception) -> Response:
    """Starlette raises the error again afterwards, so it is logged."""
    where = f"{request.method} {request.url.path[:200]}"
    return told(
        request,
        500,
        f"{where} failed by a defect of Twinstage ({type(error).__name__})",
        help="try again; where it stays so, the server's log has the lines to report",
    )
