"""Who may show a twin in a frame: headers, addresses, and what a stranger sees of it."""

import logging
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from access_desk import Desk

from twinstage.base.errors import UserError
from twinstage.sync.access.access import Access
from twinstage.sync.access.choices import AccessChoices
from twinstage.sync.access.embedding import Embedders
from twinstage.sync.access.roles import Role
from twinstage.sync.hub import Hub
from twinstage.sync.server import create_app

PANEL = "https://panel.example.com"
FRAME = {"sec-fetch-dest": "iframe", "referer": f"{PANEL}/"}
Make = Any


@pytest.fixture
def client_of(make: ModuleType, tmp_path: Path) -> Make:
    """`client_of(access)`: asks an app whose viewer is three small files."""
    viewer = tmp_path / "viewer"
    (viewer / "embed").mkdir(parents=True)
    (viewer / "index.html").write_text("<!doctype html><html><head><title>twin</title></head></html>")
    (viewer / "app.js").write_text("1")
    (viewer / "embed" / "twin-view.js").write_text("export {}")

    hub = Hub(make.snapshot(["/World"]), epoch="e1")

    def client(access: Access) -> httpx.AsyncClient:
        app = create_app(hub, viewer_dir=viewer, access=access)
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")

    return client


def ancestors(answer: httpx.Response) -> str:
    policy = answer.headers["content-security-policy"]
    return next(part.strip() for part in policy.split(";") if "frame-ancestors" in part)


def ask(client: httpx.AsyncClient, path: str, **headers: str) -> httpx.Response:
    import asyncio

    return asyncio.run(client.get(path, headers=headers))


def test_only_the_page_for_frames_may_be_framed_and_only_by_named_origins(client_of: Make) -> None:
    access = Access(embed=Embedders([PANEL]))
    page = ask(client_of(access), "/embed", **FRAME)
    assert page.status_code == 200 and ancestors(page) == f"frame-ancestors 'self' {PANEL}"
    assert f'<meta name="twinstage-embed" content="[&quot;{PANEL}&quot;]">' in page.text
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert ancestors(ask(client_of(access), "/")) == "frame-ancestors 'none'"
    assert ancestors(ask(client_of(access), "/signin", accept="text/html")) == "frame-ancestors 'none'"


def test_without_the_option_only_the_twins_own_pages_may_frame_it(client_of: Make) -> None:
    page = ask(client_of(Access()), "/embed")
    assert ancestors(page) == "frame-ancestors 'self'" and 'content="[]"' in page.text


def test_a_stranger_is_told_in_one_sentence_and_so_is_the_log_once(
    client_of: Make, caplog: pytest.LogCaptureFixture
) -> None:
    access = Access(embed=Embedders([PANEL]))
    client = client_of(access)
    sentence = "pages of http://evil.example may not show this twin in a frame; --allow-embed http://evil.example lets them"
    with caplog.at_level(logging.WARNING, "twinstage.embed"):
        for _ in range(2):
            page = ask(client, "/embed", **{**FRAME, "referer": "http://evil.example/a?b"})
            assert page.status_code == 403 and page.json() == {"error": sentence}
            assert "evil" not in ancestors(page)
    assert [record.getMessage() for record in caplog.records if record.name == "twinstage.embed"] == [
        sentence
    ]
    assert access.counts.refusals["embed"] == 2


@pytest.mark.parametrize("referer", ["", "null", "about:blank", "http://", "ftp://x/", "http://[::1"])
def test_a_browser_that_does_not_say_who_asks_is_left_to_its_own_check(client_of: Make, referer: str) -> None:
    access = Access(embed=Embedders([PANEL]))
    page = ask(client_of(access), "/embed", **{**FRAME, "referer": referer})
    assert page.status_code == 200 and PANEL in ancestors(page)


def test_the_component_may_be_loaded_by_any_page_the_rest_by_none(client_of: Make, desk: Desk) -> None:
    desk.create("panel", Role.VIEWER)
    component = ask(client_of(desk.access()), "/embed/twin-view.js", origin="http://evil.example")
    assert component.status_code == 200 and component.headers["content-type"].startswith("text/javascript")
    assert component.headers["access-control-allow-origin"] == "*"
    assert component.headers["cross-origin-resource-policy"] == "cross-origin"
    assert "access-control-allow-origin" not in ask(client_of(Access()), "/app.js", origin=PANEL).headers


def test_with_tokens_the_frames_files_are_for_anybody_only_where_it_may_be_framed(
    client_of: Make, desk: Desk
) -> None:
    desk.create("panel", Role.VIEWER)
    access = desk.access()
    assert [ask(client_of(access), path).status_code for path in ("/embed", "/app.js")] == [401, 401]
    access.embed.allow(PANEL)
    assert [ask(client_of(access), path).status_code for path in ("/embed", "/app.js")] == [200, 200]
    for path in ("/", "/api/scene", "/api/status", "/glb/0.glb"):
        assert ask(client_of(access), path).status_code == 401, path


def test_a_proxy_beside_an_embedding_page_is_known_by_name_once_it_is_named(client_of: Make) -> None:
    access = Access()
    client = client_of(access)
    assert ask(client, "/embed", host="hub.example.com").status_code == 403
    access.embed.hosts.add("hub.example.com")
    assert ask(client, "/embed", host="hub.example.com").status_code == 200


@pytest.mark.parametrize(
    "text", ["*", "panel.example.com", "https://*.example.com", "https://a/b", "'self'", "https://a;b"]
)
def test_an_origin_is_named_exactly(text: str) -> None:
    with pytest.raises(UserError, match=r"--allow-embed .* is no origin"):
        AccessChoices(embed=(text,)).check("127.0.0.1")
