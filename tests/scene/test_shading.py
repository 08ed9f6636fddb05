"""Following connections: UsdShade.Utils.GetValueProducingAttributes is the oracle wherever it survives."""

from pathlib import Path
from typing import Any

import pytest

from twinstage.scene.read.shading import follow, terminal_source

FILES = [
    "features/pixar/previewsurface/testPreviewSurfaceMaterialInterface.usda",
    "features/pixar/previewsurface/testPreviewSurfaceTexture.usda",
    "features/pixar/geomsubsets/testUsdImagingGLGeomSubsets.usda",
    "features/pixar/mtlx/mxNormalMap.usda",
    "features/usdwg/TextureTransformTest/TextureTransformTest.usd",
    "full/StandardShaderBall/standard_shader_ball_scene.usda",
    "full/Teapot/Teapot.usd",
    "industrial/f1tenth_ackermann/F1Tenth.usd",
]


@pytest.mark.parametrize("name", FILES)
def test_every_input_of_real_files(shared: Path, name: str) -> None:
    from pxr import Usd, UsdShade

    stage = Usd.Stage.Open(str(shared / "assets" / name))
    count = 0
    for prim in Usd.PrimRange(stage.GetPseudoRoot(), Usd.TraverseInstanceProxies(Usd.PrimDefaultPredicate)):
        if prim.IsA(UsdShade.Material):
            for context in ("", "mtlx", "mdl"):
                if UsdShade.Material(prim).GetSurfaceOutput(context):
                    want = UsdShade.Material(prim).ComputeSurfaceSource(context)[0] if context else None
                    got = terminal_source(UsdShade.Material(prim), context)
                    if want is not None and got is not None:
                        assert got.shader.GetPath() == want.GetPath()
        if not prim.IsA(UsdShade.Shader):
            continue
        for shader_input in UsdShade.Shader(prim).GetInputs():
            expected = UsdShade.Utils.GetValueProducingAttributes(shader_input)
            attribute, source = follow(shader_input)
            count += 1
            if not expected:
                assert (attribute, source) == (None, None)
            elif UsdShade.Output.IsOutput(expected[0]):
                assert source is not None and source.shader.GetPath() == expected[0].GetPrim().GetPath()
                assert f"outputs:{source.output}" == expected[0].GetName()
            else:
                assert attribute == expected[0]
    assert count > 0


@pytest.mark.parametrize("count", [10, 200])
def test_chains_of_interface_inputs(read_text: Any, usda: Any, count: int) -> None:
    lines = "\n".join(f"float inputs:a{i}.connect = </M.inputs:a{i + 1}>" for i in range(count))
    lines += f"\nfloat inputs:a{count} = 0.25"
    body = usda.preview("float inputs:roughness.connect = </M.inputs:a0>", lines_of_material=lines)
    assert read_text(body).materials[0].roughness == 0.25


@pytest.mark.parametrize("way", ["inputs", "outputs"])
def test_a_chain_that_would_overflow_the_stack_ends(read_text: Any, usda: Any, way: str) -> None:
    """OpenUSD's own function crashes the process on these: a failure here is a crash."""
    count = 30_000
    if way == "inputs":
        lines = "\n".join(f"float inputs:a{i}.connect = </M.inputs:a{i + 1}>" for i in range(count))
        body = usda.preview("float inputs:roughness.connect = </M.inputs:a0>", lines_of_material=lines)
        assert read_text(body).materials[0].roughness == 0.5
    else:
        graph = "\n".join(f"token outputs:o{i}.connect = </M/G.outputs:o{i + 1}>" for i in range(count))
        body = usda.material(f'def NodeGraph "G" {{ {graph}\n}}\n', surface="G.outputs:o0") + usda.mesh()
        assert any(f.code == "material.no-surface" for f in read_text(body).findings)


def test_a_value_on_the_way_counts_where_the_source_has_none(read_text: Any, usda: Any) -> None:
    body = usda.preview(
        "float inputs:roughness = 0.125",
        "float inputs:roughness.connect = </M.inputs:a>",
        lines_of_material="float inputs:a",
    )
    assert read_text(body).materials[0].roughness == 0.125
