"""Routes whose answer is a file: the stage as a package, images of datasets, the description of the API."""

import asyncio
import hashlib
from collections.abc import Callable
from functools import cache

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, Response

from twinstage.base.errors import UserError
from twinstage.sync.api.calls import Sources
from twinstage.sync.api.datasets import IMAGE_TYPES, ImageAsk
from twinstage.sync.api.http import asked_of
from twinstage.sync.api.openapi import document_text
from twinstage.sync.api.operation import Refused
from twinstage.sync.api.page import POLICY, page
from twinstage.sync.api.past import MEDIA, REVISION, UNTIL, PastAsk
from twinstage.sync.api.table import BY_ID


def add_file_routes(app: FastAPI, sources: Sources) -> None:
    """The package and the images."""

    async def package(request: Request) -> Response:
        if sources.package is None:
            raise Refused(404, "this server makes no packages of its stage")
        made = await sources.package.package()
        headers = {"ETag": f'"{made.tag}"', "Cache-Control": "no-cache"}
        if _known(request, made.tag):
            return Response(status_code=304, headers=headers)
        kind = "model/vnd.usdz+zip"
        answer = FileResponse(made.path, media_type=kind, headers=headers, filename="stage.usdz")
        answer.held = made  # type: ignore[attr-defined] # the file is there until it is sent
        return answer

    async def image(request: Request) -> Response:
        if sources.datasets is None:
            raise Refused(
                404, "this server shows no datasets; `twinstage serve --datasets` names their folder"
            )
        asked = asked_of(ImageAsk, request.path_params, request.query_params.multi_items())
        path = await asyncio.to_thread(sources.datasets.image_file, asked)
        return FileResponse(
            path, media_type=IMAGE_TYPES[path.suffix.lower()], headers={"Cache-Control": "no-cache"}
        )

    async def past(request: Request) -> Response:
        if sources.past is None:
            raise Refused(404, "this server keeps no history; `twinstage serve --history` makes one")
        asked = asked_of(PastAsk, {}, request.query_params.multi_items())
        try:
            told = await sources.past.ticks(asked)
        except UserError as error:
            raise Refused(422, str(error)) from None
        headers = {"cache-control": "no-store", REVISION: str(told.revision), UNTIL: str(told.until_ns)}
        return Response(told.data, media_type=MEDIA, headers=headers)

    app.add_api_route(BY_ID["getPast"].path, past, methods=["GET", "HEAD"])
    for path in BY_ID["getPackage"].paths:
        app.add_api_route(path, package, methods=["GET", "HEAD"])
    app.add_api_route(BY_ID["getDatasetImage"].path, image, methods=["GET", "HEAD"])


def add_document_routes(app: FastAPI) -> None:
    """The OpenAPI document and its page: the same for every server of this version."""
    _add_text(app, BY_ID["getOpenapi"].path, "application/json", document_text, {})
    _add_text(app, BY_ID["getDocs"].path, "text/html", page, {"Content-Security-Policy": POLICY})


def _add_text(app: FastAPI, path: str, kind: str, make: Callable[[], str], headers: dict[str, str]) -> None:
    @cache
    def made() -> tuple[bytes, str]:
        data = make().encode()
        return data, hashlib.sha256(data).hexdigest()[:32]

    async def text(request: Request) -> Response:
        data, tag = await asyncio.to_thread(made)
        more = headers | {"ETag": f'"{tag}"', "Cache-Control": "no-cache"}
        if _known(request, tag):
            return Response(status_code=304, headers=more)
        return Response(data, media_type=kind, headers=more)

    app.add_api_route(path, text, methods=["GET", "HEAD"])


def _known(request: Request, tag: str) -> bool:
    tags = [t.strip().removeprefix("W/") for t in request.headers.get("if-none-match", "").split(",")]
    return f'"{tag}"' in tags or "*" in tags
