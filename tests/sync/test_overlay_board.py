"""The set of overlays: what everybody is told, what late comers get, and that all of it is bounded."""

import pytest

from twinstage.base.errors import UserError
from twinstage.sync.overlay import board as module
from twinstage.sync.overlay.board import Board, Data

NS = 1_000_000_000


def test_changes_are_told_once_and_a_late_comer_gets_the_whole() -> None:
    board = Board()
    board.put("a", {"kind": "text", "text": "one"})
    board.put("b", {"kind": "text", "text": "two"})
    first = board.changes(10 * NS)
    assert first == {
        "version": 1,
        "base": 0,
        "set": [{"name": "a", "kind": "text", "text": "one"}, {"name": "b", "kind": "text", "text": "two"}],
        "gone": [],
    }
    board.drop("a")
    board.change("b", text="three")
    assert board.changes(10 * NS + 1) is None  # ten a second at most
    assert board.changes(11 * NS) == {
        "version": 2,
        "base": 1,
        "set": [{"name": "b", "kind": "text", "text": "three"}],
        "gone": ["a"],
    }
    assert board.document() == {"version": 2, "items": [{"name": "b", "kind": "text", "text": "three"}]}
    board.change("b", text="three")
    assert board.changes(12 * NS) is None


def test_of_a_thing_changed_often_between_two_events_only_the_last_is_told() -> None:
    board = Board()
    for k in range(1000):
        board.put("p", {"kind": "points", "k": k}, {"positions": Data(bytes([k % 256]), "u8", (1,))})
    told = board.changes(NS)
    assert told is not None and [item["k"] for item in told["set"]] == [999]


def test_data_that_nothing_refers_to_goes_after_a_while() -> None:
    board = Board()
    board.put("p", {"kind": "points"}, {"positions": Data(b"old", "u8", (3,))})
    old = board.get("p")["positions"]["data"]  # type: ignore[index]
    board.changes(100 * NS)
    board.put("p", {"kind": "points"}, {"positions": Data(b"new", "u8", (3,))})
    board.changes(101 * NS)
    assert board.data(old) == Data(b"old", "u8", (3,))  # somebody may be asking for it just now
    board.changes(122 * NS)
    assert board.data(old) is None
    assert board.data(board.get("p")["positions"]["data"]) is not None  # type: ignore[index]


def test_what_is_too_much_is_refused_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ITEMS", 2)
    monkeypatch.setattr(module, "MOST_DATA", 8)
    monkeypatch.setattr(module, "MOST_ALL", 12)
    board = Board()
    board.put("a", {"kind": "points"}, {"positions": Data(bytes(8), "u8", (8,))})
    with pytest.raises(UserError, match="9 bytes; at most 8"):
        board.put("a", {"kind": "points"}, {"positions": Data(bytes(9), "u8", (9,))})
    with pytest.raises(UserError, match="more than 12 bytes"):
        board.put("b", {"kind": "points"}, {"positions": Data(b"12345678", "u8", (8,))})
    with pytest.raises(UserError, match="bytes of text"):
        board.put("b", {"kind": "text", "text": "x" * 20_000})
    board.put("b", {"kind": "text"})
    with pytest.raises(UserError, match="2 overlays"):
        board.put("c", {"kind": "text"})
    board.put("a", {"kind": "points"}, {"positions": Data(b"other678", "u8", (8,))})  # instead of the old one
    assert [item["name"] for item in board.document()["items"]] == ["a", "b"]


def test_an_event_is_never_long() -> None:
    board = Board()
    for k in range(10):
        board.put(f"t{k}", {"kind": "text", "text": "x" * 5000})
    assert board.changes(NS) == {"version": 1}
    assert len(board.document()["items"]) == 10
