"""Tokens and their file: hypothesis for what is pure, a real file for what is not."""

import hashlib
import json
import os
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from access_desk import NOON, Desk
from hypothesis import given
from hypothesis import strategies as st

from twinstage.base.errors import UserError
from twinstage.sync.access.roles import Refusal, Role, role_named
from twinstage.sync.access.store import WatchedTokens, change_tokens, cookie_key, read_tokens
from twinstage.sync.access.tokens import Tokens, issue, judge, lifetime_of, revoke

ROLES = st.sampled_from(list(Role))


def made(name: str = "wall", role: Role = Role.VIEWER, **more: object) -> tuple[Tokens, str]:
    tokens, _, text = issue(
        Tokens(), name, role, now=NOON, random_bytes=os.urandom, **{"lifetime": None, **more}
    )
    return tokens, text


@given(ROLES, st.integers(0, 4), st.integers(0, 255))
def test_only_the_very_text_is_the_token(role: Role, place: int, other: int) -> None:
    tokens, text = made(role=role)
    found = judge(tokens.by_id(), text, NOON)
    assert not isinstance(found, Refusal) and found.rank is role
    at = 13 + place * 10  # in the secret
    spoilt = text[:at] + chr(other) + text[at + 1 :]
    assert isinstance(judge(tokens.by_id(), spoilt, NOON), Refusal) == (spoilt != text)


@given(st.text(max_size=200))
def test_no_other_text_is_a_token(text: str) -> None:
    tokens, _ = made()
    refusal = judge(tokens.by_id(), text, NOON)
    assert isinstance(refusal, Refusal) and (refusal.status, refusal.code) == (401, 4401)
    assert text not in refusal.sentence or len(text) < 20


def test_the_file_holds_a_salted_hash_and_no_secret() -> None:
    tokens, text = made()
    line = json.loads(tokens.model_dump_json())["issued"][0]
    secret = text.split("_", 2)[2]
    assert secret not in tokens.model_dump_json()
    assert line["sha256"] == hashlib.sha256(bytes.fromhex(line["salt"]) + secret.encode()).hexdigest()
    again, text_again = made()
    assert again.issued[0].salt != tokens.issued[0].salt and text_again != text


def test_expired_and_revoked_are_told_only_to_who_has_the_secret() -> None:
    tokens, text = made(lifetime=timedelta(days=1))
    later = NOON + timedelta(days=1)
    refusal = judge(tokens.by_id(), text, later)
    assert isinstance(refusal, Refusal) and refusal.reason == "expired"
    assert "'wall' expired at 2026-11-27 12:00:00 UTC" in refusal.sentence
    assert not isinstance(judge(tokens.by_id(), text, later - timedelta(seconds=1)), Refusal)
    spoilt = judge(tokens.by_id(), text[:-1] + ("A" if text[-1] != "A" else "B"), later)
    assert isinstance(spoilt, Refusal) and spoilt.reason == "wrong"
    ended, _ = revoke(tokens, "wall", now=NOON)
    refusal = judge(ended.by_id(), text, NOON)
    assert isinstance(refusal, Refusal) and refusal.reason == "revoked"


def test_a_name_is_one_owner_at_a_time() -> None:
    tokens, _ = made("desk 3", Role.OPERATOR)
    with pytest.raises(UserError, match="valid token named 'desk 3' already"):
        issue(tokens, "desk 3", Role.VIEWER, now=NOON, lifetime=None, random_bytes=os.urandom)
    ended, _ = revoke(tokens, "desk 3", now=NOON)
    again, token, _ = issue(ended, "desk 3", Role.VIEWER, now=NOON, lifetime=None, random_bytes=os.urandom)
    assert [t.state(NOON) for t in again.issued] == ["revoked", "valid"]
    both, ended_token = revoke(again, "desk 3", now=NOON)
    assert ended_token.id == token.id and {t.state(NOON) for t in both.issued} == {"revoked"}
    with pytest.raises(UserError, match="revoked already"):
        revoke(both, "desk 3", now=NOON)
    with pytest.raises(UserError, match="no token 'desk 4'"):
        revoke(tokens, "desk 4", now=NOON)


@pytest.mark.parametrize(
    ("text", "hours"), [("90m", 1.5), ("12h", 12), ("30d", 720), ("2w", 336), (None, None)]
)
def test_lifetimes(text: str | None, hours: float | None) -> None:
    assert lifetime_of(text) == (None if hours is None else timedelta(hours=hours))


@pytest.mark.parametrize("text", ["", "0d", "30", "d", "-1d", "1y", "1.5h", "999999d"])
def test_what_is_no_lifetime(text: str) -> None:
    with pytest.raises(UserError, match="90m, 12h, 30d or 2w"):
        lifetime_of(text)


def test_roles_are_an_order_of_three() -> None:
    assert [role.word for role in sorted(Role)] == ["viewer", "operator", "engineer"]
    with pytest.raises(UserError, match="did you mean 'viewer'"):
        role_named("viewers")


# ---------------------------------------------------------------------- the file


def test_the_file_is_private_and_whole(desk: Desk) -> None:
    before = os.umask(0)
    try:
        desk.create("wall", Role.VIEWER)
    finally:
        os.umask(before)
    assert stat.S_IMODE(desk.path.stat().st_mode) == 0o600
    assert [path.name for path in desk.path.parent.iterdir()] == ["tokens.json"]


def test_changes_at_the_same_time_are_all_kept(desk: Desk) -> None:
    threads = [
        threading.Thread(target=desk.create, args=(f"desk {number}", Role.VIEWER)) for number in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({token.name for token in read_tokens(desk.path).issued}) == 12


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "cannot be read.*twinstage token create"),
        (b"", "is no token file"),
        (b'{"tokens": 2}', "is no token file: tokens"),
        (b'{"tokens": 1, "issued": [{"id": "x"}]}', r"is no token file: issued\.0"),
    ],
)
def test_a_file_that_is_none_is_one_sentence(desk: Desk, content: bytes | None, sentence: str) -> None:
    if content is not None:
        desk.path.write_bytes(content)
    with pytest.raises(UserError, match=sentence):
        WatchedTokens(desk.path)


def test_a_file_that_others_may_write_is_refused(desk: Desk) -> None:
    desk.create("wall", Role.VIEWER)
    desk.path.chmod(0o664)
    with pytest.raises(UserError, match="chmod 600"):
        read_tokens(desk.path)
    desk.path.chmod(0o644)  # hashes of 256 random bits may be read: a mounted secret often is
    assert read_tokens(desk.path).issued


def test_a_change_of_the_file_is_seen_and_a_broken_one_lets_nobody_in(desk: Desk) -> None:
    desk.create("wall", Role.VIEWER)
    watched = WatchedTokens(desk.path)
    assert len(watched.current()) == 1
    desk.create("desk", Role.OPERATOR)
    assert len(watched.current()) == 2
    good = desk.path.read_bytes()
    desk.path.write_bytes(good[:-20])
    assert watched.current() == {} and "no token file" in watched.problem
    desk.path.unlink()
    assert watched.current() == {} and "cannot be read" in watched.problem
    desk.path.write_bytes(good)
    desk.path.chmod(0o600)
    assert len(watched.current()) == 2 and watched.problem == ""


def test_a_failed_change_leaves_the_file_as_it_was(desk: Desk) -> None:
    desk.create("wall", Role.VIEWER)
    before = desk.path.read_bytes()
    with pytest.raises(UserError):
        desk.revoke("nobody")
    with pytest.raises(UserError, match="cannot be opened"):
        change_tokens(desk.path.parent / "none" / "t.json", lambda held: (held,), create=True)
    assert desk.path.read_bytes() == before


def test_the_cookie_key_outlives_a_restart_and_is_private(desk: Desk, tmp_path: Path) -> None:
    key = cookie_key(desk.path)
    assert len(key) == 32 and cookie_key(desk.path) == key
    kept = tmp_path / "tokens.json.cookie-key"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    kept.chmod(0o644)
    assert cookie_key(desk.path) != key  # others could have read it
    assert cookie_key(tmp_path / "no" / "folder.json") != key


def test_the_clock_is_utc() -> None:
    tokens, _ = made()
    assert tokens.issued[0].created == datetime(2026, 11, 26, 12, tzinfo=UTC)
