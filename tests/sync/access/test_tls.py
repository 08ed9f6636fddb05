"""TLS: what is served over it, to whom, and what a half-made connection costs."""

import asyncio
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import trustme
from access_desk import Desk, Serve, run

from twinstage.base.errors import UserError
from twinstage.sync.access.access import Access
from twinstage.sync.access.limits import Limits
from twinstage.sync.access.roles import Role
from twinstage.sync.access.tls import server_context
from twinstage.sync.client import LinkError, connect


@dataclass
class Files:
    cert: Path
    key: Path
    authority: Path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("tls")
    made = Files(folder / "cert.pem", folder / "key.pem", folder / "ca.pem")
    authority = trustme.CA()
    mine = authority.issue_cert("127.0.0.1", "localhost")
    mine.private_key_pem.write_to_path(made.key)
    for number, pem in enumerate(mine.cert_chain_pems):
        pem.write_to_path(made.cert, append=number > 0)
    authority.cert_pem.write_to_path(made.authority)
    return made


def test_pages_and_stream_over_tls(desk: Desk, serve: Serve, files: Files) -> None:
    viewer = desk.create("wall", Role.VIEWER)

    async def work() -> None:
        trusted = ssl.create_default_context(cafile=str(files.authority))
        async with serve(desk.access(), tls=server_context(files.cert, files.key)) as url:
            assert url.startswith("https://127.0.0.1:")
            async with httpx.AsyncClient(base_url=url, verify=trusted) as http:
                answer = await http.post("/api/session", json={"token": viewer})
                cookie = answer.headers["set-cookie"]
                assert cookie.startswith("__Host-twinstage-") and "Secure" in cookie.split("; ")
                assert (await http.get("/api/scene")).status_code == 200
            async with connect(url, token=viewer, ca_file=files.authority) as client:
                assert client.role == "viewer"
            with pytest.raises(LinkError, match="certificate is not to be trusted"):
                async with connect(url, token=viewer):
                    pass
            with pytest.raises(httpx.RemoteProtocolError):
                async with httpx.AsyncClient() as http:
                    await http.get(url.replace("https", "http"))
            old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            old.load_verify_locations(files.authority)
            old.maximum_version = ssl.TLSVersion.TLSv1_2
            parts = urlsplit(url)
            _, writer = await asyncio.open_connection(
                parts.hostname, parts.port, ssl=old, server_hostname="localhost"
            )
            assert writer.get_extra_info("ssl_object").version() == "TLSv1.2"
            writer.close()

    run(work)


def test_a_handshake_that_does_not_come_ends(serve: Serve, files: Files) -> None:
    async def work() -> None:
        access = Access(limits=Limits(header_seconds=0.3))
        async with serve(access, tls=server_context(files.cert, files.key)) as url:
            parts = urlsplit(url)
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            async with asyncio.timeout(60):
                assert await reader.read() == b""
            writer.close()

    run(work)


def test_files_that_are_no_pair_are_one_sentence(files: Files, tmp_path: Path) -> None:
    other = tmp_path / "key.pem"
    trustme.CA().issue_cert("localhost").private_key_pem.write_to_path(other)
    for cert, key in ((files.cert, other), (files.key, files.key), (files.cert, files.cert)):
        with pytest.raises(UserError, match="are no certificate with its own key"):
            server_context(cert, key)
    with pytest.raises(UserError, match=r"--tls-key .*gone\.pem cannot be read"):
        server_context(files.cert, tmp_path / "gone.pem")


def test_a_certificate_file_of_a_client_is_checked(tmp_path: Path) -> None:
    async def work() -> None:
        (tmp_path / "no.pem").write_text("no")
        for path in (tmp_path / "no.pem", tmp_path / "gone.pem"):
            with pytest.raises(UserError, match="cannot be used"):
                async with connect("https://127.0.0.1:1", ca_file=path):
                    pass

    run(work)
