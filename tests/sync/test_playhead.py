"""The shared playhead: who leads, who follows, and what each is told."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from twinstage.sync.access.roles import ROLES, Identity
from twinstage.sync.hub import Hub
from twinstage.sync.playhead import TELLS_PER_SECOND
from twinstage.sync.session import Session

SECOND = 1_000_000_000


class Viewer:
    """A client that keeps what it is told."""

    def __init__(self, hub: Hub, name: str, role: str, caps: list[str] | None = None) -> None:
        self.hub = hub
        self.session: Session = hub.connect(
            lambda: None, now_ns=0, admit=lambda token: Identity(name, ROLES[role])
        )
        self.told: list[dict[str, Any]] = []
        self.say(type="hello", caps=["playhead"] if caps is None else caps)

    def say(self, *, at_ns: int = 0, **message: Any) -> None:
        self.session.receive(json.dumps(message), now_ns=at_ns, wall_ns=at_ns)

    def hear(self) -> list[dict[str, Any]]:
        self.told += [json.loads(one) for one in self.session.take(0) if isinstance(one, str)]
        return self.told

    @property
    def head(self) -> dict[str, Any] | None:
        """The newest of the playhead."""
        return next((one for one in reversed(self.hear()) if one["type"] == "playhead"), None)

    @property
    def notices(self) -> list[str]:
        return [one["text"] for one in self.hear() if one.get("event") == "notice"]


@pytest.fixture
def hub(make: ModuleType) -> Hub:
    return Hub(make.snapshot(), epoch="e1")


def test_the_vectors_of_the_text_messages(make: ModuleType, hub: Hub, vectors: Path) -> None:
    told = json.loads((vectors / "text" / "playhead.json").read_text())
    people = {
        name: Viewer(hub, name, role, [] if name in told["without"] else None)
        for name, role in told["clients"].items()
    }
    for step in told["steps"]:
        people[step["who"]].say(at_ns=int(step["atNs"]), **step["says"])
        for name, want in step["hear"].items():
            assert people[name].head == want, (step["says"], name)
    assert people["cat"].notices == ["To lead through time needs the role operator; you have viewer."]
    assert people["ben"].notices == ["ana leads through time now; you follow."]
    assert all(one.session.closed is None for one in people.values())


def test_who_comes_later_hears_of_it_and_who_goes_is_missed(hub: Hub) -> None:
    leader = Viewer(hub, "ana", "operator")
    leader.say(type="playhead", do="lead", atNs="42")
    late = Viewer(hub, "ben", "viewer")
    assert late.head is not None and (late.head["leader"], late.head["atNs"]) == ("ana", "42")
    late.say(type="playhead", do="follow")
    assert leader.head is not None and leader.head["followers"] == ["ben"]
    hub.disconnect(late.session)
    assert leader.head == {"type": "playhead", "leader": "ana", "part": "leads", "atNs": "42", "saidNs": "0"}
    other = Viewer(hub, "cat", "viewer")
    hub.disconnect(leader.session)
    assert other.head == {"type": "playhead", "leader": None, "part": "none"}
    other.say(type="playhead", do="follow")
    assert other.notices == ["Nobody leads any more."]


@pytest.mark.parametrize("wrong", [{"atNs": "x"}, {"atNs": "9" * 30}, {"atNs": "-1"}, {"speed": 1e9}])
def test_a_moment_that_is_none_is_refused_in_a_sentence(hub: Hub, wrong: dict[str, Any]) -> None:
    one = Viewer(hub, "ana", "operator")
    one.say(type="playhead", do="lead", **wrong)
    assert one.head is None
    assert one.notices == ["That is no moment to lead to."]


def test_a_leader_that_says_too_much_is_not_heard_for_the_rest_of_the_second(hub: Hub) -> None:
    leader, other = Viewer(hub, "ana", "operator"), Viewer(hub, "ben", "viewer")
    leader.say(type="playhead", do="lead", atNs="0")
    for k in range(100):
        leader.say(at_ns=SECOND + k, type="playhead", do="tell", atNs=str(k))
    assert len([one for one in other.hear() if one["type"] == "playhead"]) == 1 + TELLS_PER_SECOND
    leader.say(at_ns=2 * SECOND, type="playhead", do="tell", atNs="77")
    assert other.head is not None and other.head["atNs"] == "77"
