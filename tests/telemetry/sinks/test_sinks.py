"""Sinks: what is sent, retried, given up and summed up; a real HTTP and a real SMTP server on this machine."""

import email
import email.policy
import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from twinstage.base.errors import UserError
from twinstage.telemetry.alarms.records import AlarmRecord
from twinstage.telemetry.alarms.told import Teller
from twinstage.telemetry.contract import parse_contract
from twinstage.telemetry.sinks import EmailSink, FakeSink, Outlet, SendError, WebhookSink, load_sinks
from twinstage.telemetry.sinks.compose import Composer
from twinstage.telemetry.sinks.outlet import CLOSE_S

S = 1_000_000_000
CONTRACT = parse_contract(
    """
contract: 1
sources: {a: {uri: "memory:a", reader: {format: jsonl, time: {field: t, unit: s}}}}
signals: [{id: temp, source: a, field: temp, unit: Cel}]
alarms:
  - {id: hot, signal: temp, above: 80, priority: high, message: "Too hot", response: "Cool it"}
  - {id: warm, signal: temp, above: 60, priority: medium}
  - {id: mild, signal: temp, above: 40, priority: low}
""",
    where="c.yaml",
)
TELLER = Teller(CONTRACT)
PRIORITY = {"hot": "high", "warm": "medium", "mild": "low"}


def raised(alarm: str, at: int = 1, *, quiet: bool = False, what: Any = "raised") -> AlarmRecord:
    return AlarmRecord(at * S, what, alarm, PRIORITY[alarm], value=358.15, quiet=quiet)


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


def outlet(sink: FakeSink, **more: Any) -> Outlet:
    return Outlet(sink, TELLER, first_retry_s=0.01, **more)


def test_a_message_says_all_in_the_contracts_units() -> None:
    (message,) = Composer(FakeSink(), TELLER).messages([raised("hot")], S)
    assert message.text == "high alarm hot raised: Too hot (85 °C)"
    assert (message.what, message.alarm, message.priority) == ("raised", "hot", "high")
    assert message.data["value"] == pytest.approx(85)
    assert message.data["response"] == "Cool it"


def test_a_sink_hears_of_its_priorities_and_events_alone() -> None:
    composer = Composer(FakeSink(least="high", what=("raised", "acknowledged")), TELLER)
    records = [
        raised("hot"),
        raised("warm"),
        raised("hot", what="returned"),
        raised("hot", what="acknowledged"),
    ]
    assert [(m.alarm, m.what) for m in composer.messages(records, S)] == [
        ("hot", "raised"),
        ("hot", "acknowledged"),
    ]


def test_a_flood_is_summed_up_in_one_message() -> None:
    composer = Composer(FakeSink(least="low"), TELLER)
    flood = AlarmRecord(0, "flood_began", comment="10")
    assert [m.what for m in composer.messages([flood], 0)] == ["flood_began"]
    for second in range(1, 60):
        quiet = [raised("warm", second, quiet=True), raised("warm", second, what="returned")]
        assert composer.messages([*quiet, raised("mild", second, quiet=True)], second * S) == []
    told = composer.messages([raised("hot", 60)], 60 * S)
    assert [m.what for m in told] == ["raised"], "high ones are told at once, and the minute is not over"
    told = composer.messages([], 61 * S)
    assert [m.what for m in told] == ["summary"]
    assert told[0].text == "118 alarms of low and medium priority: mild (59), warm (59)"
    assert told[0].data["counts"] == {"warm": 59, "mild": 59}
    assert composer.messages([], 200 * S) == [], "told once"
    composer.messages([raised("mild", 201, quiet=True)], 201 * S)
    ended = composer.messages([AlarmRecord(202 * S, "flood_ended", comment="3")], 202 * S)
    assert [m.what for m in ended] == ["summary", "flood_ended"]
    after = composer.messages([raised("warm", 300), raised("warm", 301, what="returned")], 301 * S)
    assert [m.what for m in after] == ["raised", "returned"]


def test_failures_are_tried_again_in_order_and_nothing_is_told_twice() -> None:
    sink = FakeSink(fail=3)
    out = outlet(sink)
    for k in range(5):
        out.take([raised("hot", k)], k * S)
    until(lambda: out.sent == 5)
    assert [message.at[17:19] for message in sink.sent] == ["00", "01", "02", "03", "04"]
    assert len(sink.attempts) >= 4
    out.close()
    assert out.counts() == {"name": "fake", "sent": 5, "failed": 0, "dropped": 0, "waiting": 0}


def test_what_no_retry_can_mend_is_given_up_and_counted() -> None:
    sink = FakeSink(fail=1, final=True)
    out = outlet(sink)
    out.take([raised("hot", 1)], S)
    until(lambda: out.failed == 1)
    out.take([raised("hot", 2)], 2 * S)
    until(lambda: out.sent == 1)
    assert [message.at[17:19] for message in sink.sent] == ["02"]
    out.close()


def test_the_queue_is_bounded_and_says_what_it_lost() -> None:
    sink = FakeSink(fail=1)
    out = Outlet(sink, TELLER, first_retry_s=1.0, most=10)
    out.take([raised("hot", 0)], 0)
    until(lambda: len(sink.attempts) == 1)
    started = time.monotonic()
    for k in range(1, 40):
        out.take([raised("hot", k)], k * S)
    assert time.monotonic() - started < 0.9, "whoever tells never waits"
    until(lambda: out.sent == 10)
    assert out.dropped == 30
    assert sink.sent[0].what == "lost"
    assert sink.sent[0].data == {"count": 30}
    assert sink.sent[-1].at[17:19] == "39"
    out.close()


def test_a_defect_of_a_plugin_is_counted_and_the_next_message_goes_out() -> None:
    class Broken(FakeSink):
        def send(self, messages: Any) -> None:
            if not self.attempts:
                self.attempts.append(0)
                raise ZeroDivisionError
            super().send(messages)

    sink = Broken()
    out = outlet(sink)
    out.take([raised("hot", 1)], S)
    until(lambda: out.failed == 1)
    out.take([raised("hot", 2)], 2 * S)
    until(lambda: out.sent == 1)
    out.close()


def test_close_does_not_wait_for_a_sink_that_is_away() -> None:
    out = Outlet(FakeSink(fail=1000), TELLER, first_retry_s=60)
    out.take([raised("hot")], S)
    until(lambda: bool(out.sink.attempts))  # type: ignore[attr-defined]
    started = time.monotonic()
    out.close()
    assert time.monotonic() - started < 30
    assert out.counts()["waiting"] == 1


def test_sinks_that_hang_end_together() -> None:
    class Hanging(FakeSink):
        def send(self, messages: Any) -> None:
            self.attempts.append(len(messages))
            time.sleep(60)

    outs = [Outlet(Hanging(), TELLER) for _ in range(3)]
    for out in outs:
        out.take([raised("hot")], S)
    until(lambda: all(out.sink.attempts for out in outs))  # type: ignore[attr-defined]
    started = time.monotonic()
    for out in outs:
        out.stop()
    for out in outs:
        out.close()
    assert time.monotonic() - started < 2 * CLOSE_S


# ---------------------------------------------------------------------- webhook


class Receiver:
    """A small HTTP server that answers with given statuses and remembers what it got."""

    def __init__(self, *statuses: int) -> None:
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        pending = list(statuses)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.got.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                status = pending.pop(0) if pending else 200
                self.send_response(status)
                if status in (301, 302, 307):
                    self.send_header("location", "/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()

            do_GET = do_POST

            def log_message(self, *args: object) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def receive() -> Iterator[Callable[..., Receiver]]:
    made: list[Receiver] = []

    def make(*statuses: int) -> Receiver:
        made.append(Receiver(*statuses))
        return made[-1]

    yield make
    for receiver in made:
        receiver.close()


def test_a_webhook_is_signed_json(receive: Callable[..., Receiver], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", "s3cret")
    monkeypatch.setenv("HOOK_TOKEN", "t0ken")
    receiver = receive()
    sink = WebhookSink(url=receiver.url, secret="env:HOOK_SECRET", bearer="env:HOOK_TOKEN")
    sink.check()
    messages = Composer(sink, TELLER).messages([raised("hot"), raised("warm")], S)
    sink.send(messages)
    path, headers, body = receiver.got[0]
    expected = hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    assert path == "/hook"
    assert headers["x-twinstage-signature"] == f"sha256={expected}"
    assert headers["authorization"] == "Bearer t0ken"
    data = json.loads(body)
    assert [m["alarm"] for m in data["messages"]] == ["hot", "warm"]
    assert data["messages"][0]["data"]["value"] == pytest.approx(85)


@pytest.mark.parametrize(
    ("status", "again"), [(500, True), (503, True), (429, True), (400, False), (404, False), (302, False)]
)
def test_a_status_says_whether_to_try_again(
    receive: Callable[..., Receiver], status: int, again: bool
) -> None:
    receiver = receive(status)
    sink = WebhookSink(url=receiver.url)
    with pytest.raises(SendError, match=str(status)) as caught:
        sink.send(Composer(sink, TELLER).messages([raised("hot")], S))
    assert caught.value.again == again
    assert len(receiver.got) == 1, "redirects are not followed"


def test_nobody_there_and_a_receiver_that_is_silent() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        sink = WebhookSink(url=f"http://127.0.0.1:{port}/", timeout=0.1)
        messages = Composer(sink, TELLER).messages([raised("hot")], S)
        with pytest.raises(SendError) as caught:
            sink.send(messages)
        assert caught.value.again
    with pytest.raises(SendError, match="cannot be reached") as caught:
        sink.send(messages)
    assert caught.value.again


def test_an_outlet_gets_its_message_through_when_the_receiver_is_back(
    receive: Callable[..., Receiver],
) -> None:
    receiver = receive(500, 502)
    out = Outlet(WebhookSink(url=receiver.url), TELLER, first_retry_s=0.01)
    out.take([raised("hot")], S)
    until(lambda: out.sent == 1)
    bodies = {body for _, _, body in receiver.got}
    assert len(receiver.got) == 3
    assert len(bodies) == 1, "the same message with the same id each time"
    out.close()


# ---------------------------------------------------------------------- e-mail


@contextmanager
def smtp_server() -> Iterator[tuple[int, list[str]]]:
    """Just enough of RFC 5321 to take one mail a connection."""
    mails: list[str] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def talk() -> None:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection, connection.makefile("rwb") as stream:
            stream.write(b"220 here\r\n")
            stream.flush()
            while line := stream.readline():
                word = line.split()[0].upper() if line.split() else b""
                if word == b"DATA":
                    stream.write(b"354 go on\r\n")
                    stream.flush()
                    body = b""
                    while (part := stream.readline()) != b".\r\n":
                        body += part
                    mails.append(body.decode())
                stream.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
                stream.flush()
                if word == b"QUIT":
                    return

    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    yield listener.getsockname()[1], mails
    thread.join(5)
    listener.close()


def test_one_mail_for_all_that_is_due() -> None:
    with smtp_server() as (port, mails):
        sink = EmailSink(host="127.0.0.1", port=port, security="none", sender="twin@a.de", to=("x@a.de",))
        sink.send(Composer(sink, TELLER).messages([raised("hot"), raised("warm")], S))
    (mail,) = mails
    subject = email.message_from_string(mail, policy=email.policy.default)["subject"]
    assert subject == "[twinstage] high alarm hot raised: Too hot (85 °C) (and 1 more)"
    assert "From: twin@a.de" in mail
    assert "What to do: Cool it" in mail
    assert "medium alarm warm raised" in mail


def test_no_line_of_a_message_becomes_a_header() -> None:
    sink = EmailSink(host="h", sender="twin@a.de", to=("x@a.de",))
    record = AlarmRecord(S, "raised", "hot", "high", comment="x\r\nBcc: evil@b.de")
    mail = sink.mail(Composer(sink, TELLER).messages([record], S))
    assert mail["Bcc"] is None
    assert "\n" not in mail["Subject"]


def test_a_mail_server_that_is_not_there() -> None:
    sink = EmailSink(host="127.0.0.1", port=1, security="none", sender="twin@a.de", to=("x@a.de",), timeout=1)
    with pytest.raises(SendError) as caught:
        sink.send(Composer(sink, TELLER).messages([raised("hot")], S))
    assert caught.value.again


# ---------------------------------------------------------------------- settings


def settings(tmp_path: Path, *sinks: str) -> Path:
    path = tmp_path / "notify.yaml"
    path.write_text("notify: 1\nsinks:\n" + "".join(f"  - {{{sink}}}\n" for sink in sinks))
    return path


def test_settings_are_read(tmp_path: Path) -> None:
    (tmp_path / "smtp").write_text("pw\n")
    path = settings(
        tmp_path,
        'kind: webhook, url: "https://hooks.example.com/x", least: critical',
        f"kind: email, host: h, user: u, password: 'file:{tmp_path / 'smtp'}', sender: a@b.c, to: [d@e.f]",
        "kind: fake, name: test",
    )
    hook, mail, fake = load_sinks(path)
    assert (hook.kind, hook.least, mail.kind, fake.called) == ("webhook", "critical", "email", "test")


@pytest.mark.parametrize(
    ("sink", "sentence"),
    [
        ("kind: webhok, url: 'http://a'", "no alarm sink named 'webhok'; did you mean 'webhook'"),
        ("url: 'http://a'", "a sink has a kind"),
        ("kind: webhook, url: 'ftp://a'", "https://HOST/PATH was expected"),
        ("kind: webhook, url: 'http://u:pw@a'", "no password"),
        ("kind: webhook, url: 'http://a', secret: hunter2", "env:NAME or file:PATH was expected"),
        ("kind: webhook, url: 'http://a', secret: 'env:NOT_THERE_9'", "NOT_THERE_9"),
        ("kind: webhook, url: 'http://a', bearer: 'file:/not/there'", "/not/there"),
        ("kind: email, host: h, sender: a@b.c, to: [nobody]", "to"),
        ("kind: email, host: h, sender: a@b.c, to: [d@e.f], user: u", "come together"),
        (
            "kind: email, host: h, sender: a@b.c, to: [d@e.f], user: u, password: 'env:X', security: none",
            "in the clear",
        ),
        ("kind: fake, least: urgent", "least"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path: Path, sink: str, sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        load_sinks(settings(tmp_path, sink))
    text = str(caught.value)
    assert sentence in text
    assert "notify.yaml" in text
    assert "\n" not in text
    assert "hunter2" not in text, "a secret that was written out is not repeated"
