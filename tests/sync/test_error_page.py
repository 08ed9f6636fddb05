"""What a server of ours says where it cannot answer: JSON to programs, a page to a browser that goes there."""

import asyncio

import httpx
import pytest

from twinstage.base.clock import SystemClock
from twinstage.base.errors import UserError
from twinstage.sync.access.access import Access
from twinstage.sync.shell import guarded_app

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


class Client:
    """Asks an app whose routes fail."""

    def __init__(self) -> None:
        self.app = guarded_app(Access(clock=SystemClock()), viewer_dir=None)

        async def users() -> None:
            raise UserError("cell.usda, line 3: <Expected> }")

        async def ours() -> None:
            raise KeyError("/srv/private/path")

        self.app.add_api_route("/api/status", users, methods=["GET"])
        self.app.add_api_route("/api/scene", ours, methods=["GET"])

    def get(self, path: str, headers: "dict[str, str] | None" = None) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return await client.get(path, headers=headers)

        return asyncio.run(ask())


@pytest.fixture
def client() -> Client:
    return Client()


def test_programs_get_one_sentence(client: Client) -> None:
    answer = client.get("/api/status")
    assert answer.status_code == 500 and answer.json() == {"error": "cell.usda, line 3: <Expected> }"}
    answer = client.get("/api/scene")
    sentence = answer.json()["error"]
    assert "GET /api/scene failed by a defect of Twinstage (KeyError); try again" in sentence
    assert "private" not in sentence


def test_browsers_get_the_same_as_a_page_that_runs_nothing(client: Client) -> None:
    answer = client.get("/api/status", headers=BROWSER)
    assert answer.status_code == 500 and answer.headers["content-type"].startswith("text/html")
    assert "<p>Cell.usda, line 3: &lt;Expected&gt; }.</p>" in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "report.</p>" in client.get("/api/scene", headers=BROWSER).text
