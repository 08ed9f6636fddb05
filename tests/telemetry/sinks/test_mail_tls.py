"""E-mail over TLS: a real SMTP server on this machine, whose certificate nobody but a file vouches for."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from twinstage.base.errors import UserError
from twinstage.telemetry.sinks import EmailSink, SendError, load_sinks
from twinstage.telemetry.sinks.base import Message

MESSAGE = Message("1", "2026-11-24T09:14:00Z", "raised", "hot", "high", "high alarm hot raised: Too hot", {})


class Mailbox:
    """What the server took, and whether it came through TLS. `tried`: who wanted to log in."""

    def __init__(self) -> None:
        self.mails: list[tuple[bool, str]] = []
        self.tried: list[tuple[bytes, bytes]] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append((session.ssl is not None, content.decode()))
        return "250 taken"

    def login(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.tried.append((data.login, data.password))
        return AuthResult(success=data.password == b"secret", handled=False)


@contextmanager
def serving(
    authority: trustme.CA | None, name: str = "127.0.0.1", **more: Any
) -> Iterator[tuple[int, Mailbox]]:
    """An SMTP server with a certificate for that name; without an authority it cannot do TLS."""
    box = Mailbox()
    context = None
    if authority is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(context)
        more |= {"require_starttls": True, "tls_context": context}
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    controller = Controller(box, hostname="127.0.0.1", port=port, authenticator=box.login, **more)
    controller.start()
    try:
        yield port, box
    finally:
        controller.stop()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca(authority: trustme.CA, tmp_path: Path) -> str:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return str(tmp_path / "ca.pem")


def sink(port: int, **more: Any) -> EmailSink:
    return EmailSink(host="127.0.0.1", port=port, sender="twin@a.de", to=("x@a.de",), timeout=5, **more)


def test_a_mail_goes_through_tls_with_a_password(
    authority: trustme.CA, ca: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMTP_PASSWORD", "secret")
    with serving(authority, auth_required=True) as (port, box):
        sink(port, ca=ca, user="twin", password="env:SMTP_PASSWORD").send([MESSAGE])
    ((encrypted, mail),) = box.mails
    assert encrypted and "Too hot" in mail
    assert box.tried == [(b"twin", b"secret")]


def test_a_certificate_that_nobody_vouches_for_gets_neither_mail_nor_password(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMTP_PASSWORD", "secret")
    with serving(authority) as (port, box), pytest.raises(SendError, match=r"is not trusted: .+"):
        sink(port, user="twin", password="env:SMTP_PASSWORD").send([MESSAGE])
    assert not box.mails and not box.tried


def test_a_certificate_of_another_host_is_refused(authority: trustme.CA, ca: str) -> None:
    with serving(authority, "mail.example.com") as (port, box), pytest.raises(SendError, match="not trusted"):
        sink(port, ca=ca).send([MESSAGE])
    assert not box.mails


def test_a_server_that_cannot_do_tls_gets_nothing_in_the_clear(ca: str) -> None:
    with serving(None) as (port, box), pytest.raises(SendError, match="did not take a mail"):
        sink(port, ca=ca).send([MESSAGE])
    assert not box.mails


def test_a_wrong_password_is_told_and_not_tried_for_ever(
    authority: trustme.CA, ca: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMTP_PASSWORD", "guess")
    with (
        serving(authority, auth_required=True) as (port, box),
        pytest.raises(SendError, match="535") as caught,
    ):
        sink(port, ca=ca, user="twin", password="env:SMTP_PASSWORD").send([MESSAGE])
    assert not caught.value.again and not box.mails


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("ca: missing.pem", "is no readable PEM file"),
        ("ca: x.pem, security: none", "without TLS there is no certificate"),
    ],
)
def test_mistakes_about_certificates_are_told_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "notify.yaml"
    path.write_text(f"notify: 1\nsinks:\n  - {{kind: email, host: h, sender: a@b.c, to: [d@e.f], {more}}}\n")
    with pytest.raises(UserError, match=said):
        load_sinks(path)
    (tmp_path / "text.pem").write_text("no certificate")
    path.write_text(
        "notify: 1\nsinks:\n  - {kind: email, host: h, sender: a@b.c, to: [d@e.f], ca: text.pem}\n"
    )
    with pytest.raises(UserError, match="is no readable PEM file"):
        load_sinks(path)
