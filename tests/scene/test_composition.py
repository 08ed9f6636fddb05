"""Composition: minimal stages, one a feature; what the snapshot says equals what pxr computes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.base.errors import UserError
from twinstage.scene.choices import choose_variants, load_below
from twinstage.scene.read import authored, read_snapshot, walk
from twinstage.scene.read import prims as prims_module
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.stage import open_stage

CUBE_AT_4 = 'def Xform "Thing" { double3 xformOp:translate = (4, 0, 0)\n uniform token[] xformOpOrder = ["xformOp:translate"]\n def Cube "Box" {}\n}'  # noqa: E501


@pytest.fixture
def layer(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a further layer beside the stage."""

    def write(name: str, body: str, header: str = "") -> Path:
        path = tmp_path / name
        path.write_text(f"#usda 1.0\n({header})\n" + body.replace(" }", "\n}"))
        return path

    return write


def drawn(snapshot: Snapshot) -> list[str]:
    """Paths of all visible drawings."""
    rows = snapshot.instances
    return [snapshot.prims.path[p] for p, v in zip(rows.prim, rows.visible, strict=True) if v]


# --- transforms -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("up", ["Y", "Z"])
def test_every_op_with_pivots_inverses_and_resets(assert_like_pxr: Any, tmp_path: Path, up: str) -> None:
    from pxr import Gf, Usd, UsdGeom

    stage = Usd.Stage.CreateNew(str(tmp_path / "ops.usda"))
    UsdGeom.SetStageMetersPerUnit(stage, 0.0254)
    UsdGeom.SetStageUpAxis(stage, up)
    rng = np.random.default_rng(7)
    op = UsdGeom.XformOp

    def triple() -> tuple[float, ...]:
        return tuple(rng.uniform(-3, 3, 3).tolist())

    rotations = [k for k in vars(op) if k.startswith("TypeRotate")]
    assert len(rotations) == 9
    for n, name in enumerate(rotations):
        for outer in ("/W", "/W/In"):
            shape = UsdGeom.Cube.Define(stage, f"{outer}/Box{n}")
            if outer == "/W/In" and n % 3 == 0:
                shape.SetResetXformStack(True)
            shape.AddTranslateOp().Set(triple())
            pivot = shape.AddTranslateOp(op.PrecisionFloat, "pivot")
            pivot.Set(triple())
            kind = getattr(op, name)
            value: Any = triple() if len(name) == len("TypeRotateXYZ") else float(rng.uniform(-180, 180))
            shape.AddXformOp(kind, op.PrecisionFloat).Set(
                Gf.Vec3f(value) if isinstance(value, tuple) else value
            )
            shape.AddOrientOp(op.PrecisionHalf).Set(Gf.Quath(*map(float, rng.normal(size=4))).GetNormalized())
            shape.AddScaleOp(op.PrecisionFloat).Set(triple())
            shape.AddTranslateOp(op.PrecisionFloat, "pivot", isInverseOp=True)
            skew = Gf.Matrix4d(1, *([0.1] * 2), 0, 0, 1, 0.2, 0, 0.3, 0, 1, 0, *triple(), 1)
            shape.AddTransformOp(opSuffix="skew").Set(skew)
    UsdGeom.Xform.Get(stage, "/W") or UsdGeom.Xform.Define(stage, "/W").AddRotateYOp().Set(33.0)
    UsdGeom.Xform.Define(stage, "/W/In").AddTranslateOp().Set((1, 2, 3))
    stage.Save()
    snapshot = assert_like_pxr(open_stage(tmp_path / "ops.usda", probe=False))
    assert snapshot.prims.resets.sum() == 3


def test_zero_scale_and_frames_per_second(assert_like_pxr: Any, open_text: Any) -> None:
    opened = open_text(
        'def Xform "A" { double3 xformOp:scale = (0, 1, 0)\n uniform token[] xformOpOrder = ["xformOp:scale"]\n'
        ' def Cube "Box" { double3 xformOp:translate = (1, 2, 3)\n uniform token[] xformOpOrder = ["xformOp:translate"]\n}\n}'
    )
    assert np.isfinite(assert_like_pxr(opened).node_world).all()


def test_projective_matrices_are_told(open_text: Any) -> None:
    opened = open_text(
        'def Cube "A" { matrix4d xformOp:transform = ((1, 2, 3, 4), (5, 6, 7, 8), (9, 10, 12, 12), (13, 14, 15, 1))\n'
        ' uniform token[] xformOpOrder = ["xformOp:transform"]\n}'
    )
    snapshot = read_snapshot(opened)
    assert snapshot.node_world[0].T.tolist() == [[1, 2, 3, 0], [5, 6, 7, 0], [9, 10, 12, 0], [13, 14, 15, 1]]
    (found,) = [f for f in snapshot.findings if f.code == "xform.projective"]
    assert found.path == "/A"


# --- arcs -------------------------------------------------------------------------------------------------------


def test_references_and_sublayers_with_offsets(assert_like_pxr: Any, open_text: Any, layer: Any) -> None:
    layer(
        "anim.usda",
        'def Xform "Thing" { double3 xformOp:translate.timeSamples = { 0: (0, 0, 0), 10: (10, 0, 0)\n}\n'
        ' uniform token[] xformOpOrder = ["xformOp:translate"]\n def Cube "Box" {}\n}',
        'defaultPrim = "Thing"\n timeCodesPerSecond = 48',
    )
    layer(
        "strong.usda", 'over "B" { double3 xformOp:translate.timeSamples = { 0: (0, 5, 0), 4: (0, 9, 0)\n}\n}'
    )
    path = open_text(
        'def "A" (references = @anim.usda@ (offset = 3; scale = 2)) {}\ndef "B" (references = @anim.usda@) {}'
    ).path
    text = path.read_text().replace(
        "(\n", "(\n subLayers = [@./strong.usda@ (offset = 2)]\n timeCodesPerSecond = 24\n", 1
    )
    path = path.with_name("sublayered.usda")
    path.write_text(text)
    opened = open_stage(path, probe=False)
    for time in (None, 0.0, 4.0, 7.5, 23.0, 100.0):
        assert_like_pxr(opened, time)
    moved = read_snapshot(opened, 4.0)  # the sublayer's samples lie at 2 and 6, and win over the reference's
    assert moved.node_world[moved.prims.index_of["/B/Box"], 1, 3] == 7


def test_inherits_specializes_and_inactive(assert_like_pxr: Any, open_text: Any) -> None:
    opened = open_text(
        'class "_Big" { double3 xformOp:scale = (3, 3, 3)\n uniform token[] xformOpOrder = ["xformOp:scale"]\n'
        ' def Cube "Box" {}\n}\n'
        'def Xform "A" (inherits = </_Big>) {}\n'
        'def Xform "B" (specializes = </_Big>) { double3 xformOp:scale = (1, 2, 1)\n}\n'
        'def Xform "C" (inherits = </_Big>\n active = false) {}\n'
        'def Xform "D" (inherits = </_Big>) { over "Box" (active = false) {}\n}\n'
        'over "OnlyOver" { def Cube "Box" {}\n}\n'
    )
    snapshot = assert_like_pxr(opened)
    assert drawn(snapshot) == ["/A/Box", "/B/Box"]


def test_payloads_load_as_asked(assert_like_pxr: Any, open_text: Any, layer: Any) -> None:
    layer("thing.usda", CUBE_AT_4, 'defaultPrim = "Thing"')
    body = 'def "A" (payload = @thing.usda@) { def "In" (payload = @thing.usda@) {}\n}\ndef "B" (payload = @thing.usda@) {}'
    path = open_text(body).path
    assert drawn(assert_like_pxr(open_stage(path, probe=False))) == ["/A/Box", "/A/In/Box", "/B/Box"]
    closed = open_stage(path, load="none", probe=False)
    assert drawn(assert_like_pxr(closed)) == []
    assert drawn(assert_like_pxr(load_below(closed, ["/A"]))) == ["/A/Box", "/A/In/Box"]
    with pytest.raises(UserError, match="there is no prim /Z whose payloads"):
        load_below(closed, ["/Z"])


VARIANTS = """def Xform "A" (
    variants = { string size = "small"
    }
    prepend variantSets = "size"
) {
    variantSet "size" = {
        "small" { def Cube "Small" {}
        }
        "big" { def Cube "Big" { double size = 9
            }
        }
    }
}
"""


def test_variants_are_chosen_in_the_session(assert_like_pxr: Any, open_text: Any) -> None:
    opened = open_text(VARIANTS)
    text, before = opened.path.read_text(), opened.hash
    assert drawn(assert_like_pxr(opened)) == ["/A/Small"]
    chosen = choose_variants(opened, {"/A{size}": "big"})
    assert drawn(assert_like_pxr(chosen)) == ["/A/Big"]
    assert chosen.hash != before and opened.path.read_text() == text
    assert choose_variants(chosen, {}) is chosen


@pytest.mark.parametrize(
    ("target", "name", "told"),
    [
        ("/A", "big", "not of the form '/Prim{set}'"),
        ("/Z{size}", "big", "there is no prim /Z"),
        ("/A{sise}", "big", "no variant set 'sise'; did you mean 'size'"),
        ("/A{size}", "bigg", "no variant 'bigg'; did you mean 'big'"),
    ],
)
def test_wrong_choices_are_told(open_text: Any, target: str, name: str, told: str) -> None:
    with pytest.raises(UserError) as problem:
        choose_variants(open_text(VARIANTS), {target: name})
    assert told in str(problem.value)


def clip_files(layer: Any) -> None:
    for k in (1, 2):
        layer(
            f"clip.{k}.usda",
            f'over "A" {{ double3 xformOp:translate.timeSamples = {{ {10 * k}: ({k}, 0, 0), {10 * k + 9}: ({k}, 9, 0)\n}}\n}}',
        )
    layer("manifest.usda", 'over "A" { double3 xformOp:translate\n}')


@pytest.mark.parametrize(
    "clips",
    [
        'asset[] assetPaths = [@./clip.1.usda@, @./clip.2.usda@]\n double2[] active = [(10, 0), (20, 1)]\n'
        " double2[] times = [(10, 10), (19, 19), (20, 20), (29, 29)]",
        'string templateAssetPath = "./clip.#.usda"\n double templateStartTime = 1\n double templateEndTime = 2\n'
        " double templateStride = 1\n double templateActiveOffset = 0",
    ],
)  # fmt: skip
def test_value_clips(assert_like_pxr: Any, open_text: Any, layer: Any, clips: str) -> None:
    clip_files(layer)
    opened = open_text(
        'def Xform "A" (clips = { dictionary default = { ' + clips + "\n"
        ' asset manifestAssetPath = @./manifest.usda@\n string primPath = "/A"\n}\n}) { double3 xformOp:translate\n'
        ' uniform token[] xformOpOrder = ["xformOp:translate"]\n def Cube "Box" {}\n}'
    )
    seen = set()
    for time in (1.0, 2.0, 10.0, 14.5, 20.0, 25.0):
        seen.add(tuple(assert_like_pxr(opened, time).node_world[0, :3, 3]))
    assert len(seen) > 1


# --- what is inherited ------------------------------------------------------------------------------------------


def test_purpose_and_visibility_are_inherited_through_instances(assert_like_pxr: Any, open_text: Any) -> None:
    opened = open_text(
        'class Xform "_P" { def Cube "Plain" {}\n def Cube "Guide" { uniform token purpose = "guide"\n}\n'
        ' def Xform "Off" { token visibility = "invisible"\n def Cube "Box" {}\n}\n def "NoType" { def Cube "Box" {}\n}\n}\n'
        'def Xform "Shown" (instanceable = true\n references = </_P>) {}\n'
        'def Xform "Hidden" (instanceable = true\n references = </_P>) { token visibility = "invisible"\n}\n'
        'def Xform "Up" { uniform token purpose = "render"\n def Xform "R" (instanceable = true\n references = </_P>) {}\n}\n'
        'def Xform "Proxy" (instanceable = true\n references = </_P>) { uniform token purpose = "proxy"\n}\n'
    )
    snapshot = assert_like_pxr(opened)
    assert drawn(snapshot) == [
        "/Shown/NoType/Box",
        "/Shown/Plain",
        "/Up/R/NoType/Box",
        "/Up/R/Plain",
    ]


def test_render_visibility_hides_what_has_purpose_render(assert_like_pxr: Any, open_text: Any) -> None:
    from pxr import Usd, UsdGeom

    opened = open_text(
        'def Xform "A" (prepend apiSchemas = ["VisibilityAPI"]) { uniform token renderVisibility = "invisible"\n'
        ' def Cube "R" { uniform token purpose = "render"\n}\n def Cube "D" {}\n'
        ' def Xform "Again" (prepend apiSchemas = ["VisibilityAPI"]) { uniform token renderVisibility = "visible"\n'
        ' def Cube "R" { uniform token purpose = "render"\n}\n}\n}\n'
        'def Xform "NoApi" { token renderVisibility = "invisible"\n def Cube "R" { uniform token purpose = "render"\n}\n}'
    )
    shown = drawn(assert_like_pxr(opened))
    for path in ("/A/R", "/A/D", "/A/Again/R", "/NoApi/R"):
        imageable = UsdGeom.Imageable(opened.stage.GetPrimAtPath(path))
        effective = imageable.ComputeEffectiveVisibility(imageable.ComputePurpose(), Usd.TimeCode.Default())
        assert (path in shown) == (effective != "invisible"), path
    assert shown == ["/A/Again/R", "/A/D", "/NoApi/R"]


def test_animated_visibility_is_read_at_the_time(assert_like_pxr: Any, open_text: Any) -> None:
    opened = open_text(
        'def Cube "A" { token visibility.timeSamples = { 0: "inherited", 5: "invisible"\n}\n}',
    )
    assert drawn(assert_like_pxr(opened, 4.0)) == ["/A"]
    assert drawn(assert_like_pxr(opened, 5.0)) == []


def test_draw_modes_are_told(assert_like_pxr: Any, open_text: Any) -> None:
    snapshot = assert_like_pxr(
        open_text('def Xform "A" (kind = "component"\n prepend apiSchemas = ["GeomModelAPI"]) {'
                  ' uniform token model:drawMode = "cards"\n def Cube "Box" {}\n}')
    )  # fmt: skip
    assert drawn(snapshot) == ["/A/Box"]
    (found,) = [f for f in snapshot.findings if f.code == "model.draw-mode"]
    assert found.path == "/A" and "cards" in found.message


# --- instances --------------------------------------------------------------------------------------------------

NESTED = (
    'class Xform "_Bolt" { def Cube "Head" { double size = 0.5\n}\n}\n'
    'class Xform "_Plate" { double3 xformOp:translate = (0, 0, 2)\n uniform token[] xformOpOrder = ["xformOp:translate"]\n'
    ' def Xform "Bolt_10" (instanceable = true\n references = </_Bolt>) { double3 xformOp:translate = (1, 0, 0)\n'
    ' uniform token[] xformOpOrder = ["xformOp:translate"]\n}\n'
    ' def Xform "Bolt_9" (instanceable = true\n references = </_Bolt>) {}\n def Cube "Body" {}\n}\n'
    'def Xform "World" {\n'
    ' def Xform "P2" (instanceable = true\n references = </_Plate>\n prepend apiSchemas = ["SemanticsLabelsAPI:class"]) {'
    ' token[] semantics:labels:class = ["plate"]\n double3 xformOp:translate = (7, 0, 0)\n}\n'
    ' def Xform "P1" (instanceable = true\n references = </_Plate>\n kind = "component") {}\n'
    ' def Xform "Bolt" (instanceable = true\n references = </_Bolt>) {}\n'
    ' def Xform "P1_x" (references = </_Plate>) {}\n}\n'
)  # fmt: skip


def test_nested_instances_and_their_own_labels(assert_like_pxr: Any, open_text: Any) -> None:
    snapshot = assert_like_pxr(open_text(NESTED, up="Y", units=0.01))
    assert len(snapshot.prototypes) == 2
    found = {o.prim_path: o.labels for o in snapshot.objects}
    assert found["/World/P2"] == ("plate",) and found["/World/P1"] == ()
    index = snapshot.prims.index_of
    below = [snapshot.objects[o].prim_path for o in snapshot.instances.object]
    of = dict(zip(snapshot.instances.prim.tolist(), below, strict=True))
    assert of[index["/World/P2/Bolt_10/Head"]] == "/World/P2"
    assert of[index["/World/P1/Body"]] == "/World/P1"


def test_materials_bound_above_instances(assert_like_pxr: Any, open_text: Any) -> None:
    from pxr import UsdShade

    looks = "".join(f'def Material "M{k}" {{}}\n' for k in range(3))
    part = (
        'class Xform "_P" { def Cube "Plain" {}\n def Cube "Own" (prepend apiSchemas = ["MaterialBindingAPI"]) {'
        " rel material:binding = </Looks/M2>\n}\n}\n"
    )
    bound = '(instanceable = true\n references = </_P>\n prepend apiSchemas = ["MaterialBindingAPI"]) { rel material:binding = '
    plain = "(instanceable = true\n references = </_P>) {}\n"
    opened = open_text(
        f'def "Looks" {{ {looks}}}\n{part}def Xform "A" {plain}def Xform "B" {bound}</Looks/M0>\n}}\n'
        f'def Xform "C" (prepend apiSchemas = ["MaterialBindingAPI"]) {{ rel material:binding = </Looks/M1> (\n'
        f' bindMaterialAs = "strongerThanDescendants")\n def Xform "In" {plain}}}\n'
        f'def Xform "D" {bound}</Looks/M0>\n}}\n'
        'def Xform "E" (prepend apiSchemas = ["MaterialBindingAPI", "CollectionAPI:some"]) {\n'
        " rel collection:some:includes = </E/Second/Plain>\n rel material:binding:collection:some = [</E.collection:some>,"
        f' </Looks/M1>]\n def Xform "First" {plain}def Xform "Second" {plain}}}\n'
    )
    snapshot = assert_like_pxr(opened)
    rows = snapshot.instances
    different = set()
    for prim, chosen in zip(rows.prim.tolist(), rows.material_set.tolist(), strict=True):
        path = snapshot.prims.path[prim]
        material, _ = UsdShade.MaterialBindingAPI(opened.stage.GetPrimAtPath(path)).ComputeBoundMaterial()
        expected = str(material.GetPath()) if material else ""
        assert snapshot.materials[snapshot.material_sets[chosen][0]].path == expected, path
        different.add(expected)
    assert len(different) == 4 and len(rows) == 12


def test_colours_given_above_instances(assert_like_pxr: Any, open_text: Any) -> None:
    part = 'class Xform "_P" { def Cube "Box" {}\n}\n'
    color = 'color3f[] primvars:displayColor = [(1, 0, 0)] (interpolation = "constant")\n'
    opened = open_text(
        part + 'def Xform "A" (instanceable = true\n references = </_P>) { ' + color + "}\n"
        'def Xform "B" (instanceable = true\n references = </_P>) {}\n'
        'def Xform "C" { '
        + color.replace("1, 0, 0", "0, 0, 1")
        + ' def Xform "In" (instanceable = true\n references = </_P>) {}\n}\n'
    )  # fmt: skip
    s = assert_like_pxr(opened)
    assert [s.materials[s.material_sets[k][0]].diffuse_color for k in s.instances.material_set] == [
        (1, 0, 0),
        (0.18, 0.18, 0.18),
        (0, 0, 1),
    ]


def test_instances_beyond_the_limit_are_counted_not_expanded(
    open_text: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prims_module, "MAX_PRIMS", 400)
    body = 'class Xform "_P0" { def Cube "Box" {}\n}\n'
    for k in range(1, 5):
        inside = "".join(
            f'def Xform "I{i}" (instanceable = true\n references = </_P{k - 1}>) {{}}\n' for i in range(12)
        )
        body += f'class Xform "_P{k}" {{ {inside} }}\n'
    body += 'def Xform "Bomb" (instanceable = true\n references = </_P4>) {}\ndef Cube "Rest" {}\n'
    body += 'def Xform "Some" (instanceable = true\n references = </_P2>) {}\n'
    snapshot = read_snapshot(open_text(body))
    paths = drawn(snapshot)
    assert "/Rest" in paths and sum(path.startswith("/Some/") for path in paths) == 144
    assert len(snapshot.prims) <= 400
    (found,) = [f for f in snapshot.findings if f.code == "instances.too-many"]
    assert "prims" in found.message


@pytest.mark.parametrize("at_once", [1, 2, 5, 1000])
def test_prims_are_the_same_however_many_are_read_at_once(
    open_text: Any, assert_like_pxr: Any, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(walk, "_AT_ONCE", at_once)
    monkeypatch.setattr(authored, "_CHUNK", at_once)
    move = 'double3 xformOp:translate = ({}, 0, 0)\n uniform token[] xformOpOrder = [{}"xformOp:translate"]\n'
    box = 'def Cube "Box" { token visibility = "invisible"\n}\ndef Sphere "Ball" {}\n'
    body = f'class Xform "_P" {{ def Xform "In" {{ {move.format(9, "")} {box} }}\n}}\n'
    for k in range(4):
        reset = '"!resetXformStack!", ' if k == 2 else ""
        body += f'def Xform "X{k}" {{ {move.format(k, "")} def Xform "Y" {{ {move.format(7, reset)} {box} }}\n}}\n'
        body += f'def Xform "I{k}" (instanceable = true\n references = </_P>) {{ {move.format(-k, "")} }}\n'
    snapshot = assert_like_pxr(open_text(body))
    row = snapshot.prims.index_of
    assert snapshot.prims.resets.nonzero()[0].tolist() == [row["/X2/Y"]]
    assert [snapshot.prims.own_visible[row[f"/X{k}/Y/Box"]] for k in range(4)] == [False] * 4


def test_ops_that_make_no_sense_hide_their_prim_alone(open_text: Any) -> None:
    bad = 'string xformOp:translate = "x"\n uniform token[] xformOpOrder = ["xformOp:translate"]\n'
    good = 'double3 xformOp:translate = (3, 0, 0)\n uniform token[] xformOpOrder = ["xformOp:translate"]\n'
    body = "".join(
        f'def Cube "{name}" {{ {ops} }}\n' for name, ops in [("A", good), ("B", bad), ("C", good), ("D", bad)]
    )
    snapshot = read_snapshot(open_text(body))
    assert drawn(snapshot) == ["/A", "/C"]
    scale = snapshot.stage.meters_per_unit
    assert snapshot.node_world[[0, 2], 0, 3].tolist() == [3 * scale, 3 * scale]
