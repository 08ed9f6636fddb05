"""The ledger against a model that keeps every value's whole past: random transactions of two authors, undo, redo, restarts."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.sync.commands.ledger import Conflict, Impossible, Ledger, restored
from twinstage.sync.commands.records import Key, from_text, to_text

KEYS = [("/A", "pose"), ("/A", "visibility"), ("/B", "pose")]


@dataclass
class Model:
    """The past of each key as a list of (transaction that the value is of, value, version, author)."""

    past: dict[tuple[str, str], list[tuple[int, Any, int, str]]] = field(
        default_factory=lambda: {key: [(0, None, 0, "")] for key in KEYS}
    )
    made: dict[int, dict[tuple[str, str], tuple[int, Any]]] = field(default_factory=dict)
    values_of: dict[int, dict[tuple[str, str], Any]] = field(default_factory=dict)
    done: dict[str, list[int]] = field(default_factory=lambda: {"anna": [], "ben": []})
    undone: dict[str, list[int]] = field(default_factory=lambda: {"anna": [], "ben": []})
    version: int = 0

    def now(self, key: tuple[str, str]) -> tuple[int, Any, int, str]:
        return self.past[key][-1]

    def edit(self, author: str, values: dict[tuple[str, str], Any], base: int | None) -> str:
        for key in values:
            if base is not None and any(v > base and a != author for _, _, v, a in self.past[key][-1:]):
                return "conflict"
        self.version += 1
        self.made[self.version] = {key: self.now(key)[:2] for key in values}
        self.values_of[self.version] = dict(values)
        for key, value in values.items():
            self.past[key].append((self.version, value, self.version, author))
        self.done[author].append(self.version)
        self.undone[author].clear()
        return "ok"

    def undo(self, author: str, of: int | None) -> str:
        return self._swap(author, of, self.done, self.undone, back=True)

    def redo(self, author: str, of: int | None) -> str:
        return self._swap(author, of, self.undone, self.done, back=False)

    def _swap(self, author: str, of: int | None, take: Any, give: Any, *, back: bool) -> str:
        if not take[author] or (of is not None and of not in take[author]):
            return "impossible"
        which = take[author][-1] if of is None else of
        for key, (source, _) in self.made[which].items():
            if self.now(key)[0] != (which if back else source):
                return "conflict"
        self.version += 1
        for key, (source, value) in self.made[which].items():
            to = (source, value) if back else (which, self.values_of[which][key])
            self.past[key].append((*to, self.version, author))
        take[author].remove(which)
        give[author].append(which)
        return "ok"

    def values(self) -> dict[tuple[str, str], Any]:
        return {key: self.now(key)[1] for key in KEYS if self.now(key)[1] is not None}


steps = st.one_of(
    st.tuples(
        st.just("edit"),
        st.dictionaries(st.sampled_from(KEYS), st.none() | st.integers(0, 3), min_size=1),
        st.none() | st.integers(0, 6),
    ),
    st.tuples(st.sampled_from(["undo", "redo"]), st.none() | st.integers(1, 8), st.just(None)),
    st.tuples(st.just("restart"), st.none(), st.none()),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["anna", "ben"]), steps), max_size=25))
def test_the_ledger_does_what_a_model_with_the_whole_past_does(told: list[Any]) -> None:
    ledger, model, journal = Ledger(), Model(), []
    for number, (author, (what, argument, base)) in enumerate(told):
        ident = f"c{number}"
        if what == "restart":
            ledger = restored(from_text(text) for text in journal)
            continue
        try:
            if what == "edit":
                record = ledger.edit(author, ident, argument, base=base, at_ns=number)
            else:
                record = getattr(ledger, what)(author, ident, of=argument, at_ns=number)
            ledger.accept(record)
            journal.append(to_text(record))
            outcome = "ok"
            assert ledger.done_before(author, ident) == record.version
        except Conflict as error:
            outcome = "conflict"
            assert error.cell is None or error.cell == ledger.cells[error.key]
        except Impossible:
            outcome = "impossible"
        wanted = (
            model.edit(author, argument, base) if what == "edit" else getattr(model, what)(author, argument)
        )
        assert outcome == wanted, (what, argument, base)
        assert ledger.version == model.version
        assert ledger.values() == model.values()
        assert (ledger.undoable(author), ledger.redoable(author)) == (
            len(model.done[author]),
            len(model.undone[author]),
        )


def test_an_undo_never_takes_away_what_another_author_has_set() -> None:
    ledger = Ledger()
    key = ("/A", "pose")
    for author, value in (("anna", 1), ("ben", 2), ("anna", 3)):
        ledger.accept(ledger.edit(author, f"{author}{value}", {key: value}, base=None, at_ns=0))
    ledger.accept(ledger.undo("anna", "u1", at_ns=0))
    assert ledger.values() == {key: 2}
    with pytest.raises(Conflict, match="anna has changed pose of /A in version 4"):
        ledger.undo("anna", "u2", at_ns=0)
    assert ledger.values() == {key: 2}


def test_a_conflict_is_of_the_property_and_not_of_the_prim() -> None:
    ledger = Ledger()
    ledger.accept(ledger.edit("anna", "a", {("/A", "pose"): 1}, base=0, at_ns=0))
    ledger.accept(ledger.edit("ben", "b", {("/A", "visibility"): True}, base=0, at_ns=0))
    with pytest.raises(Conflict, match="anna has changed pose of /A in version 1") as caught:
        ledger.edit("ben", "c", {("/B", "pose"): 1, ("/A", "pose"): 2}, base=0, at_ns=0)
    assert caught.value.key == Key("/A", "pose")
    assert caught.value.cell is not None and caught.value.cell.value == 1
    assert ledger.version == 2, "a proposal changes nothing"


def test_a_folded_journal_brings_values_and_versions_back() -> None:
    ledger = Ledger()
    for k in range(5):
        ledger.accept(ledger.edit("anna", f"c{k}", {(f"/P{k % 3}", "pose"): [k]}, base=None, at_ns=k))
    again = restored([from_text(to_text(ledger.fold(9)))])
    assert again.version == 5 and again.values() == ledger.values() and again.cells == ledger.cells
    assert again.undoable("anna") == 0
    with pytest.raises(Conflict):
        again.edit("ben", "x", {("/P1", "pose"): [7]}, base=4, at_ns=0)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    from twinstage.sync.commands import ledger as module

    for name, value in (("MOST_UNDO", 3), ("MOST_IDS", 4), ("MOST_CELLS", 5), ("MOST_AUTHORS", 2)):
        monkeypatch.setattr(module, name, value)
    ledger = Ledger()
    for k in range(5):
        ledger.accept(ledger.edit("anna", f"c{k}", {(f"/P{k}", "pose"): k}, base=None, at_ns=0))
    assert ledger.undoable("anna") == 3
    assert ledger.done_before("anna", "c0") is None and ledger.done_before("anna", "c4") == 5
    with pytest.raises(Impossible, match="there are 5 edits already"):
        ledger.edit("anna", "more", {("/P9", "pose"): 1}, base=None, at_ns=0)
    for k in range(20):  # what is cleared makes room, and is forgotten in the end
        value = {(f"/P{k % 10}", "pose"): None}
        ledger.accept(ledger.edit(f"author{k}", f"d{k}", value, base=None, at_ns=0))
    assert ledger.values() == {} and len(ledger.cells) <= 11
    assert ledger.undoable("anna") == 0 and ledger.undoable("author19") == 1
