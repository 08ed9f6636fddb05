"""The viewer's files over HTTP: gzipped where the client takes that, asked for again by their tag."""

import asyncio
import gzip
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from twinstage.sync.shell import ViewerFiles

SCRIPT = "const answer = 42;\n" * 500


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.js").write_text(SCRIPT)
    (tmp_path / "small.js").write_text("1;")
    (tmp_path / "mark.png").write_bytes(bytes(2000))
    return tmp_path


def got(folder: Path, name: str, accepted: str, **headers: str) -> tuple[httpx.Response, bytes]:
    """The answer, and its body as it was sent."""
    app = FastAPI()
    app.mount("/", ViewerFiles(directory=folder))

    async def ask() -> tuple[httpx.Response, bytes]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://twin") as client:
            asked = {"accept-encoding": accepted, **headers}
            async with client.stream("GET", f"/{name}", headers=asked) as answer:
                return answer, b"".join([part async for part in answer.aiter_raw()])

    return asyncio.run(ask())


def test_a_script_is_gzipped_for_who_takes_it(folder: Path) -> None:
    answer, sent = got(folder, "app.js", "br, gzip")
    assert answer.headers["content-encoding"] == "gzip" and answer.headers["vary"] == "Accept-Encoding"
    assert "javascript" in answer.headers["content-type"]
    assert answer.headers["cache-control"] == "no-cache"
    assert int(answer.headers["content-length"]) == len(sent) < len(SCRIPT) / 10
    assert gzip.decompress(sent).decode() == SCRIPT


@pytest.mark.parametrize("accepted", ["identity", "gzip;q=0", "br"])
def test_others_get_it_as_it_is(folder: Path, accepted: str) -> None:
    answer, sent = got(folder, "app.js", accepted)
    assert "content-encoding" not in answer.headers and sent.decode() == SCRIPT


@pytest.mark.parametrize("name", ["small.js", "mark.png"])
def test_what_gzip_does_not_help_is_sent_as_it_is(folder: Path, name: str) -> None:
    answer, sent = got(folder, name, "gzip")
    assert answer.status_code == 200 and "content-encoding" not in answer.headers
    assert sent == (folder / name).read_bytes()


def test_its_tag_saves_sending_it_again(folder: Path) -> None:
    tag = got(folder, "app.js", "gzip")[0].headers["etag"]
    assert got(folder, "app.js", "gzip", **{"if-none-match": tag})[0].status_code == 304
    (folder / "app.js").write_text(SCRIPT + "// newer\n")
    assert gzip.decompress(got(folder, "app.js", "gzip", **{"if-none-match": tag})[1]).endswith(b"// newer\n")


def test_a_file_that_is_not_there_is_not_found(folder: Path) -> None:
    assert got(folder, "none.js", "gzip")[0].status_code == 404
