"""Who gets in where: real servers on ephemeral ports, HTTP and websockets."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest
from access_desk import Desk, Serve, run, subprotocol_of
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_websocket
from websockets.exceptions import ConnectionClosed, InvalidStatus

from twinstage.base.errors import UserError
from twinstage.sync.access.roles import Role
from twinstage.sync.access.routes import TABLE, Routes
from twinstage.sync.client import LinkError, connect
from twinstage.sync.server import create_app


@asynccontextmanager
async def socket(
    url: str, *subprotocols: str, headers: dict[str, str] | None = None, path: str = "/ws"
) -> AsyncIterator[ClientConnection]:
    async with open_websocket(
        url.replace("http", "ws", 1) + path,
        subprotocols=["twin.v1", *subprotocols],
        additional_headers=headers,
        compression=None,
        proxy=None,
    ) as link:
        yield link


async def greeted(link: ClientConnection, token: str | None = None) -> dict:
    await link.send(json.dumps({"type": "hello", "token": token}))
    return json.loads(await link.recv())


async def turned_away(link: ClientConnection, token: str | None = None) -> tuple[int, str]:
    """Code and reason; what comes before the close is a goodbye and nothing of the twin."""
    with pytest.raises(ConnectionClosed) as closed:
        await link.send(json.dumps({"type": "hello", "token": token}))
        while True:
            assert json.loads(await link.recv())["type"] == "bye"
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, closed.value.rcvd.reason


def test_a_websocket_shows_its_token_in_each_of_four_ways(desk: Desk, serve: Serve) -> None:
    viewer, operator = desk.create("wall", Role.VIEWER), desk.create("desk 3", Role.OPERATOR)

    async def work() -> None:
        async with serve(desk.access()) as url:
            async with socket(url) as link:
                assert (await greeted(link, viewer))["role"] == "viewer"
            async with socket(url, subprotocol_of(operator)) as link:
                assert link.subprotocol == "twin.v1"
                assert (await greeted(link))["role"] == "operator"
            async with socket(url, headers={"Authorization": f"Bearer {viewer}"}) as link:
                assert (await greeted(link))["role"] == "viewer"
            async with httpx.AsyncClient(base_url=url) as http:
                answer = await http.post("/api/session", json={"token": operator})
                assert answer.json() == {"asks": True, "name": "desk 3", "role": "operator"}
            name, value = next(iter(http.cookies.items()))
            async with socket(url, headers={"Cookie": f"{name}={value}"}) as link:
                assert (await greeted(link))["role"] == "operator"
            for wrong, token in [((), None), ((), "twk_no"), ((subprotocol_of("x"),), None)]:
                async with socket(url, *wrong) as link:
                    code, reason = await turned_away(link, token)
                    assert code == 4401 and "token" in reason

    run(work)
    assert [line["via"] for line in desk.lines if line["event"] == "signed_in"] == [
        *("hello", "subprotocol", "bearer", "session")
    ]
    assert [line["reason"] for line in desk.lines if line["event"] == "refused"] == [
        "missing",
        "wrong",
        "wrong",
    ]
    told = json.dumps(desk.lines)
    assert viewer not in told and operator not in told and viewer[13:] not in told


def test_without_tokens_everybody_here_is_the_engineer(serve: Serve) -> None:
    async def work() -> None:
        async with serve(None) as url, httpx.AsyncClient(base_url=url) as http:
            async with socket(url) as link:
                assert (await greeted(link))["role"] == "engineer"
            assert (await http.get("/api/status")).status_code == 200
            me = {"asks": False, "name": "local", "role": "engineer"}
            assert (await http.get("/api/session")).json() == me
            assert (await http.get("/signin")).status_code == 303
            assert (await http.get("/api/nothing")).status_code == 404

    run(work)


def test_http_asks_for_a_token_and_a_role(desk: Desk, serve: Serve) -> None:
    viewer, operator = desk.create("wall", Role.VIEWER), desk.create("desk 3", Role.OPERATOR)
    brief = desk.create("guest", Role.VIEWER, timedelta(hours=1))

    async def work() -> None:
        async with serve(desk.access()) as url, httpx.AsyncClient(base_url=url) as http:

            async def ask(path: str, token: str = "", method: str = "GET", **more: object) -> httpx.Response:
                headers = {"Authorization": f"Bearer {token}"} if token else {}
                return await http.request(method, path, headers=headers, **more)  # type: ignore[arg-type]

            assert (await ask("/healthz")).status_code == 200
            for path in ("/api/scene", "/api/status", "/", "/api/nothing", "/metrics", "/app.js"):
                answer = await ask(path)
                assert (answer.status_code, answer.headers["www-authenticate"]) == (
                    401,
                    'Bearer realm="twinstage"',
                ), path
                assert "asks for a token" in answer.json()["error"]
            assert (await ask("/api/scene", viewer)).status_code == 200
            assert (await ask("/api/scene", brief)).status_code == 200
            refused = await ask("/api/alarms/acknowledge", viewer, "POST", json={})
            assert refused.status_code == 403
            assert refused.json()["error"] == "this needs the role operator; 'wall' has the role viewer"
            passed = await ask("/api/alarms/acknowledge", operator, "POST", json={})
            assert passed.status_code == 404  # this twin has no alarms; the gate let it through to the app
            assert (await ask("/api/nothing", operator)).status_code == 404
            desk.clock.advance(3600 * 1_000_000_000)
            gone = await ask("/api/scene", brief)
            assert gone.status_code == 401 and "'guest' expired at" in gone.json()["error"]

    run(work)
    changed = [line for line in desk.lines if line["event"] == "changed"]
    assert [(c["who"]["name"], c["what"], c["outcome"]) for c in changed] == [
        ("desk 3", "POST /api/alarms/acknowledge", "status 404")
    ]
    roles = [line for line in desk.lines if line.get("reason") == "role"]
    assert roles[0]["who"]["name"] == "wall" and roles[0]["address"] == "127.0.0.1"


def test_every_route_of_the_app_is_in_the_table(make) -> None:
    from starlette.routing import Route, WebSocketRoute

    from twinstage.sync.api.calls import Sources
    from twinstage.sync.hub import Hub

    class Anything:
        """Stands for every source."""

        def __getattr__(self, name: str) -> object:
            return lambda *_, **__: None

    app = create_app(
        Hub(make.snapshot(["/World"]), epoch="e1"),
        state=lambda: "",
        metrics=lambda: (b"", ""),
        cameras=Anything(),  # type: ignore[arg-type]
        alarms=Anything(),  # type: ignore[arg-type]
        api=Sources(prims=Anything(), health=Anything(), datasets=Anything()),  # type: ignore[arg-type]
    )
    routes = Routes(TABLE)
    missing = []
    for route in app.routes:
        if isinstance(route, WebSocketRoute):
            pairs = [("WEBSOCKET", route.path)]
        else:
            assert isinstance(route, Route)
            pairs = [(method, route.path) for method in route.methods or ()]
        for method, path in pairs:
            concrete = re.sub(r"\{\w+:path\}", "A/B", path)
            concrete = re.sub(r"\{\w+\}", "7", concrete)
            if routes.line(method, concrete) is None:
                missing.append((method, path))
    assert missing == []


def test_a_token_in_a_url_is_refused_and_logged_nowhere(
    desk: Desk, serve: Serve, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    viewer = desk.create("wall", Role.VIEWER)
    caplog.set_level(logging.DEBUG)

    async def work() -> None:
        async with serve(desk.access()) as url, httpx.AsyncClient(base_url=url) as http:
            for path in (f"/api/scene?token={viewer}", f"/?x=1&access_token={viewer}", f"/glb/{viewer}.glb"):
                answer = await http.get(path, headers={"Authorization": f"Bearer {viewer}"})
                assert answer.status_code == 400 and "never goes into a URL" in answer.json()["error"]
                assert viewer not in answer.text
            with pytest.raises(InvalidStatus) as refused:
                async with socket(url, path=f"/ws?token={viewer}"):
                    pass
            assert refused.value.response.status_code == 400
            assert b"never goes into a URL" in (refused.value.response.body or b"")

    run(work)
    ours = [
        r.getMessage()
        for r in caplog.records
        if not r.name.startswith(("httpx", "httpcore", "websockets.client"))
    ]
    out = capfd.readouterr()
    assert viewer not in "".join(ours) + json.dumps(desk.lines) + out.out + out.err
    assert [line["reason"] for line in desk.lines] == ["url"] * 4


def test_a_revoked_token_ends_its_sessions_within_seconds(desk: Desk, serve: Serve) -> None:
    viewer, other = desk.create("wall", Role.VIEWER), desk.create("desk", Role.OPERATOR)

    async def work() -> None:
        async with serve(desk.access()) as url, socket(url) as link, socket(url) as kept:
            await greeted(link, viewer)
            await greeted(kept, other)
            desk.revoke("wall")
            async with asyncio.timeout(60):
                with pytest.raises(ConnectionClosed) as closed:
                    while True:
                        await link.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4401 and "'wall' was revoked at" in closed.value.rcvd.reason
            await kept.send('{"type":"ping","t":1}')
            assert json.loads(await kept.recv())["type"] == "pong"
            async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {viewer}"}) as http:
                assert (await http.get("/api/scene")).status_code == 401

    run(work)
    ended = [line for line in desk.lines if line["event"] == "signed_out"]
    assert [(line["who"]["name"], line["reason"]) for line in ended] == [("wall", "revoked")]


def test_a_token_file_that_is_gone_lets_nobody_in_and_says_so(desk: Desk, serve: Serve) -> None:
    viewer = desk.create("wall", Role.VIEWER)

    async def work() -> None:
        async with serve(desk.access()) as url, httpx.AsyncClient(base_url=url) as http:
            headers = {"Authorization": f"Bearer {viewer}"}
            async with socket(url) as link:
                await greeted(link, viewer)
                kept = desk.path.read_bytes()
                desk.path.unlink()
                answer = await http.get("/api/scene", headers=headers)
                assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
                async with asyncio.timeout(60):
                    with pytest.raises(ConnectionClosed) as closed:
                        while True:
                            await link.recv()
                assert closed.value.rcvd is not None and closed.value.rcvd.code == 1013  # come again
            desk.path.write_bytes(kept)
            desk.path.chmod(0o600)
            assert (await http.get("/api/scene", headers=headers)).status_code == 200

    run(work)
    events = [line["event"] for line in desk.lines]
    assert events.index("tokens_unreadable") < events.index("tokens_readable")


def test_wrong_tokens_are_slowed_by_address_but_a_right_one_is_not_locked_out(
    desk: Desk, serve: Serve
) -> None:
    viewer = desk.create("wall", Role.VIEWER)

    async def work() -> None:
        access = desk.access(wrong_tokens=3, wrong_tokens_per_second=0.01)
        async with serve(access) as url, httpx.AsyncClient(base_url=url) as http:

            async def status(token: str) -> int:
                answer = await http.get("/api/scene", headers={"Authorization": f"Bearer {token}"})
                if answer.status_code == 429:
                    assert 90 < int(answer.headers["retry-after"]) < 102
                return answer.status_code

            guess = viewer[:-4] + "AAAA"
            assert [await status(guess) for _ in range(5)] == [401, 401, 401, 429, 429]
            async with socket(url) as link:
                code, reason = await turned_away(link, guess)
                assert code == 4429 and "too many wrong tokens came from 127.0.0.1" in reason
            assert await status(viewer) == 200
            assert access.counts.refusals == {"wrong": 3, "too_many": 3}

    run(work)


# ---------------------------------------------------------------------- browsers


def test_the_sign_in_page_needs_no_script_and_gives_a_strict_cookie(desk: Desk, serve: Serve) -> None:
    operator = desk.create("desk 3", Role.OPERATOR)

    async def work() -> None:
        async with serve(desk.access()) as url, httpx.AsyncClient(base_url=url) as http:
            first = await http.get("/", headers={"Accept": "text/html,*/*"})
            assert (first.status_code, first.headers["location"]) == (303, "/signin")
            page = await http.get("/signin")
            policy = page.headers["content-security-policy"]
            assert (
                "default-src 'none'" in policy and "form-action 'self'" in policy and "unsafe" not in policy
            )
            assert "<script" not in page.text and "http" not in page.text.replace("https://", "")
            own = {"Origin": url}
            wrong = await http.post("/api/session", data={"token": "twk_<b>"}, headers=own)
            assert wrong.status_code == 401 and "this is no token of this server" in wrong.text
            assert "<b>" not in wrong.text and "set-cookie" not in wrong.headers
            foreign = await http.post(
                "/api/session", data={"token": operator}, headers={"Origin": "https://evil.example"}
            )
            assert foreign.status_code == 403 and "set-cookie" not in foreign.headers
            right = await http.post("/api/session", data={"token": operator}, headers=own)
            assert (right.status_code, right.headers["location"]) == (303, "/")
            cookie = right.headers["set-cookie"]
            assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(
                cookie.split("; ")
            ) and operator not in cookie
            assert "Secure" not in cookie and "Max-Age=604800" in cookie
            assert (await http.get("/")).status_code == 200
            assert (await http.get("/api/session")).json()["name"] == "desk 3"
            assert (await http.get("/signin")).status_code == 303
            # The cookie is no help to a page of another origin: the guard asks for the Origin.
            crossed = await http.post(
                "/api/alarms/acknowledge", json={}, headers={"Origin": "https://evil.example"}
            )
            assert crossed.status_code == 403
            desk.revoke("desk 3")
            assert (await http.get("/")).status_code == 401
            left = await http.delete("/api/session")
            assert left.status_code == 204 and "Max-Age=0" in left.headers["set-cookie"]

    run(work)


def test_what_is_no_sign_in_is_told(desk: Desk, serve: Serve) -> None:
    desk.create("wall", Role.VIEWER)

    async def work() -> None:
        async with serve(desk.access()) as url, httpx.AsyncClient(base_url=url) as http:
            assert (await http.post("/api/session", content=b"x")).status_code == 415
            assert (await http.post("/api/session", json=["x"])).status_code == 422
            assert (await http.post("/api/session", json={"token": 5})).status_code == 422
            long = await http.post("/api/session", json={"token": "x" * 5000})
            assert long.status_code == 413

    run(work)


def test_a_page_of_a_named_origin_may_ask_with_a_token_of_its_own(desk: Desk, serve: Serve) -> None:
    viewer = desk.create("panel", Role.VIEWER)
    named, foreign = {"Origin": "https://panel.example.com"}, {"Origin": "https://evil.example"}

    async def work() -> None:
        access = desk.access(origins=("https://panel.example.com",))
        async with serve(access) as url, httpx.AsyncClient(base_url=url) as http:
            asked = {
                "Access-Control-Request-Method": "GET",
                "Access-Control-Request-Headers": "authorization",
            }
            before = await http.options("/api/scene", headers=named | asked)
            assert before.status_code == 204
            assert before.headers["access-control-allow-origin"] == "https://panel.example.com"
            assert "access-control-allow-credentials" not in before.headers
            answer = await http.get("/api/scene", headers=named | {"Authorization": f"Bearer {viewer}"})
            assert answer.status_code == 200
            assert answer.headers["access-control-allow-origin"] == "https://panel.example.com"
            async with socket(url, headers=named) as link:
                assert (await greeted(link, viewer))["role"] == "viewer"
            plain = await http.get("/api/scene", headers=foreign | {"Authorization": f"Bearer {viewer}"})
            assert "access-control-allow-origin" not in plain.headers
            with pytest.raises(InvalidStatus) as refused:
                async with socket(url, headers=foreign):
                    pass
            assert refused.value.response.status_code == 403
            assert access.counts.refusals["origin"] == 1

    run(work)


# ---------------------------------------------------------------------- the Python client


def test_the_client_takes_its_token_by_reference(
    desk: Desk, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = desk.create("wall", Role.VIEWER)
    kept = desk.path.with_name("mine.txt")
    kept.write_text(viewer + "\n")
    monkeypatch.setenv("MY_TOKEN", viewer)

    async def work() -> None:
        async with serve(desk.access()) as url:
            for token in (viewer, "env:MY_TOKEN", f"file:{kept}"):
                async with connect(url, token=token) as client:
                    assert client.role == "viewer" and client.world("/World/A")[0, 3] == 1.0
                    assert client.scene["nodes"]["count"] == 2
            with pytest.raises(LinkError, match="asks for a token"):
                async with connect(url):
                    pass
            with pytest.raises(LinkError, match="does not know that token"):
                async with connect(url, token=viewer[:-4] + "AAAA"):
                    pass
            for reference in ("env:NO_SUCH", "file:/no/such", "hunter2"):
                with pytest.raises(UserError) as told:
                    async with connect(url, token=reference):
                        pass
                assert "hunter2" not in str(told.value)

    run(work)


def test_a_recipe_s_state_gets_the_token_only_where_the_user_named_that_server(
    desk: Desk, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    from twinstage.live.states import _of_url

    viewer = desk.create("lab", Role.VIEWER)
    monkeypatch.setenv("TWINSTAGE_TOKEN", viewer)
    layer = '#usda 1.0\nover "World" {\n}\n'

    async def work() -> None:
        async with serve(desk.access(), state=lambda: layer) as url:
            with pytest.raises(UserError, match=f"set TWINSTAGE_TOKEN, and TWINSTAGE_SERVER={url}"):
                await asyncio.to_thread(_of_url, url)
            monkeypatch.setenv("TWINSTAGE_SERVER", url + "/")
            assert await asyncio.to_thread(_of_url, url) is not None
            monkeypatch.setenv("TWINSTAGE_SERVER", url + ".evil.example")
            with pytest.raises(UserError):
                await asyncio.to_thread(_of_url, url)

    run(work)
    assert [line["event"] for line in desk.lines] == ["refused", "signed_in", "refused"]
