"""Materials in usda text, for the tests of looks; loaded by path, as the test folders are no packages."""

MESH = """def Mesh "{name}" (prepend apiSchemas = ["MaterialBindingAPI"]) {{ rel material:binding = <{material}>
    int[] faceVertexCounts = [3, 3]
    int[] faceVertexIndices = [0, 1, 2, 0, 2, 3]
    point3f[] points = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)]
    texCoord2f[] primvars:st = [(0, 0), (1, 0), (1, 1), (0, 1)] (interpolation = "vertex")
    {extra}
}}
"""


def mesh(name: str = "C", material: str = "/M", extra: str = "") -> str:
    """A square of two triangles with uv."""
    return MESH.format(name=name, material=material, extra=extra)


def shader(name: str, identifier: str, *lines: str) -> str:
    """A shader prim; outputs of all usual names."""
    body = "\n".join(f"  {line}" for line in lines)
    return (
        f'def Shader "{name}" {{ uniform token info:id = "{identifier}"\n{body}\n'
        "  token outputs:surface\n  token outputs:out\n  float3 outputs:rgb\n  float4 outputs:rgba\n  float outputs:r\n"
        "  float outputs:g\n  float outputs:b\n  float outputs:a\n  float2 outputs:result\n}\n"
    )


def material(*shaders: str, surface: str = "S.outputs:surface", context: str = "", lines: str = "") -> str:
    """`/M` with those shaders."""
    return (
        f'def Material "M" {{ token outputs:{context}surface.connect = </M/{surface}>\n{lines}\n'
        + "".join(shaders)
        + "}\n"
    )


def preview(*lines: str, rest: str = "", lines_of_material: str = "") -> str:
    """`/M` with a UsdPreviewSurface of those lines, bound to a mesh."""
    return material(shader("S", "UsdPreviewSurface", *lines), rest, lines=lines_of_material) + mesh()


def standard(*lines: str, rest: str = "", kind: str = "ND_standard_surface_surfaceshader") -> str:
    """`/M` with a MaterialX surface of those lines, bound to a mesh."""
    return material(shader("S", kind, *lines), rest, surface="S.outputs:out", context="mtlx:") + mesh()
