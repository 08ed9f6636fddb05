"""What a server says where it cannot answer: JSON for programs, the same sentence as a page for whoever opened an address."""

import html

from fastapi import Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

_CSP = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"


def told(
    request: Request, status: int, sentence: str, *, help: str = "", headers: "dict[str, str] | None" = None
) -> Response:
    """An error's answer. `help`: what to do, for people; programs get it after the sentence as well."""
    text = f"{sentence}; {help}" if help else sentence
    if not _wants_page(request):
        return JSONResponse({"error": text}, status_code=status, headers=headers)
    shown = f"<p>{html.escape(_sentence(sentence))}</p>" + (
        f"<p>{html.escape(_sentence(help))}</p>" if help else ""
    )
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Twinstage</title><h1>This page cannot be shown</h1>{shown}</html>"
    )
    own = {"Content-Security-Policy": _CSP, "Cache-Control": "no-store"}
    return HTMLResponse(page, status_code=status, headers={**(headers or {}), **own})


def _wants_page(request: Request) -> bool:
    """Whether a browser goes to that address, rather than a script asking for it."""
    return "text/html" in request.headers.get("accept", "") and request.method in ("GET", "HEAD")


def _sentence(text: str) -> str:
    whole = text[:1].upper() + text[1:]
    return whole if whole.endswith((".", "!", "?")) else f"{whole}."
