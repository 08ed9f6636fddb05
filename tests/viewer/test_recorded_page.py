"""The page of a recording in headless Chromium, from the file system, without any server: it moves prims as they moved."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from twinstage.sync.hub import Hub
from twinstage.sync.recording.archive import Archive
from twinstage.sync.recording.page import page_of
from twinstage.sync.recording.tape import Tape

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
TICKS, HZ = 80, 20


def _helper(path: Path) -> ModuleType:
    """A module of helpers of other tests."""
    name = f"twinstage_helper_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def others() -> tuple[ModuleType, ModuleType]:
    here = Path(__file__).parent
    return _helper(here / "test_page.py"), _helper(here.parent / "sync" / "recording" / "tapes.py")


@pytest.fixture(scope="module")
def page_file(
    root: Path, others: tuple[ModuleType, ModuleType], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A page of four seconds, in which the link turns by 0.02 rad a tick."""
    from twinstage.scene.glb import bake_prototype
    from twinstage.scene.read import read_snapshot
    from twinstage.scene.stage import open_stage

    pages, tapes = others
    folder = tmp_path_factory.mktemp("recorded")
    (folder / "cell.usda").write_text(pages.STAGE)
    snapshot = read_snapshot(open_stage(folder / "cell.usda"))
    baked = {f"glb/{one.hash}.glb": bake_prototype(one) for one in snapshot.prototypes}
    hub = Hub(snapshot, pages.SIGNALS, pages.BINDINGS, epoch="recorded")
    with (folder / "a.twinrec").open("wb") as file:
        tape = Tape(file, library="test")
        for name, data in baked.items():
            tape.file(name, "model/gltf-binary", data)
        hub.publish(pages._tick(snapshot, 0, 0.0), now_ns=tapes.T0)
        keeper = tapes.Keeper(hub, tape)
        for i in range(1, TICKS + 1):
            hub.publish(pages._tick(snapshot, i, 0.02 * i), now_ns=tapes.T0 + i * tapes.NS // HZ)
            keeper.drain()
        tape.close(tapes.T0 + TICKS * tapes.NS // HZ)
    archive = Archive(folder / "a.twinrec")
    data, notes = page_of(archive, root / "viewer" / "dist")
    archive.close()
    assert notes == []
    path = folder / "page.html"
    path.write_bytes(data)
    yield path


@pytest.fixture
def page(others: tuple[ModuleType, ModuleType], browser: Any, page_file: Path) -> Iterator[Any]:
    asked: list[str] = []
    with others[0]._opened(browser, page_file.as_uri()) as opened:
        opened.on("request", lambda request: asked.append(request.url))
        yield opened
    assert [url for url in asked if not url.startswith(("blob:", "data:"))] == []


def _turn(page: Any) -> float:
    """Angle of the link about Z [rad]."""
    world = np.array(page.evaluate("twinstage.worldOf('/Cell/Arm/Link')")).reshape(4, 4)
    return float(np.arctan2(world[1, 0], world[0, 0]))


def _until_told(page: Any, pages: ModuleType, angle: float) -> None:
    """Values come on with the next picture, poses are held at once."""
    pages._until(page, f"Math.abs(twinstage.values['arm.angle'].value - {angle!r}) < 1e-9")


def test_it_moves_prims_as_they_moved(page: Any, others: tuple[ModuleType, ModuleType]) -> None:
    pages, _ = others
    assert page.evaluate("[twinstage.recorded.seconds, twinstage.link]") == [TICKS / HZ, "live"]
    page.evaluate("twinstage.recorded.pause(); twinstage.recorded.loop = false; twinstage.recorded.seek(0)")
    pages._until(page, "twinstage.recorded.position === 0")
    before = _turn(page)
    assert before == pytest.approx(0.0, abs=1e-4)
    page.evaluate("twinstage.recorded.play()")
    pages._until(page, "twinstage.recorded.position > 1.0")
    assert _turn(page) > before + 0.3
    pages._until(page, "!twinstage.recorded.playing")
    assert _turn(page) == pytest.approx(0.02 * TICKS, abs=1e-3)
    _until_told(page, others[0], 0.02 * TICKS)
    assert page.evaluate("twinstage.wire.resyncs") == 0


def test_it_jumps(page: Any, others: tuple[ModuleType, ModuleType]) -> None:
    page.evaluate("twinstage.recorded.pause()")
    for seconds in (3.0, 1.0, 2.5, 0.0):
        page.evaluate(f"twinstage.recorded.seek({seconds})")
        at = page.evaluate("twinstage.recorded.position")
        assert at <= seconds + 1e-6 and seconds - at < 1.2
        assert _turn(page) == pytest.approx(0.02 * HZ * at, abs=2e-2)
    page.click("#playback-play")
    assert page.evaluate("twinstage.recorded.playing") is True
    assert page.inner_text("#link-text") == "Recording"


def test_its_values_panel_and_world_are_those_of_usd(
    page: Any, others: tuple[ModuleType, ModuleType]
) -> None:
    page.evaluate("twinstage.recorded.pause(); twinstage.recorded.seek(2)")
    angle = 0.02 * round(HZ * page.evaluate("twinstage.recorded.position"))
    _until_told(page, others[0], angle)
    world = np.array(page.evaluate("twinstage.worldOf('/Cell/Arm/Link/Body')")).reshape(4, 4)
    np.testing.assert_allclose(world, others[0]._world_by_pxr("/Cell/Arm/Link/Body", angle), atol=3e-4)
