"""The page in a frame of somebody else's page, and the web component that makes such a frame (docs/embedding.md).

GET /embed                 the viewer in its compact form; only its own pages and named origins may frame it
GET /embed/twin-view.js    the component; any page may load it, so that it can say why a frame stays empty
"""

import asyncio
import html
import json
import logging
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException

from twinstage.sync.access.access import Access
from twinstage.sync.access.gate import address_of
from twinstage.sync.access.roles import Refusal
from twinstage.sync.guard import policy

log = logging.getLogger("twinstage.embed")
COMPONENT = "/embed/twin-view.js"


def add_embed_routes(app: FastAPI, access: Access, viewer_dir: Path) -> None:
    """The routes of this module."""

    told: set[str] = set()  # a browser that asks again and again fills no log

    async def page(request: Request) -> Response:
        fault = access.embed.fault(request.headers)
        headers = {
            "Content-Security-Policy": policy(access.embed.ancestors),
            "Cache-Control": "no-store",
            "Vary": "Referer, Sec-Fetch-Dest",
        }
        if fault:
            if fault not in told and len(told) < 100:
                told.add(fault)
                log.warning("%s", fault)
            now_ns = int(asyncio.get_running_loop().time() * 1e9)
            refusal = Refusal("embed", fault, 403)
            access.refuse(refusal, address=address_of(request.scope), what="GET /embed", now_ns=now_ns)
            return JSONResponse({"error": fault}, status_code=403, headers=headers)
        text = await asyncio.to_thread((viewer_dir / "index.html").read_text, "utf-8")
        origins = html.escape(json.dumps(access.embed.origins))
        marked = text.replace("<head>", f'<head>\n<meta name="twinstage-embed" content="{origins}">', 1)
        return HTMLResponse(marked, headers=headers)

    async def component() -> Response:
        path = viewer_dir / COMPONENT[1:]
        if not path.is_file():
            raise HTTPException(404, "the viewer of this server has no component")
        return Response(
            await asyncio.to_thread(path.read_bytes),
            media_type="text/javascript",
            headers={
                "Cache-Control": "no-cache",
                "Access-Control-Allow-Origin": "*",
                "Cross-Origin-Resource-Policy": "cross-origin",
            },
        )

    app.add_api_route("/embed", page, methods=["GET", "HEAD"])
    app.add_api_route(COMPONENT, component, methods=["GET", "HEAD"])
