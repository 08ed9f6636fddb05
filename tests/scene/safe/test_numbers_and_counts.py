"""Numbers that are none do not reach the snapshot's geometry, and counts are bounded before anything expands."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from twinstage.scene.read import read_snapshot
from twinstage.scene.safe.expansion import count_prims, survey, within_bounds
from twinstage.scene.stage import OpenedStage

Opens = Callable[..., OpenedStage]
HEAD = '(\n upAxis = "Z"\n metersPerUnit = 1\n)\n'


def moved(name: str, vector: str, inner: str = "", op: str = "translate") -> str:
    return (
        f'def Xform "{name}" {{\n double3 xformOp:{op} = {vector}\n uniform token[] xformOpOrder = ["xformOp:{op}"]\n'
        f' def Cube "C" {{\n }}\n{inner}}}\n'
    )


@pytest.mark.parametrize("vector", ["(nan, 0, 0)", "(0, inf, 0)", "(1e300, 0, 0)"])
def test_a_transform_that_is_none_hides_its_prim_and_no_other(opens: Opens, vector: str) -> None:
    snapshot = read_snapshot(opens(HEAD + moved("Bad", vector) + moved("Good", "(1, 2, 3)")))
    row = snapshot.prims.index_of
    assert np.isfinite(snapshot.node_world).all()
    assert not snapshot.prims.visible[row["/Bad"]]
    assert not snapshot.prims.visible[row["/Bad/C"]]
    assert snapshot.prims.visible[row["/Good/C"]]
    assert snapshot.node_world[row["/Good"]][:3, 3].tolist() == [1, 2, 3]
    assert [f.path for f in snapshot.findings if f.code == "transform.not-finite"] == ["/Bad"]


def test_products_along_a_path_stay_within_bounds(opens: Opens) -> None:
    text = moved("T9", "(1e9, 1e9, 1e9)", op="scale")
    for k in range(8, -1, -1):
        text = moved(f"T{k}", "(1e9, 1e9, 1e9)", text, op="scale")
    snapshot = read_snapshot(opens(HEAD + text))
    assert np.abs(snapshot.node_world).max() <= 1e12
    assert snapshot.prims.visible[snapshot.prims.index_of["/T0/C"]]
    assert not snapshot.prims.visible[snapshot.prims.index_of["/T0/T1/C"]]
    assert "transform.not-finite" in {f.code for f in snapshot.findings}


def test_ops_that_make_no_sense_hide_the_prim(opens: Opens) -> None:
    odd = 'def Xform "Odd" {\n double3 xformOp:spin = (1, 0, 0)\n uniform token[] xformOpOrder = ["xformOp:spin"]\n}\n'
    snapshot = read_snapshot(opens(HEAD + odd + moved("Good", "(1, 2, 3)")))
    assert not snapshot.prims.visible[snapshot.prims.index_of["/Odd"]]
    assert snapshot.prims.visible[snapshot.prims.index_of["/Good"]]


def test_points_that_are_nowhere_are_hidden(opens: Opens) -> None:
    text = (
        'def PointInstancer "I" {\n int[] protoIndices = [0, 0, 0]\n'
        " point3f[] positions = [(1, 0, 0), (nan, 0, 0), (2, 0, 0)]\n"
        ' rel prototypes = </I/B>\n def Cube "B" {\n }\n}\n'
    )
    snapshot = read_snapshot(opens(HEAD + text))
    assert np.isfinite(snapshot.node_world).all()
    assert snapshot.points.visible.tolist() == [True, False, True]
    assert [f.path for f in snapshot.findings if f.code == "points.not-finite"] == ["/I"]


def test_numbers_of_lights_and_cameras_that_are_none_give_the_fall_backs(opens: Opens) -> None:
    snapshot = read_snapshot(
        opens(
            HEAD + 'def SphereLight "Bad" {\n float inputs:intensity = nan\n}\ndef SphereLight "Good" {\n}\n'
            'def Camera "Lens" {\n float focalLength = inf\n}\ndef Camera "Fine" {\n}\n'
        )
    )
    assert [light.radiance for light in snapshot.lights] == [(1, 1, 1)] * 2
    assert [c.focal_length for c in snapshot.cameras] == [5000, 5000]  # 50 tenths of a metre [mm]
    assert {("light.value", "/Bad"), ("camera.value", "/Lens")} <= {
        (f.code, f.path) for f in snapshot.findings
    }


def points(name: str, count: int, target: str, inner: str) -> str:
    zeros, places = ", ".join(["0"] * count), ", ".join(["(0, 0, 0)"] * count)
    return (
        f'def PointInstancer "{name}" {{\n int[] protoIndices = [{zeros}]\n point3f[] positions = [{places}]\n'
        f" rel prototypes = <{target}>\n{inner}}}\n"
    )


def test_drawings_of_points_are_counted_like_the_reader_draws_them(opens: Opens) -> None:
    inner = points(
        "I1", 3, "/W/I0/I1/G", ' def Xform "G" {\n def Cube "A" {\n }\n def Sphere "B" {\n }\n }\n'
    )
    text = 'def Xform "W" {\n' + points("I0", 4, "/W/I0/I1", inner) + "}\n"
    opened = opens(HEAD + text)
    assert survey(opened.stage).total.drawings == 4 * 3 * 2
    assert len(read_snapshot(opened).instances) == 4 * 3 * 2


def test_an_instancer_beyond_the_limit_is_left_out_and_the_rest_kept(
    opens: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = opens(
        HEAD
        + points("Big", 30, "/Big/B", ' def Cube "B" {\n }\n')
        + points("Small", 5, "/Small/B", ' def Cube "B" {\n }\n')
    )
    monkeypatch.setattr("twinstage.scene.safe.expansion.MAX_DRAWINGS", 20)
    (found,) = within_bounds(opened.stage)
    assert (found.code, found.path) == ("stage.expansion", "/Big")
    assert not opened.stage.GetPrimAtPath("/Big").IsActive()
    assert opened.stage.GetPrimAtPath("/Small").IsActive()


def test_instances_inside_an_instance_multiply(opens: Opens) -> None:
    from pxr import Usd

    text = (
        'class "_L" {\n' + points("P", 3, "/_L/P/B", ' def Cube "B" {\n }\n') + "}\n"
        'class "_K" {\n def "a" (instanceable = true\n inherits = </_L>) {\n }\n def "b" (instanceable = true\n'
        ' inherits = </_L>) {\n }\n}\ndef "A" (instanceable = true\n inherits = </_K>) {\n}\n'
        'def "B" (instanceable = true\n inherits = </_K>) {\n}\n'
    )
    opened = opens(HEAD + text)
    walked = sum(1 for _ in Usd.PrimRange(opened.stage.GetPseudoRoot(), Usd.TraverseInstanceProxies())) - 1
    assert count_prims(opened.stage) == walked
    assert survey(opened.stage).total.drawings == 2 * 2 * 3


PART = 'class "_P" {\n def Cube "C" {\n }\n def Cube "D" {\n }\n}\n'
USES = PART + "".join(f'def "U{k}" (instanceable = true\n inherits = </_P>) {{\n}}\n' for k in range(5))
NESTED = PART + (
    'class "_Q" {\n def "a" (instanceable = true\n inherits = </_P>) {\n }\n def "b" (instanceable = true\n'
    " inherits = </_P>) {\n }\n}\n"
    'def "U0" (instanceable = true\n inherits = </_Q>) {\n}\ndef "U1" (instanceable = true\n inherits = </_Q>) {\n}\n'
)
INSTANCER = points("Big", 30, "/Big/B", ' def Cube "B" {\n }\n')
HIDDEN_INSTANCER = (
    'class "_R" {\n' + points("P", 30, "/_R/P/B", ' def Cube "B" {\n }\n') + "}\n"
    'def "U" (instanceable = true\n inherits = </_R>) {\n}\n'
)


@pytest.mark.parametrize(
    ("text", "limit", "left_out"),
    [
        (USES, 17, False),  # 5 uses, 2 prims below each, and the class with its own
        (USES, 14, True),
        (NESTED, 13, True),  # 2 + 2 * 2 + 2 * 2 * 2 prims
        (INSTANCER, 100, True),
        (HIDDEN_INSTANCER, 100, True),
    ],
)
def test_the_quick_count_lets_nothing_pass(
    opens: Opens, monkeypatch: pytest.MonkeyPatch, text: str, limit: int, left_out: bool
) -> None:
    opened = opens(HEAD + text)
    monkeypatch.setattr("twinstage.scene.safe.expansion.MAX_PRIMS", limit)
    monkeypatch.setattr("twinstage.scene.safe.expansion.MAX_DRAWINGS", 20)
    assert any(f.code == "stage.expansion" for f in within_bounds(opened.stage)) == left_out


def test_an_instancer_of_itself_ends(opens: Opens) -> None:
    text = (
        'def PointInstancer "S" {\n int[] protoIndices = [0]\n point3f[] positions = [(0, 0, 0)]\n'
        " rel prototypes = </S>\n}\n"
    )
    assert survey(opens(HEAD + text).stage).total.drawings == 0


def test_an_image_bomb_is_not_decoded(yard: Any, opens: Opens) -> None:
    import struct
    import zlib

    header = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 6, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    (yard.scene / "bomb.png").write_bytes(data)
    snapshot = read_snapshot(
        opens(HEAD + 'def Cube "C" {\n}\ndef DomeLight "D" {\n asset inputs:texture:file = @./bomb.png@\n}\n')
    )
    assert "texture.pixels" in {f.code for f in snapshot.findings}
    assert snapshot.textures == ()


def test_an_axis_that_is_none_is_told(opens: Opens) -> None:
    snapshot = read_snapshot(
        opens(HEAD + 'def Cone "C" {\n uniform token axis = "W"\n}\ndef Cone "Z" {\n}\n')
    )
    assert [f.path for f in snapshot.findings if f.code == "gprim.axis"] == ["/C"]
    assert len(snapshot.prototypes) == 1  # both are the same shape


def test_points_of_an_unknown_type_are_told(opens: Opens) -> None:
    text = (
        'def PointInstancer "I" {\n int[] protoIndices = [0]\n nonsense[] positions = [1]\n rel prototypes = </I/B>\n'
        ' def Cube "B" {\n }\n}\n'
    )
    snapshot = read_snapshot(opens(HEAD + text))
    assert [f.path for f in snapshot.findings if f.code == "points.length"] == ["/I"]
