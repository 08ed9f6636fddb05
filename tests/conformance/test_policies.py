"""What a caller decides at opening: which payloads are loaded, which prims are composed."""

from pathlib import Path

from conformance import compare
from conformance.oracle import Oracle
from conformance.reading import Library
from twinstage.scene.read import read_snapshot
from twinstage.scene.stage import open_stage

STAGES = Path(__file__).resolve().parent / "stages"


def test_payloads_are_loaded_unless_the_caller_says_otherwise(own: Library) -> None:
    loaded = own.read("arcs.usda").snapshot()
    assert "/World/Payload/Shape" in loaded.prims.path
    opened = open_stage(STAGES / "arcs.usda", load="none", probe=False)
    bare = read_snapshot(opened)
    assert "/World/Payload/Shape" not in bare.prims.path
    assert "/World/ReferenceDefault/Shape" in bare.prims.path  # a reference is no payload
    assert compare.differences(bare, Oracle(opened.stage), "arcs.usda, unloaded") == []


def test_a_payload_loaded_later_is_read_like_one_loaded_at_once(own: Library) -> None:
    opened = open_stage(STAGES / "labels.usda", load="none", probe=False)
    assert "/Line/Part/Axle" not in read_snapshot(opened).prims.path
    opened.stage.Load("/Line/Part")
    late, whole = read_snapshot(opened), own.read("labels.usda").snapshot()
    assert late.prims.path == whole.prims.path
    assert late.prims.labels == whole.prims.labels
    assert late.objects == whole.objects
    assert compare.differences(late, Oracle(opened.stage), "labels.usda, loaded later") == []


def test_a_population_mask_composes_only_what_it_names() -> None:
    opened = open_stage(STAGES / "arcs.usda", population=["/World/Variants"], probe=False)
    snapshot = read_snapshot(opened)
    assert snapshot.prims.path == ("/World", "/World/Variants", "/World/Variants/Shape")
    assert compare.differences(snapshot, Oracle(opened.stage), "arcs.usda, masked") == []


def test_another_variant_is_read_as_pxr_composes_it() -> None:
    opened = open_stage(STAGES / "arcs.usda", probe=False)
    sets = opened.stage.GetPrimAtPath("/World/Variants").GetVariantSets()
    sets.SetSelection("look", "square")
    snapshot = read_snapshot(opened)
    row = snapshot.prims.index_of["/World/Variants/Shape"]
    assert snapshot.prims.type_name[row] == "Cube"
    assert compare.differences(snapshot, Oracle(opened.stage), "arcs.usda, square") == []


def test_reading_twice_gives_the_same(own: Library) -> None:
    for name in ("points.usda", "instancing.usda", "looks.usda"):
        again = read_snapshot(open_stage(STAGES / name, probe=False))
        first = own.read(name).snapshot()
        assert [p.hash for p in again.prototypes] == [p.hash for p in first.prototypes]
        assert again.objects == first.objects
        assert again.materials == first.materials
        assert again.instances.prototype.tobytes() == first.instances.prototype.tobytes()
