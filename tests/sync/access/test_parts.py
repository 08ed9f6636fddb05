"""The small pure parts: buckets, addresses, origins, cookies, routes, URLs, choices."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from access_desk import NOON, subprotocol_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from twinstage.base.errors import UserError
from twinstage.sync.access.access import offered_token
from twinstage.sync.access.buckets import AddressBuckets, Bucket, is_loopback, neighbourhood
from twinstage.sync.access.choices import AccessChoices
from twinstage.sync.access.cookies import LIFETIME_S, CookieJar, cookie_name, read_cookie
from twinstage.sync.access.limits import Limits
from twinstage.sync.access.origins import Origins, parse_origin
from twinstage.sync.access.roles import Role
from twinstage.sync.access.routes import TABLE, Routes
from twinstage.sync.access.tokens import Tokens, issue
from twinstage.sync.access.urls import has_token

S = 1_000_000_000


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(0, 2 * S), max_size=20), st.integers(1, 50), st.integers(1, 20))
def test_a_bucket_never_grants_more_than_it_may(waits: list[int], rate: int, burst: int) -> None:
    bucket, now, granted = Bucket(rate, burst, 0), 0, 0
    for wait in waits:
        now += wait
        granted += bucket.take(now)
    assert granted <= burst + rate * now / S + 1e-6


def test_a_bucket_says_when_to_come_again() -> None:
    bucket = Bucket(2.0, 1.0, 0)
    assert bucket.take(0) and not bucket.take(0)
    assert bucket.wait_s(0) == pytest.approx(0.5)
    assert not bucket.take(S // 2 - 1000) and bucket.take(S // 2 + 1000)


def test_addresses_have_buckets_of_their_own_and_are_forgotten() -> None:
    buckets = AddressBuckets(0.001, 1, most=2)
    assert buckets.take("10.0.0.1", 0) and not buckets.take("10.0.0.1", 0)
    assert buckets.take("10.0.0.2", 0) and not buckets.take("::ffff:10.0.0.2", 0)
    assert buckets.take("2001:db8::1", 0) and not buckets.take("2001:db8::ffff:2", 0)
    assert buckets.take("10.0.0.1", 0)  # the oldest of three was forgotten


@pytest.mark.parametrize(
    ("address", "key"),
    [("10.1.2.3", "10.1.2.3"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"), ("testclient", "testclient")],
)
def test_what_counts_as_one_address(address: str, key: str) -> None:
    assert neighbourhood(address) == key


@pytest.mark.parametrize(
    ("host", "own"),
    [
        *[(host, True) for host in ("127.0.0.1", "127.8.9.1", "::1", "localhost", "::ffff:127.0.0.1")],
        *[
            (host, False)
            for host in ("0.0.0.0", "::", "192.168.1.5", "", "localhost.evil.example", "fe80::1%1")
        ],
    ],
)
def test_what_only_this_machine_can_reach(host: str, own: bool) -> None:
    assert is_loopback(host) is own


# ---------------------------------------------------------------------- origins


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://Panel.Example.com", "https://panel.example.com"),
        ("https://panel.example.com:443/", "https://panel.example.com"),
        ("http://[::1]:3000", "http://[::1]:3000"),
    ],
)
def test_origins_are_normal_forms(text: str, origin: str) -> None:
    assert parse_origin(text) == origin and Origins([text]).named(origin)


@pytest.mark.parametrize(
    "text",
    [
        "*",
        "null",
        "panel.example.com",
        "https://",
        "https://a/b",
        "ftp://a",
        "https://*",
        "https://a:b",
        "https://a;b",
    ],
)
def test_what_is_no_origin(text: str) -> None:
    with pytest.raises(UserError, match="is no origin"):
        Origins([text])


def test_only_own_and_named_pages_may_ask() -> None:
    origins = Origins(["https://panel.example.com"])
    assert origins.may_ask(None, "twin:8000") and origins.may_ask("http://twin:8000", "twin:8000")
    assert origins.may_ask("https://panel.example.com", "twin:8000")
    for foreign in (
        "null",
        "https://panel.example.com.evil.example",
        "http://twin:8001",
        "http://panel.example.com",
        "",
    ):
        assert not origins.may_ask(foreign, "twin:8000"), foreign


# ---------------------------------------------------------------------- cookies and subprotocols


def token(lifetime: timedelta | None = None):
    return issue(Tokens(), "wall", Role.VIEWER, now=NOON, lifetime=lifetime, random_bytes=lambda n: bytes(n))[
        1
    ]


@given(st.integers(0, 62), st.sampled_from("0123456789abcdefABC-_."))
def test_only_the_cookie_that_was_baked_holds(place: int, other: str) -> None:
    jar, now, held = CookieJar(b"k" * 32), int(NOON.timestamp()), token()
    value, lifetime = jar.bake(held, now)
    assert lifetime == LIFETIME_S and jar.token_id(value) == held.id and jar.holds(value, held, now)
    assert not jar.holds(value, held, now + LIFETIME_S)
    assert not CookieJar(b"l" * 32).holds(value, held, now)
    assert not jar.holds(value, held.model_copy(update={"sha256": "1" * 64}), now)  # another token of that id
    place %= len(value)
    spoilt = value[:place] + other + value[place + 1 :]
    assert jar.holds(spoilt, held, now) == (spoilt == value)


def test_a_cookie_ends_with_its_token() -> None:
    _, lifetime = CookieJar(b"k" * 32).bake(token(timedelta(hours=1)), int(NOON.timestamp()))
    assert lifetime == 3600


def test_two_twins_of_one_host_have_two_cookies() -> None:
    names = {cookie_name(host, secure=False) for host in ("a:8000", "a:8001", "a", "[::1]:8000")}
    assert names == {"twinstage-8000", "twinstage-8001", "twinstage-80"}
    assert cookie_name("a", secure=True) == "__Host-twinstage-443"
    assert read_cookie("x=1; twinstage-80=a=b", "twinstage-80") == "a=b" and read_cookie("", "x") == ""


def test_a_token_as_a_subprotocol() -> None:
    text = "twk_0123abcd_" + "-_x" * 14 + "A"
    assert offered_token(["twin.v1", subprotocol_of(text)]) == text
    assert offered_token(["twin.v1"]) == "" and offered_token(["twin.token.!!!"]) == "?"
    assert set(subprotocol_of(text)) <= set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"
    )


# ---------------------------------------------------------------------- routes and URLs


@pytest.mark.parametrize(
    ("method", "path", "role"),
    [
        ("GET", "/healthz", "anyone"),
        ("GET", "/signin", "anyone"),
        ("POST", "/api/session", "anyone"),
        ("WEBSOCKET", "/ws", "anyone"),
        ("GET", "/", "viewer"),
        ("HEAD", "/api/scene", "viewer"),
        ("GET", "/app.js", "viewer"),
        ("GET", "/assets/a/b.png", "viewer"),
        ("GET", "/camera/Cell/Overview.jpg", "viewer"),
        ("POST", "/api/alarms/acknowledge", "operator"),
        ("GET", "/api/secret", None),
        ("POST", "/api/scene", None),
        ("WEBSOCKET", "/other", None),
        ("GET", "/glb/a/b", None),
        ("GET", "/other.js", None),
        ("POST", "/app.js", None),
        ("GET", "//api/scene", None),
        ("GET", "/healthz/", None),
        ("DELETE", "/", None),
    ],
)
def test_what_is_not_listed_is_denied(method: str, path: str, role: str | None) -> None:
    line = Routes(TABLE, files={"/app.js", "/assets/a/b.png"}).line(method, path)
    word = None if line is None else "anyone" if line.role is None else line.role.word
    assert word == role


@pytest.mark.parametrize(
    ("query", "path", "found"),
    [
        (b"token=x", "/ws", True),
        (b"a=1&TOKEN=", "/ws", True),
        (b"tok%65n=x", "/", True),
        (b"access_token=x", "/", True),
        (b"x=twk_1", "/", True),
        (b"x=%74wk_1", "/", True),
        (b"", "/glb/twk_1.glb", True),
        (b"limit=3&tokens=4", "/", False),
        (b"", "/api/scene", False),
    ],
)
def test_tokens_in_urls_are_seen(query: bytes, path: str, found: bool) -> None:
    assert has_token(query, path) is found


# ---------------------------------------------------------------------- choices

F = Path("f")


@pytest.mark.parametrize(
    ("host", "choices", "sentence"),
    [
        ("0.0.0.0", AccessChoices(), "0.0.0.0 can be reached.*--tokens FILE.* and --tls-cert"),
        ("192.168.0.4", AccessChoices(no_auth=True), "needs --tls-cert and --tls-key"),
        ("::", AccessChoices(no_tls=True), "needs --tokens FILE"),
        ("twin.example.com", AccessChoices(), "twin.example.com can be reached"),
        ("127.0.0.1", AccessChoices(tokens=F, no_auth=True), "contradict"),
        ("127.0.0.1", AccessChoices(tls_cert=F), "belong together"),
        ("127.0.0.1", AccessChoices(tls_cert=F, tls_key=F, no_tls=True), "contradict"),
        ("127.0.0.1", AccessChoices(tls_cert=F, tls_key=F), "--tls-cert f cannot be read"),
        ("127.0.0.1", AccessChoices(tokens=F), "token file f cannot be read"),
        ("127.0.0.1", AccessChoices(origins=("*",)), "is no origin"),
    ],
)
def test_what_must_not_be_served_is_one_sentence(host: str, choices: AccessChoices, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence) as told:
        choices.check(host)
    assert "\n" not in str(told.value) and told.value.exit_code == 2


def test_chosen_limits() -> None:
    assert AccessChoices().limits == Limits()
    limits = AccessChoices(max_clients=1000, max_clients_by_address=900).limits
    assert (limits.clients, limits.connections) == (1000, 4000)
    assert (limits.clients_by_address, limits.connections_by_address) == (900, 3600)


def test_what_may_be_served() -> None:
    AccessChoices().check("127.0.0.1")
    AccessChoices(no_auth=True, no_tls=True).check("0.0.0.0")
    assert replace(AccessChoices(), origins=("https://a",)).check("localhost") is None
