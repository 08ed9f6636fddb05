"""How a browser signs in: a page without a script, and a session that the browser keeps in a cookie.

GET    /signin         the page
POST   /api/session    a form, or JSON {"token": "twk_..."}; sets the cookie
GET    /api/session    {"asks", "name", "role"}: who I am
DELETE /api/session    takes the cookie back
"""

import asyncio
import base64
import hashlib
import html
import json
from urllib.parse import parse_qs

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from twinstage.sync.access.access import Access
from twinstage.sync.access.cookies import cookie_name
from twinstage.sync.access.gate import address_of, is_secure, who_of
from twinstage.sync.access.roles import Identity, Refusal

MOST_BYTES = 4096
_STYLE = """
body{margin:0;min-height:100vh;display:grid;place-items:center;background:#14171a;color:#e8eaed}
*{font:16px/1.5 system-ui,sans-serif}
form{width:min(24rem,90vw)}h1{font-size:1.25rem;font-weight:600}label{display:block;margin:0 0 .25rem}
input,button{box-sizing:border-box;width:100%;padding:.6rem;font:inherit;border-radius:4px;border:1px solid #6b7480}
input{background:#0e1113;color:inherit}button{margin-top:1rem;background:#8ab4f8;color:#14171a;border:0;font-weight:600;cursor:pointer}
input:focus-visible,button:focus-visible{outline:2px solid #fff;outline-offset:2px}p{margin:.5rem 0}.wrong{color:#ffb4ab}
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    # With no-referrer, browsers say `Origin: null` when they send a form, and the form would be taken for a foreign one.
    "Referrer-Policy": "same-origin",
}


def add_signin_routes(app: FastAPI, access: Access) -> None:
    """The routes of this module."""

    async def page(request: Request) -> Response:
        who = who_of(request.scope)
        if isinstance(who, Refusal):  # a cookie whose token has ended
            return _page(who.sentence)
        return _page() if access.asks and who is None else _home()

    async def sign_in(request: Request) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        form = kind == "application/x-www-form-urlencoded"
        if not form and kind != "application/json":
            raise HTTPException(415, "the body must be application/json, or a form")
        token = _token(await _body(request), form=form)
        if not access.asks:
            return _home() if form else JSONResponse(_me(access, access.local(address_of(request.scope))))
        via = "form" if form else "session"
        who = access.by_token(token, address_of(request.scope), via=via, now_ns=_now_ns())
        if isinstance(who, Refusal):
            access.refuse(who, address=who_address(request), what="POST /api/session", now_ns=_now_ns())
            return _wrong(who, form=form)
        answer: Response = _home() if form else JSONResponse(_me(access, who))
        _set(answer, request, access, who)
        return answer

    async def me(request: Request) -> Response:
        who = who_of(request.scope)
        return JSONResponse(_me(access, who), headers={"cache-control": "no-store"})

    async def sign_out(request: Request) -> Response:
        who = who_of(request.scope)
        if isinstance(who, Identity) and who.token_id:
            access.audit.signed_out(who, "left")
        answer = Response(status_code=204)
        secure = is_secure(request.scope)
        answer.delete_cookie(_name(request), secure=secure, httponly=True, samesite="strict")
        return answer

    app.add_api_route("/signin", page, methods=["GET", "HEAD"])
    app.add_api_route("/api/session", sign_in, methods=["POST"])
    app.add_api_route("/api/session", me, methods=["GET"])
    app.add_api_route("/api/session", sign_out, methods=["DELETE"])


def who_address(request: Request) -> str:
    """The address that a request came from."""
    return address_of(request.scope)


def _me(access: Access, who: Identity | Refusal | None) -> dict[str, object]:
    known = isinstance(who, Identity)
    return {
        "asks": access.asks,
        "name": who.name if isinstance(who, Identity) else None,
        "role": who.role.word if isinstance(who, Identity) else None,
        **({} if known or not isinstance(who, Refusal) else {"error": who.sentence}),
    }


def _set(answer: Response, request: Request, access: Access, who: Identity) -> None:
    baked = access.bake(who)
    if baked is not None:
        value, lifetime = baked
        answer.set_cookie(
            _name(request),
            value,
            max_age=lifetime,
            path="/",
            secure=is_secure(request.scope),
            httponly=True,
            samesite="strict",
        )


def _name(request: Request) -> str:
    return cookie_name(request.headers.get("host", ""), secure=is_secure(request.scope))


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise HTTPException(413, f"the body is longer than {MOST_BYTES} bytes")
    return bytes(body)


def _token(body: bytes, *, form: bool) -> str:
    try:
        if form:
            return parse_qs(body.decode(), max_num_fields=8).get("token", [""])[0].strip()
        token = json.loads(body)["token"]
    except (ValueError, KeyError, TypeError, RecursionError):
        token = None
    if not isinstance(token, str):
        raise HTTPException(422, 'the body must be {"token": "twk_..."}')
    return token.strip()


def _home() -> Response:
    return RedirectResponse("/", 303, headers={"cache-control": "no-store"})


def _wrong(refusal: Refusal, *, form: bool) -> Response:
    more = {"Retry-After": str(refusal.retry_after)} if refusal.retry_after else {}
    if form:
        answer = _page(refusal.sentence, refusal.status)
        answer.headers.update(more)
        return answer
    return JSONResponse({"error": refusal.sentence}, status_code=refusal.status, headers=more)


def _page(wrong: str = "", status: int = 200) -> HTMLResponse:
    told = f'<p class="wrong" role="alert" id="wrong">{html.escape(wrong)}</p>' if wrong else ""
    described = ' aria-describedby="wrong" aria-invalid="true"' if wrong else ""
    return HTMLResponse(
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sign in - Twinstage</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<style>{_STYLE}</style></head><body><main><form method="post" action="/api/session">'
        "<h1>Sign in to this twin</h1>"
        f'{told}<label for="token">Token</label>'
        f'<input id="token" name="token" type="password" required autofocus autocomplete="current-password"{described}>'
        "<button>Sign in</button><p>An engineer makes tokens with <code>twinstage token create</code>.</p>"
        "</form></main></body></html>",
        status_code=status,
        headers=_HEADERS,
    )


def _now_ns() -> int:
    return int(asyncio.get_running_loop().time() * 1e9)
