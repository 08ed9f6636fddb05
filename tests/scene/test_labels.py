"""Labels as UsdSemantics resolves them, the older schema, and the policy that makes objects and classes of them."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.base.errors import UserError
from twinstage.scene.labels import Groups, LabelPolicy, nearest, part_labels, resolve
from twinstage.scene.read import read_snapshot, time_at
from twinstage.scene.read.objects import resolve_table
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.stage import open_stage

API = 'prepend apiSchemas = ["SemanticsLabelsAPI:class"]'


def labelled(kind: str, name: str, label: str, body: str = "", meta: str = "") -> str:
    """A prim with a class label."""
    return (
        f'def {kind} "{name}" ({meta}\n {API}) {{ token[] semantics:labels:class = ["{label}"]\n{body} }}\n'
    )


@pytest.fixture
def read(open_text: Any) -> Any:
    def make(body: str, policy: LabelPolicy | None = None, time: float | None = None) -> Snapshot:
        return read_snapshot(open_text(body), time, policy)

    return make


def everything(stage: Any) -> Any:
    from pxr import Usd

    return Usd.PrimRange.Stage(stage, Usd.TraverseInstanceProxies(Usd.PrimAllPrimsPredicate))


def names(snapshot: Snapshot) -> dict[str, str]:
    return {item.prim_path: item.name for item in snapshot.objects}


def assert_equals_the_query(stage: Any, snapshot: Snapshot, time: Any) -> int:
    """Direct and inherited labels of every prim and proxy, taxonomy by taxonomy; how many prims have one."""
    from pxr import UsdSemantics

    table = resolve_table(snapshot.prims, LabelPolicy())
    prims = [stage.GetPrimAtPath(path) for path in snapshot.prims.path]
    taxonomies = {str(t) for p in prims for t in UsdSemantics.LabelsAPI.GetDirectTaxonomies(p)}
    seen: set[int] = set()
    for taxonomy in sorted(taxonomies | {"class"}):
        query = UsdSemantics.LabelsQuery(taxonomy, time)
        for i, prim in enumerate(prims):
            direct = {str(label) for label in query.ComputeUniqueDirectLabels(prim)}
            inherited = {str(label) for label in query.ComputeUniqueInheritedLabels(prim)}
            assert set(dict(snapshot.prims.label_groups[i]).get(taxonomy, ())) == direct, prim
            ours = {label for groups in table.levels(i) for t, ls in groups if t == taxonomy for label in ls}
            assert ours == inherited, prim
            seen |= {i} if inherited else set()
    return len(seen)


def test_every_prim_of_every_shared_file_has_the_labels_of_the_query(shared: Path) -> None:
    """Only the prim table is read: what the files draw does not matter here."""
    from pxr import UsdSemantics

    from twinstage.scene.read.context import Conversion, ReadContext
    from twinstage.scene.read.labels import read_groups
    from twinstage.scene.read.prims import PrimReader

    labelled_files = 0
    for row in csv.DictReader((shared / "assets/MANIFEST.csv").read_text().splitlines()):
        if row["file"].endswith("timeCodesPerSecond_0.usda"):
            continue  # hangs any reader; test_stage shows that it is refused
        try:
            opened = open_stage(shared / "assets" / row["file"], [shared / "assets"], probe=False)
        except UserError:
            continue
        time = time_at(opened.stage, None)
        if "semantics" not in row["features"]:  # the attributes must be absent, proxies or not
            assert not any(read_groups(p, time) for p in everything(opened.stage)), row["file"]
            continue
        context = ReadContext(opened.stage, time, Conversion.of(1.0, "Z"), opened.allowed)
        table, rows = PrimReader(context).read()
        prims = list(rows.prims)
        resolved = resolve_table(table, LabelPolicy())
        taxonomies = {str(t) for p in prims for t in UsdSemantics.LabelsAPI.GetDirectTaxonomies(p)}
        for taxonomy in taxonomies:
            query = UsdSemantics.LabelsQuery(taxonomy, time)
            for i, prim in enumerate(prims):
                direct = {str(label) for label in query.ComputeUniqueDirectLabels(prim)}
                inherited = {str(label) for label in query.ComputeUniqueInheritedLabels(prim)}
                assert set(dict(table.label_groups[i]).get(taxonomy, ())) == direct
                assert {
                    x for g in resolved.levels(i) for t, ls in g if t == taxonomy for x in ls
                } == inherited
        labelled_files += bool(taxonomies)
    assert labelled_files >= 2


@pytest.mark.parametrize(
    "name",
    [
        "industrial/abb_irb2400/usd/abb_irb2400.usda",
        "industrial/f1tenth_ackermann/CAD_Imports/Template_3/Full_Car_base.usd",
        "features/pixar/geomsubsets",
        "full/Vehicles/assets/vehicles/vehicleVariants.usda",
        "features/pixar/instancing",
        "features/pixar/pointinstancer",
    ],
)
def test_labels_put_on_real_stages_resolve_as_in_the_query(shared: Path, name: str) -> None:
    """Every third prim that can be edited gets labels of two taxonomies in a session layer."""
    from pxr import UsdSemantics

    path = shared / "assets" / name
    files = sorted(path.glob("*.usda")) if path.is_dir() else [path]
    checked = 0
    for file in files[:4]:
        opened = open_stage(file, [shared / "assets"], probe=False)
        for k, prim in enumerate(opened.stage.Traverse()):
            if k % 3 == 1:
                for taxonomy in ("class", "part")[: 1 + k % 2]:
                    api = UsdSemantics.LabelsAPI.Apply(prim, taxonomy)
                    api.CreateLabelsAttr().Set([f"{taxonomy}{k % 5}", f"other{k % 2}"])
        snapshot = read_snapshot(opened)
        checked += assert_equals_the_query(opened.stage, snapshot, time_at(opened.stage, None))
    assert checked > 0


def test_instances_payloads_and_both_places_of_a_label(tmp_path: Path) -> None:
    """Labels inside the prototype, on the instance, over a payload, and above them all."""
    (tmp_path / "part.usda").write_text(
        '#usda 1.0\n(defaultPrim = "Part")\ndef Xform "Part" {\n'
        + labelled("Xform", "Lid", "lid", 'def Cube "C" {\n}\n').replace(" }\n", "\n}\n")
        + 'def Cube "Body" {\n}\n}\n'
    )
    over = f'over "Lid" ({API}) {{\n token[] semantics:labels:class = ["cover"]\n}}\n'
    (tmp_path / "s.usda").write_text(
        '#usda 1.0\n(upAxis = "Z"\nmetersPerUnit = 1)\ndef Xform "Hall" (prepend apiSchemas = ["SemanticsLabelsAPI:room"]) {\n'
        ' token[] semantics:labels:room = ["hall"]\n'
        f' def "A" (instanceable = true\n references = @./part.usda@\n {API}) {{\n'
        '  token[] semantics:labels:class = ["box"]\n}\n'
        ' def "B" (instanceable = true\n references = @./part.usda@) {\n}\n'
        f' def "P" (payload = @./part.usda@\n {API}) {{\n  token[] semantics:labels:class = ["crate"]\n{over}}}\n}}\n'
    )
    opened = open_stage(tmp_path / "s.usda", probe=False)
    snapshot = read_snapshot(opened)
    assert assert_equals_the_query(opened.stage, snapshot, time_at(opened.stage, None)) == len(snapshot.prims)
    assert names(snapshot) == {
        "/Hall": "hall",
        "/Hall/A": "box",
        "/Hall/A/Lid": "lid",
        "/Hall/B/Lid": "lid",
        "/Hall/P": "crate",
        "/Hall/P/Lid": "cover",
    }
    lid = next(item for item in snapshot.objects if item.prim_path == "/Hall/A/Lid")
    assert (lid.labels, lid.own) == (("lid", "box", "hall"), 1)


def test_labels_change_with_time(read: Any) -> None:
    body = f'def Cube "C" ({API}) {{ token[] semantics:labels:class.timeSamples = {{1: ["empty"], 5: ["full"],\n}}\n}}\n'
    assert names(read(body, time=3.0)) == {"/C": "empty"}
    assert names(read(body, time=5.0)) == {"/C": "full"}


@pytest.mark.parametrize("kind", ["string", "token"])
@pytest.mark.parametrize("turned", [False, True])
def test_the_older_schema_in_any_order_and_type(read: Any, kind: str, turned: bool) -> None:
    lines = [
        f'custom {kind} semantic:Semantics_{k}:params:{what} = "{value}"'
        for k, (taxonomy, label) in enumerate([("color", "red"), ("class", "pump")])
        for what, value in (("semanticType", taxonomy), ("semanticData", label))
    ]
    s = read('def Cube "C" { ' + "\n".join(lines[::-1] if turned else lines) + "\n}\n")
    assert names(s) == {"/C": "pump"}
    assert s.objects[0].labels == ("pump", "red")
    assert s.prims.label_groups[0] == (("class", ("pump",)), ("color", ("red",)))


def test_the_older_schema_without_a_type_and_beside_the_new_one(read: Any) -> None:
    old = 'custom string semantic:S:params:semanticData = "old"\n'
    assert names(read(f'def Cube "C" {{ {old}}}\n')) == {"/C": "old"}
    both = f'def Cube "C" ({API}) {{ token[] semantics:labels:class = ["new"]\n{old}}}\n'
    s = read(both)
    assert names(s) == {"/C": "new"}
    assert not s.findings


def test_labels_without_the_schema_do_not_count_and_are_told(read: Any) -> None:
    s = read('def Cube "C" { token[] semantics:labels:class = ["pump"]\n}\n')
    assert names(s) == {"/C": ""}
    assert [(f.code, f.path) for f in s.findings] == [("label.not-applied", "/C")]


def test_a_flag_makes_an_object_and_a_time_varying_flag_is_read(read: Any) -> None:
    flagged = 'custom bool twin:instance = 1\n def Cube "A" {}\n def Cube "B" {}\n'
    s = read(labelled("Xform", "Line", "line", f'def Xform "M" {{ {flagged}}}\ndef Cube "C" {{}}\n'))
    assert {o.prim_path: (o.name, o.own) for o in s.objects} == {"/Line": ("line", 1), "/Line/M": ("line", 0)}
    s = read(f'def Xform "M" {{ {flagged}}}\n'.replace("= 1", "= 0"))
    assert set(names(s)) == {"/M/A", "/M/B"}


def test_the_map_decides_and_ambiguity_is_an_error_in_the_findings(read: Any) -> None:
    body = f'def Cube "C" ({API}) {{ token[] semantics:labels:class = ["box", "cardboard"]\n}}\n' + labelled(
        "Cube", "D", "floor"
    )
    s = read(body)
    (finding,) = [f for f in s.findings if f.code == "label.ambiguous"]
    assert (finding.path, finding.severity) == ("/C", "warning")
    assert "'box' and 'cardboard'" in finding.message
    s = read(body, LabelPolicy.of({"carton": ["cardboard"]}))
    assert names(s) == {"/C": "carton", "/D": ""}
    assert not s.findings
    s = read(body, LabelPolicy.of({"carton": ["cardboard", "box"]}))
    assert not s.findings, "both mean the same class"
    s = read(body, LabelPolicy.of({"carton": ["cardboard"], "box": []}))
    assert [(f.code, f.severity) for f in s.findings] == [("label.ambiguous", "error")]


def test_other_taxonomies_can_lead(read: Any) -> None:
    body = (
        'def Cube "C" (prepend apiSchemas = ["SemanticsLabelsAPI:class", "SemanticsLabelsAPI:part"]) {\n'
        ' token[] semantics:labels:class = ["box"]\n token[] semantics:labels:part = ["lid"]\n}\n'
    )
    assert names(read(body)) == {"/C": "box"}
    assert names(read(body, LabelPolicy(taxonomies=("part",)))) == {"/C": "lid"}


def test_point_ids_take_the_prototypes_labels_by_the_policy(read: Any) -> None:
    body = (
        'def PointInstancer "P" {\n point3f[] positions = [(0, 0, 0), (1, 0, 0)]\n int[] protoIndices = [1, 0]\n'
        " int64[] ids = [9, 4]\n rel prototypes = [</P/A>, </P/B>]\n"
        + labelled("Cube", "A", "box")
        + labelled("Cube", "B", "tote")
        + "}\n"
    )
    assert [(o.point_id, o.name) for o in read(body).objects] == [(4, "box"), (9, "tote")]
    mapped = read(body, LabelPolicy.of({"crate": ["tote"]}))
    assert [(o.point_id, o.name) for o in mapped.objects] == [(4, ""), (9, "crate")]


@pytest.mark.parametrize("scope", [False, True])
@pytest.mark.parametrize("own", [False, True])
def test_labels_of_points_are_those_of_the_query_for_their_prototype(
    open_text: Any, scope: bool, own: bool
) -> None:
    """Prototypes below the instancer, an instance among them, with or without labels in between."""
    from pxr import Usd, UsdSemantics

    def tag(present: bool, label: str) -> str:
        return f'token[] semantics:labels:class = ["{label}"]\n' if present else ""

    body = (
        f'class Xform "_Tote" {{ def Cube "Shell" ({API}) {{ token[] semantics:labels:class = ["tote"]\n}}\n}}\n'
        f'def PointInstancer "P" ({API}) {{\n point3f[] positions = [(0, 0, 0), (1, 0, 0)]\n'
        f" int[] protoIndices = [0, 1]\n rel prototypes = [</P/S/A>, </P/S/B>]\n {tag(True, 'stock')}"
        f' def Scope "S" ({API}) {{ {tag(scope, "goods")} def Cube "A" ({API}) {{ {tag(own, "box")}}}\n'
        f' def "B" (instanceable = true\n inherits = </_Tote>\n {API}) {{ {tag(own, "crate")}}}\n}}\n}}\n'
    )
    opened = open_text(body)
    query = UsdSemantics.LabelsQuery("class", Usd.TimeCode.Default())
    for item, path in zip(read_snapshot(opened).objects, ["/P/S/A", "/P/S/B"], strict=True):
        expected = {str(x) for x in query.ComputeUniqueInheritedLabels(opened.stage.GetPrimAtPath(path))}
        if path == "/P/S/B" and not own:
            expected |= {"tote"}  # the prototype's root says nothing, and all that is labelled in it agrees
        assert set(item.labels) == expected
        assert item.name == item.labels[0]


def test_a_prototype_that_lies_elsewhere_brings_only_its_own_labels(read: Any) -> None:
    library = labelled("Scope", "Library", "library", labelled("Cube", "A", "box"))
    points = labelled(
        "PointInstancer", "P", "stock",
        "point3f[] positions = [(0, 0, 0)]\n int[] protoIndices = [0]\n rel prototypes = </Library/A>\n",
    )  # fmt: skip
    (point,) = [o for o in read(library + points).objects if o.point_id >= 0]
    assert (point.name, point.labels) == ("box", ("box", "stock"))


def test_subsets_have_part_labels(read: Any) -> None:
    subsets = "".join(
        f'def GeomSubset "{name}" ({API}) {{ uniform token elementType = "face"\n'
        f' uniform token familyName = "materialBind"\n int[] indices = [{face}]\n'
        f' token[] semantics:labels:class = ["{name.lower()}"]\n}}\n'
        for face, name in enumerate(["Top", "Side"])
    )
    s = read(
        'def Mesh "M" { int[] faceVertexCounts = [3, 3]\n int[] faceVertexIndices = [0, 1, 2, 0, 2, 3]\n'
        f" point3f[] points = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)]\n{subsets}}}\n"
    )
    slots = s.prototypes[0].slots
    assert dict(zip(slots, part_labels(s, 0), strict=True)) == {"": (), "Top": ("top",), "Side": ("side",)}
    assert names(s) == {"/M": ""}, "a part is not the whole"


trees = st.lists(st.tuples(st.integers(0, 10**6), st.booleans()), max_size=40)


@settings(deadline=None)
@given(trees)
def test_nearest_is_what_a_walk_upwards_finds(rows: list[tuple[int, bool]]) -> None:
    parent = np.array([pick % (i + 1) - 1 for i, (pick, _) in enumerate(rows)], np.int32)
    mask = np.array([chosen for _, chosen in rows], bool)

    def walk(i: int) -> int:
        while i >= 0 and not mask[i]:
            i = int(parent[i])
        return i

    assert nearest(parent, mask).tolist() == [walk(i) for i in range(len(rows))]


@settings(deadline=None)
@given(trees)
def test_chains_are_the_labels_on_the_way_up(rows: list[tuple[int, bool]]) -> None:
    parent = np.array([pick % (i + 1) - 1 for i, (pick, _) in enumerate(rows)], np.int32)
    groups: list[Groups] = [
        (("class", (f"l{i % 3}",)),) if chosen else () for i, (_, chosen) in enumerate(rows)
    ]
    none = np.zeros(len(rows), bool)
    found = resolve(parent, groups, none, none, LabelPolicy())

    def walk(i: int) -> tuple[Groups, ...]:
        above = walk(int(parent[i])) if parent[i] >= 0 else ()
        return (groups[i], *above) if groups[i] else above

    assert [found.levels(i) for i in range(len(rows))] == [walk(i) for i in range(len(rows))]


def test_labels_read_for_many_prims_are_those_of_each_alone(open_text: Any) -> None:
    """What is kept from prim to prim must depend on all that decides: names, schemas, values, types."""
    from twinstage.scene.read.labels import LabelReader, read_groups_and_loose

    prims = [
        (API, 'token[] semantics:labels:class = ["a"]'),
        (API, 'token[] semantics:labels:class = ["b", "a", "b"]'),
        ("", 'token[] semantics:labels:class = ["a"]'),
        (API, "int[] semantics:labels:class = [1]"),
        (API, "token[] semantics:labels:class = []"),
        (API, "rel semantics:labels:class = </P0>"),
        (API, 'string semantics:labels:class = "a"'),
        (API.replace("class", "sort"), 'token[] semantics:labels:class = ["a"]\n token[] semantics:labels:sort = ["a"]'),
        (API, 'token[] semantics:labels:class = ["a"]\n token[] semantics:labels:sort = ["c"]'),
        (API, 'token[] semantics:labels:class = ["a"]\n string semantic:S:params:semanticData = "old"'),
        ("", 'string semantic:S:params:semanticData = "old"'),
    ]  # fmt: skip
    body = "".join(f'def Xform "P{k}" ({meta}) {{ {text}\n}}\n' for k, (meta, text) in enumerate(prims))
    stage = open_text(body).stage
    reader, time = LabelReader(time_at(stage, None)), time_at(stage, None)
    for k in [*range(len(prims)), *reversed(range(len(prims)))]:
        prim = stage.GetPrimAtPath(f"/P{k}")
        kept = tuple(
            n for n in prim.GetAuthoredPropertyNames() if n.startswith(("semantics:labels:", "semantic:"))
        )
        assert reader.read(prim, kept) == read_groups_and_loose(prim, time), k
    assert reader.read(stage.GetPrimAtPath("/P1"), ("semantics:labels:class",))[0] == (("class", ("b", "a")),)
