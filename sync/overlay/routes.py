"""The set of overlays over HTTP, and the arrays and pictures in it, named by their content."""

from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from twinstage.sync.overlay.board import Board

_FOREVER = "public, max-age=31536000, immutable"


def add_overlay_routes(app: FastAPI, board: Board) -> None:
    """`GET /api/v1/overlays` and `/api/v1/overlays/HASH`."""

    async def listing() -> JSONResponse:
        return JSONResponse(board.document(), headers={"cache-control": "no-store"})

    async def content(digest: str) -> Response:
        data = board.data(digest)
        if data is None:
            raise HTTPException(404, f"no overlay has data with the hash {digest[:64]!r} any more")
        return Response(data.content, media_type=data.media_type, headers={"cache-control": _FOREVER})

    app.add_api_route("/api/v1/overlays", listing, methods=["GET"])
    app.add_api_route("/api/v1/overlays/{digest}", content, methods=["GET"])
