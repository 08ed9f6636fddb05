"""Whatever many viewers ask for at the same time, what writes journals still gets a thread."""

import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from api_twin import make_twin
from crowd import crowd

from twinstage.live.api import prims as prims_module
from twinstage.live.api.prims import PrimDesk
from twinstage.live.twin import LiveTwin
from twinstage.sync.api.prims import PrimsAsk
from twinstage.sync.assets import AssetStore
from twinstage.sync.server import Baked


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[LiveTwin]:
    made = make_twin(tmp_path)
    yield made
    made.let_go()


def waits(ask: Callable[[], Awaitable[Any]], go: threading.Event, count: int = 30) -> float:
    """How long something else waits for a thread while that many are answered [s]."""
    waited, told = crowd(ask, go, count, threads=6)  # as many as with two cores
    for one in told:
        if isinstance(one, BaseException):
            raise one
    return waited


def test_while_the_scene_is_baked_for_many(twin: LiveTwin, monkeypatch: pytest.MonkeyPatch) -> None:
    store, go = AssetStore(twin.hub), threading.Event()
    plain = store.scene

    def slow() -> Any:
        assert go.wait(20)
        return plain()

    monkeypatch.setattr(store, "scene", slow)
    baked = Baked(store)
    assert waits(baked.scene, go) < 2


def test_while_many_search_for_prims(twin: LiveTwin, monkeypatch: pytest.MonkeyPatch) -> None:
    go, plain = threading.Event(), prims_module._page

    def slow(*asked: Any) -> Any:
        assert go.wait(20)
        return plain(*asked)

    monkeypatch.setattr(prims_module, "_page", slow)
    desk = PrimDesk(twin, None, None)
    assert waits(lambda: desk.list_prims(PrimsAsk()), go) < 2
