"""What the USD library's validators say, where we know better or say it in other words."""

from pathlib import Path

import pytest
from PIL import Image

from twinstage.assets.check import check_stage

STAGE = """#usda 1.0
( defaultPrim = "M"
  metersPerUnit = 1
  upAxis = "Z" )
def Xform "M" ( kind = "component" )
{
    def Mesh "Quad" ( prepend apiSchemas = ["MaterialBindingAPI"] )
    {
        float3[] extent = [(0, 0, 0), (1, 1, 0)]
        int[] faceVertexCounts = [4]
        int[] faceVertexIndices = [0, 1, 2, 3]
        normal3f[] normals = [(0, 0, 1), (0, 0, 1), (0, 0, 1), (0, 0, 1)] ( interpolation = "vertex" )
        point3f[] points = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)]
        texCoord2f[] primvars:st = [(0, 0), (1, 0), (1, 1), (0, 1)] ( interpolation = "vertex" )
        uniform token subdivisionScheme = "none"
        rel material:binding = </M/Look>
    }
    def Material "Look"
    {
        token outputs:surface.connect = </M/Look/Surface.outputs:surface>
        def Shader "Surface"
        {
            uniform token info:id = "UsdPreviewSurface"
            normal3f inputs:normal.connect = </M/Look/Bumps.outputs:rgb>
            token outputs:surface
        }
        def Shader "Bumps"
        {
            uniform token info:id = "UsdUVTexture"
            asset inputs:file = @./bumps.png@
            token inputs:sourceColorSpace = "raw"
            float4 inputs:scale = SCALE
            float4 inputs:bias = BIAS
            float2 inputs:st.connect = </M/Look/Where.outputs:result>
            float3 outputs:rgb
        }
        def Shader "Where"
        {
            uniform token info:id = "UsdPrimvarReader_float2"
            string inputs:varname = "st"
            float2 outputs:result
        }
    }
}
"""


@pytest.mark.parametrize(
    ("scale", "bias", "said"),
    [
        ("(2, 2, 2, 1)", "(-1, -1, -1, 0)", False),
        ("(0.8, 0.8, 2, 1)", "(-0.4, -0.4, -1, 0)", False),  # the strength 0.4 of glTF's normalTexture
        ("(0.8, 0.8, 2, 1)", "(-1, -1, -1, 0)", True),
        ("(0.8, 2, 2, 1)", "(-0.4, -1, -1, 0)", True),
        ("(1, 1, 1, 1)", "(0, 0, 0, 0)", True),
    ],
)
def test_a_normal_map_may_have_another_strength(tmp_path: Path, scale: str, bias: str, said: bool) -> None:
    Image.new("RGB", (8, 8), (128, 128, 255)).save(tmp_path / "bumps.png")
    stage = tmp_path / "quad.usda"
    stage.write_text(STAGE.replace("SCALE", scale).replace("BIAS", bias))
    codes = {finding.code for finding in check_stage(stage)}
    assert ("texture.normal-map" in codes) is said, codes
