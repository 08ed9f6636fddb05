"""Routes whose answer is a file: the stage as a package, images of datasets, the description of the API."""

import asyncio
import hashlib
from collections.abc import Callable
from functools import cache

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, Response

from twinstage.base.errors import UserError
from twinstage.sync.api.browse import BrowseSource, FrameAsk, ShownAsk, ThumbnailAsk
from twinstage.sync.api.calls import Gate, Sources
from twinstage.sync.api.catalogue import CatalogueSource, CatalogueThumbnailAsk
from twinstage.sync.api.datasets import IMAGE_TYPES, DatasetSource, ImageAsk
from twinstage.sync.api.http import asked_of
from twinstage.sync.api.openapi import document_text
from twinstage.sync.api.operation import Model, Refused
from twinstage.sync.api.page import POLICY, page
from twinstage.sync.api.past import MEDIA, REVISION, UNTIL, PastAsk
from twinstage.sync.api.preview import PreviewAsk, PreviewPictureAsk, PreviewSource
from twinstage.sync.api.table import BY_ID

_NO_DATASETS = "this server shows no datasets; `twinstage serve --datasets` names their folder"


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
    add_dataset_files(app, sources.datasets, sources.browse)
    add_preview_files(app, None)
    add_catalogue_files(app, sources.catalogue)


def add_dataset_files(app: FastAPI, datasets: DatasetSource | None, browse: BrowseSource | None) -> None:
    """Images of datasets, and what is made of them."""
    doors = Gate(at_once=4, most_waiting=400)

    async def image(request: Request) -> Response:
        if datasets is None:
            raise Refused(404, _NO_DATASETS)
        asked = asked_of(ImageAsk, request.path_params, request.query_params.multi_items())
        path = await asyncio.to_thread(datasets.image_file, asked)
        return FileResponse(
            path, media_type=IMAGE_TYPES[path.suffix.lower()], headers={"Cache-Control": "no-cache"}
        )

    def dataset_files(name: str, ask: type[Model], method: str, kind: str) -> None:
        """The route of an operation whose answer is made of a dataset's file."""

        async def made(request: Request) -> Response:
            if browse is None:
                raise Refused(404, _NO_DATASETS)
            asked = asked_of(ask, request.path_params, request.query_params.multi_items())
            try:
                data = await doors.run(getattr(browse, method), asked)
            except UserError as error:
                raise Refused(422, str(error)) from None
            kept = "private, max-age=31536000, immutable" if getattr(asked, "v", "") else "no-cache"
            headers = {"Cache-Control": kept}
            if isinstance(data, bytes):
                return Response(data, media_type=kind, headers=headers)
            return FileResponse(data, media_type=kind, headers=headers, filename=data.name)

        app.add_api_route(BY_ID[name].path, made, methods=["GET", "HEAD"])

    dataset_files("getThumbnail", ThumbnailAsk, "thumbnail", "image/jpeg")
    dataset_files("getShownImage", ShownAsk, "shown", "image/png")
    dataset_files("getFrameLayer", FrameAsk, "layer", "model/vnd.usda")
    app.add_api_route(BY_ID["getDatasetImage"].path, image, methods=["GET", "HEAD"])


def add_preview_files(app: FastAPI, preview: PreviewSource | None) -> None:
    """Pictures of a recipe that is tried, and its text."""
    doors = Gate(at_once=2, most_waiting=200)

    def route(name: str, ask: type[Model], method: str, kind: str) -> None:
        async def made(request: Request) -> Response:
            if preview is None:
                raise Refused(404, "this server tries no recipe; `twinstage synth preview` does")
            asked = asked_of(ask, request.path_params, request.query_params.multi_items())
            try:
                data = await doors.run(getattr(preview, method), asked)
            except UserError as error:
                raise Refused(422, str(error)) from None
            return Response(data, media_type=kind, headers={"Cache-Control": "no-store"})

        app.add_api_route(BY_ID[name].path, made, methods=["GET", "HEAD"])

    route("getPreviewPicture", PreviewPictureAsk, "picture", "image/png")
    route("getPreviewRecipe", PreviewAsk, "text", "application/yaml")


def add_catalogue_files(app: FastAPI, catalogue: CatalogueSource | None) -> None:
    """Pictures of assets."""

    async def thumbnail(request: Request) -> Response:
        if catalogue is None:
            raise Refused(404, "this server has no libraries; `twinstage serve --library` names some")
        asked = asked_of(CatalogueThumbnailAsk, {}, request.query_params.multi_items())
        try:
            made = await catalogue.thumbnail(asked)
        except UserError as error:
            raise Refused(404, str(error)) from None
        kept = "private, max-age=31536000, immutable" if asked.v == made.version else "no-cache"
        headers = {"ETag": f'"{made.tag}"', "Cache-Control": kept}
        if _known(request, made.tag):
            return Response(status_code=304, headers=headers)
        return Response(made.data, media_type=made.kind, headers=headers)

    app.add_api_route(BY_ID["getCatalogueThumbnail"].path, thumbnail, methods=["GET", "HEAD"])


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
