"""A variant that nobody has composed yet is counted in the limited child, before the twin itself composes it."""

import asyncio
import logging
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest
from edit_twin import ANNA, START, command, did, refused

from twinstage.base.clock import ManualClock
from twinstage.live.commands import beside
from twinstage.live.twin import LiveTwin, TwinFiles, open_twin
from twinstage.scene.probe import ProbeLimits
from twinstage.scene.safe import chosen

LEVELS = '#usda 1.0\ndef Cube "L0" {}\n' + "".join(
    f'class Xform "L{level}"\n{{\n'
    + "".join(f'    def "P{k}" ( prepend references = </L{level - 1}> ) {{}}\n' for k in range(10))
    + "}\n"
    for level in range(1, 10)
)
STAGE = """#usda 1.0
(
    defaultPrim = "Hall"
    metersPerUnit = 1
    upAxis = "Z"
)
def Xform "Hall"
{
    def Cube "Box"
    {
        double3 xformOp:translate = (0, 0, 0)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
    def Xform "Rack" (
        variants = { string size = "small" }
        prepend variantSets = "size"
    )
    {
        variantSet "size" = {
            "small" {
                def Cube "Shelf" {}
            }
            "large" {
                def "All" ( prepend references = @./levels.usda@</L3> ) {}
            }
            "bomb" {
                def "All" ( prepend references = @./levels.usda@</L9> ) {}
            }
        }
    }
}
"""
SHIFT = {"kind": "set", "path": "/Hall/Box", "property": "xformOp:translate", "value": [1.0, 2.0, 3.0]}
RACK = {"path": "/Hall/Rack", "variantSet": "size"}


@pytest.fixture
def twin(tmp_path: Path) -> Any:
    (tmp_path / "hall.usda").write_text(STAGE)
    (tmp_path / "levels.usda").write_text(LEVELS)
    made = open_twin(TwinFiles(tmp_path / "hall.usda"), clock=ManualClock(START))
    yield made
    made.let_go()


def on_the_loop(twin: LiveTwin, order: Any) -> Any:
    async def main() -> Any:
        assert twin.desk is not None
        found = twin.desk.command(order, ANNA)
        return await found if isinstance(found, Awaitable) else found

    return asyncio.run(main())


@pytest.fixture
def composed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What this process has composed beside the stage."""
    found: list[str] = []
    plain = beside.beside

    def spied(opened: Any) -> Any:
        found.append(str(opened.path))
        return plain(opened)

    monkeypatch.setattr(beside, "beside", spied)
    return found


def test_a_variant_without_end_is_never_composed_here(
    twin: LiveTwin, composed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand million prims of 3 kB: the child is ended, the twin goes on as it was, and so does the next command."""
    monkeypatch.setattr(chosen, "LIMITS", ProbeLimits(time_s=3.0))
    answer = on_the_loop(twin, command("variant", **RACK, variant="bomb"))
    assert not answer.ok and "still not composed after 3 s" in (answer.error or ""), answer
    assert composed == [] and "/Hall/Rack/Shelf" in twin.snapshot.prims.index_of
    assert "still not composed" in (refused(twin, ANNA, "variant", **RACK, variant="bomb").error or "")
    assert not twin.opened.layers.ui.GetPrimAtPath("/Hall/Rack")


def test_a_variant_that_is_too_much_is_counted_before_it_is_composed(
    twin: LiveTwin, composed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("twinstage.scene.safe.expansion.MAX_PRIMS", 500)
        answer = on_the_loop(twin, command("variant", **RACK, variant="large"))
        assert not answer.ok and "the scene would hold 1,1" in (answer.error or ""), answer
        assert composed == []
    assert on_the_loop(twin, command("variant", **RACK, variant="large")).ok
    assert len(composed) == 1 and "/Hall/Rack/All/P3/P4/P5" in twin.snapshot.prims.index_of


def test_each_choice_is_tried_once(twin: LiveTwin, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Any] = []
    plain = chosen.try_variants
    monkeypatch.setattr(chosen, "try_variants", lambda *asked: (tried.append(asked), plain(*asked)))
    for variant in ("large", "small", "large", "small"):
        did(twin, ANNA, "variant", **RACK, variant=variant)
    did(twin, ANNA, "set", path="/Hall/Box", property="semantics:labels:class", value=["box"])
    assert len(tried) == 2


def both(variant: str) -> Any:
    """A variant and a transform op in one transaction: it is judged on the present stage."""
    return command("transaction", edits=[{"kind": "variant", **RACK, "variant": variant}, SHIFT])


def test_a_transaction_with_a_transform_op_does_not_hold_the_loop(
    twin: LiveTwin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The child takes its whole time; ticks go on meanwhile, and nothing of the transaction is done."""
    monkeypatch.setattr(chosen, "LIMITS", ProbeLimits(time_s=3.0))
    longest = 0.0

    async def main() -> Any:
        nonlocal longest
        assert twin.desk is not None
        asked = twin.desk.command(both("bomb"), ANNA)
        assert isinstance(asked, Awaitable), "it was tried on the event loop"
        task = asyncio.ensure_future(asked)
        while not task.done():
            begun = time.monotonic()
            await asyncio.sleep(0.02)
            longest = max(longest, time.monotonic() - begun)
        return await task

    answer = asyncio.run(main())
    assert not answer.ok and "still not composed after 3 s" in (answer.error or ""), answer
    assert longest < 1.0 and twin.desk is not None and twin.desk.version == 0
    assert not twin.opened.layers.ui.GetPrimAtPath("/Hall/Box")
    done = on_the_loop(twin, both("large"))
    assert done.ok and "/Hall/Rack/All/P3/P4/P5" in twin.snapshot.prims.index_of
    box = twin.opened.stage.GetPrimAtPath("/Hall/Box")
    assert list(box.GetAttribute("xformOp:translate").Get()) == [1, 2, 3]
    assert on_the_loop(twin, command("undo")).ok and "/Hall/Rack/Shelf" in twin.snapshot.prims.index_of
    assert on_the_loop(twin, command("redo")).ok and "/Hall/Rack/All/P3" in twin.snapshot.prims.index_of


def test_a_refusal_that_cost_much_is_remembered_for_a_while(
    twin: LiveTwin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chosen, "LIMITS", ProbeLimits(time_s=2.0))
    first = refused(twin, ANNA, "variant", **RACK, variant="bomb")
    begun = time.monotonic()
    again = refused(twin, ANNA, "variant", **RACK, variant="bomb")
    assert time.monotonic() - begun < 1.0 and again.error == first.error
    monkeypatch.setattr(beside, "REFUSED_S", 0.0)
    begun = time.monotonic()
    assert refused(twin, ANNA, "variant", **RACK, variant="bomb").error == first.error
    assert time.monotonic() - begun > 1.9, "it is tried again later"


def breaks(request: dict[str, Any]) -> dict[str, Any]:
    """A task of the child with a defect."""
    raise OSError(5, "Input/output error", request["path"])


def test_a_defect_of_the_child_is_told_without_a_folder(
    twin: LiveTwin, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = str(twin.opened.path.parent)
    monkeypatch.setattr(chosen, "TASK", "test_variants_tried:breaks")
    with caplog.at_level(logging.ERROR):
        answer = refused(twin, ANNA, "variant", **RACK, variant="large")
    assert answer.error == "the stage with that variant could not be tried; the server's log says why"
    assert f"Input/output error: '{folder}/hall.usda'" in caplog.text


def test_a_refusal_says_what_was_changed_on_disk_since(twin: LiveTwin) -> None:
    """The child opens what is on the disk; without --watch the twin shows what was there before."""
    hall = twin.opened.path
    hall.write_text("#usda 1.0\ndef oops {")
    told = "hall.usda is not on disk as when the stage was opened"
    error = refused(twin, ANNA, "variant", **RACK, variant="large").error or ""
    assert error.startswith("the stage with that variant cannot be shown: stage hall.usda ") and told in error
    hall.unlink()
    error = refused(twin, ANNA, "variant", **RACK, variant="large").error or ""
    assert "there is no stage hall.usda" in error and told in error, error
    hall.write_text(STAGE + "\n")
    did(twin, ANNA, "variant", **RACK, variant="large")


def test_a_refusal_of_an_unchanged_stage_says_nothing_of_the_disk(
    twin: LiveTwin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twinstage.scene.safe.expansion.MAX_PRIMS", 500)
    assert "disk" not in (refused(twin, ANNA, "variant", **RACK, variant="large").error or "")
