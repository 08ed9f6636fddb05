"""What the API says of a prim for a panel of properties: choices, material, metadata, and what may be set by hand."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from edit_twin import ANNA, did, make_twin, refused

from twinstage.live.api.prims import PrimDesk
from twinstage.live.twin import LiveTwin
from twinstage.scene.ui_values import scaled
from twinstage.sync.api.prims import PrimAsk, PrimDetail


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveTwin]:
    made = make_twin(tmp_path_factory.mktemp("twin"))
    made.tick(made.clock.now_ns())
    yield made
    made.let_go()


def prim(twin: LiveTwin, path: str) -> PrimDetail:
    return PrimDesk(twin, None, None).get_prim(PrimAsk(path=path))


def test_choices_with_what_is_chosen(twin: LiveTwin) -> None:
    (found,) = prim(twin, "/Hall/Door").variant_sets
    assert (found.name, found.variants, found.selected) == ("open", ("no", "yes"), "no")
    assert prim(twin, "/Hall/Table").variant_sets == ()


def test_the_material_is_the_one_that_is_drawn(twin: LiveTwin) -> None:
    assert prim(twin, "/Hall/Table/Top").material == "/Hall/Looks/Red"
    assert prim(twin, "/Hall/Table/Mug").material is None
    assert prim(twin, "/Hall/Looks").material is None


def test_metadata_says_references_as_they_are_written(twin: LiveTwin) -> None:
    told = {one.name: one.value for one in prim(twin, "/Hall/Rack1").metadata}
    assert told["references"] == "</Shelf>"
    assert told["instanceable"] == "yes"
    assert "customData:userDocBrief" not in told, "a schema's own words are none about the prim"
    assert prim(twin, "/Hall/Table").metadata == ()


def test_what_may_be_set_is_what_set_takes(twin: LiveTwin) -> None:
    """Each attribute that is not locked takes its own value again; each locked one is refused with that sentence."""
    for path in ("/Hall/Table/Top", "/Hall/Lamp", "/Hall/Table", "/Hall/Looks/Red/Surface"):
        for one in prim(twin, path).attributes:
            value = one.authored if one.authored is not None else 1
            if one.locked is None:
                value = scaled(value, one.si_factor)
                did(twin, ANNA, "set", path=path, property=one.name, value=value)
                after = {a.name: a.live for a in prim(twin, path).attributes}
                assert after[one.name] == pytest.approx(one.authored)
                did(twin, ANNA, "undo")
            else:
                told = refused(twin, ANNA, "set", path=path, property=one.name, value=value)
                assert told.error == one.locked, one.name


def test_what_a_binding_drives_is_locked_with_its_sentence(twin: LiveTwin) -> None:
    crane, hook, table = (prim(twin, f"/Hall/{name}") for name in ("Crane", "Crane/Hook", "Table"))
    assert crane.pose_locked == refused(twin, ANNA, "move", path="/Hall/Crane", position=[0, 0, 0]).error
    told = refused(twin, ANNA, "visibility", path="/Hall/Crane/Hook", visible=False)
    assert hook.visibility_locked == told.error
    assert (table.pose_locked, table.visibility_locked) == (None, None)
    assert "native instance" in (prim(twin, "/Hall/Rack1/Board").pose_locked or "")
    assert "no transform" in (prim(twin, "/Hall/Looks").pose_locked or "")


def test_without_telemetry_a_history_keeps_the_edits(tmp_path: Path) -> None:
    first = make_twin(tmp_path, wired=False, history=True)
    did(first, ANNA, "move", path="/Hall/Table", position=[1, 2, 3])
    first.let_go()
    again = make_twin(tmp_path, wired=False, history=True)
    assert again.desk is not None and again.desk.version == 1
    node = again.snapshot.prims.index_of["/Hall/Table"]
    again.tick(again.clock.now_ns())
    assert again.hub.local(node)[:3, 3].tolist() == pytest.approx([1, 2, 3], abs=1e-4)
    again.let_go()
