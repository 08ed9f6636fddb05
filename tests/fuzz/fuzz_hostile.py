"""Hostile stages, put together from features: ways out of the folder, bombs, cycles, absurd counts, numbers that are none.


A feature is a function of (rng, places) that gives a `Piece`; files that it needs beside the stage it writes itself.
"""

# ruff: noqa: E501
# The lines are USD text.

import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from fuzz_places import Places, way_out

ODD = ("nan", "inf", "-inf", "1e308", "-1e308", "1e39", "0", "-1", "1e-320", "123456789")


@dataclass(frozen=True)
class Piece:
    """Text for a stage: lines of layer metadata, and prims."""

    prims: str = ""
    layer: tuple[str, ...] = ()
    sublayers: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)


Feature = Callable[[random.Random, Places], Piece]
FEATURES: dict[str, Feature] = {}


def feature(make: Feature) -> Feature:
    """Register under the function's name."""
    FEATURES[make.__name__] = make
    return make


def stage_text(pieces: list[Piece]) -> str:
    """All pieces in one usda layer."""
    layer = [line for piece in pieces for line in piece.layer]
    variables = {k: v for piece in pieces for k, v in piece.variables.items()}
    if variables:
        layer.append("expressionVariables = {\n" + "".join(f"{v}\n" for v in variables.values()) + "}")
    sublayers = [path for piece in pieces for path in piece.sublayers]
    if sublayers:
        layer.append("subLayers = [" + ", ".join(sublayers) + "]")
    seen: dict[str, str] = {}
    for line in layer:
        seen.setdefault(line.partition(" =")[0].strip(), line)
    head = "(\n" + "\n".join(seen.values()) + "\n)\n" if seen else ""
    return "#usda 1.0\n" + head + 'def Cube "Ok" {\n}\n' + "".join(piece.prims for piece in pieces)


def write(places: Places, name: str, data: str | bytes) -> str:
    """A file beside the stage."""
    path = places.scene / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data)
    return name


def odd(rng: random.Random) -> str:
    return rng.choice(ODD)


# Ways out of the folder


@feature
def sublayer_out(rng: random.Random, places: Places) -> Piece:
    return Piece(sublayers=(f"@{way_out(rng, places)}@",))


@feature
def arc_out(rng: random.Random, places: Places) -> Piece:
    arc = rng.choice(["references", "payload", "prepend references", "append payload", "add references"])
    path = rng.choice(["", "</Canary>", "</Canary/Sings>"])
    return Piece(f'def "Out" ({arc} = @{way_out(rng, places)}@{path}) {{\n}}\n')


@feature
def variant_out(rng: random.Random, places: Places) -> Piece:
    chosen = rng.choice(["a", "b"])
    return Piece(
        f'def "V" (variants = {{ string s = "{chosen}" }}\n prepend variantSets = "s") {{\n variantSet "s" = {{\n'
        f'  "a" (references = @{way_out(rng, places)}@) {{\n  }}\n'
        f'  "b" {{\n def "K" (payload = @{way_out(rng, places)}@) {{\n}}\n  }}\n }}\n}}\n'
    )


@feature
def chain_out(rng: random.Random, places: Places) -> Piece:
    inner = f'#usda 1.0\n(\n subLayers = [@{way_out(rng, places)}@]\n)\ndef Xform "A" (references = @{way_out(rng, places)}@) {{\n}}\n'
    write(places, "inner.usda", inner)
    return Piece('def "Chain" (references = @./inner.usda@</A>) {\n}\n')


@feature
def nested_out(rng: random.Random, places: Places) -> Piece:
    """A layer in a folder below: plain names are looked for beside it, then beside the root layer."""
    name = rng.choice(
        ["linked.usda", "linked/canary.usda", "linked-twice.usda", "sub/../linked.usda", "canary.usda"]
    )
    write(places, "sub/below.usda", f'#usda 1.0\ndef Xform "A" (references = @{name}@) {{\n}}\n')
    return Piece('def "Nested" (references = @./sub/below.usda@</A>) {\n}\n')


@feature
def expression_out(rng: random.Random, places: Places) -> Piece:
    text, variables = rng.choice(
        [
            ('`"${D}/canary.usda"`', {"D": 'string D = "../outside"'}),
            ('`"../${D}/canary.usda"`', {"D": 'string D = "outside"'}),
            ('`if(defined("D"), "../outside/canary.usda", "none.usda")`', {"D": "bool D = true"}),
            ('`if(eq(${D}, "x"), "none.usda", "../outside/canary.usda")`', {"D": 'string D = "y"'}),
            ('`"${E}"`', {"E": "string E = '`\"${D}/canary.usda\"`'", "D": 'string D = "../outside"'}),
            ("`${D}`", {"D": f'string D = "{places.outside}/canary.usda"'}),
            ('`"../outside/canary.usda"`', {}),
        ]
    )
    where = rng.randrange(3)
    if where == 0:
        return Piece(sublayers=(f"@{text}@",), variables=variables)
    if where == 1:
        return Piece(f'def "E" (references = @{text}@) {{\n}}\n', variables=variables)
    # The variable is authored here, the expression stands in another layer; or the other way round.
    write(places, "expr.usda", f'#usda 1.0\ndef Xform "A" (payload = @{text}@) {{\n}}\n')
    return Piece('def "E2" (references = @./expr.usda@</A>) {\n}\n', variables=variables)


@feature
def clips_out(rng: random.Random, places: Places) -> Piece:
    manifest = f"asset manifestAssetPath = @{way_out(rng, places)}@" if rng.random() < 0.5 else ""
    template = rng.choice(
        [
            "../outside/canary.#.usda",
            f"{places.outside}/canary.#.usda",
            "./linked/canary.#.usda",
            "canary.#.usda",
        ]
    )
    sets = (
        f'dictionary a = {{ asset[] assetPaths = [@{way_out(rng, places)}@, @`"${{D}}/canary.usda"`@]\n double2[] active = [(0, 0)]\n'
        f' double2[] times = [(0, 0), (10, 10)]\n string primPath = "/Canary"\n {manifest} }}\n'
        f'dictionary b = {{ string templateAssetPath = "{template}"\n double templateStartTime = 1\n double templateEndTime = 2\n'
        ' double templateStride = 1\n string primPath = "/Canary" }\n'
    )
    body = f'def Xform "Clip" (clips = {{\n{sets}}}) {{\n double3 xformOp:translate\n uniform token[] xformOpOrder = ["xformOp:translate"]\n}}\n'
    if rng.random() < 0.3:
        write(places, "clipped.usda", "#usda 1.0\n" + body)
        return Piece('def "C" (references = @./clipped.usda@</Clip>) {\n}\n')
    return Piece(body)


@feature
def texture_out(rng: random.Random, places: Places) -> Piece:
    name = rng.choice(["canary.png", "canary.1001.png", "canary.exr"])
    path = way_out(rng, places, name).replace("canary.1001", "canary.<UDIM>")
    return Piece(textured(path))


def textured(path: str) -> str:
    """A mesh whose material reads an image, a dome light and a light with an IES profile that do, too."""
    return (
        'def Mesh "T" (prepend apiSchemas = ["MaterialBindingAPI"]) {\n int[] faceVertexCounts = [3]\n'
        " int[] faceVertexIndices = [0, 1, 2]\n point3f[] points = [(0, 0, 0), (1, 0, 0), (0, 1, 0)]\n"
        ' texCoord2f[] primvars:st = [(0, 0), (1, 0), (0, 1)] (interpolation = "vertex")\n rel material:binding = </M>\n}\n'
        'def Material "M" {\n token outputs:surface.connect = </M/S.outputs:surface>\n'
        ' def Shader "S" {\n  uniform token info:id = "UsdPreviewSurface"\n  token outputs:surface\n'
        "  color3f inputs:diffuseColor.connect = </M/F.outputs:rgb>\n }\n"
        f' def Shader "F" {{\n  uniform token info:id = "UsdUVTexture"\n  asset inputs:file = @{path}@\n  float3 outputs:rgb\n }}\n}}\n'
        f'def DomeLight "D" {{\n asset inputs:texture:file = @{path}@\n}}\n'
        f'def SphereLight "L" (prepend apiSchemas = ["ShapingAPI"]) {{\n asset inputs:shaping:ies:file = @{path}@\n}}\n'
    )


@feature
def other_assets_out(rng: random.Random, places: Places) -> Piece:
    a, b = way_out(rng, places), way_out(rng, places)
    return Piece(
        f'def SpatialAudio "Au" (assetInfo = {{ asset identifier = @{a}@ }}\n customData = {{ asset x = @{b}@ }}) {{\n'
        f" uniform asset filePath = @{a}@\n asset[] more = [@{b}@, @./none.usda@]\n asset sampled.timeSamples = {{ 0: @{a}@ }}\n}}\n"
        f'def Volume "Vo" {{\n rel field:density = </Vo/F>\n def OpenVDBAsset "F" {{\n asset filePath = @{a}@\n }}\n}}\n',
    )


@feature
def materialx_out(rng: random.Random, places: Places) -> Piece:
    inner = way_out(rng, places, "canary.mtlx")
    texture = way_out(rng, places, "canary.png")
    write(
        places,
        "looks.mtlx",
        '<?xml version="1.0"?>\n<materialx version="1.38" xmlns:xi="http://www.w3.org/2001/XInclude">\n'
        f'<xi:include href="{inner}"/>\n<image name="i" type="color3"><input name="file" type="filename" value="{texture}"/></image>\n'
        '<standard_surface name="SR" type="surfaceshader"><input name="base_color" type="color3" nodename="i"/></standard_surface>\n'
        '<surfacematerial name="Foo" type="material"><input name="surfaceshader" type="surfaceshader" nodename="SR"/>'
        "</surfacematerial>\n</materialx>\n",
    )
    direct = way_out(rng, places, "canary.mtlx") if rng.random() < 0.4 else "./looks.mtlx"
    return Piece(
        f'def "Mx" (references = @{direct}@</MaterialX/Materials/Foo>) {{\n}}\n'
        'def Sphere "B" (prepend apiSchemas = ["MaterialBindingAPI"]) {\n rel material:binding = </Mx>\n}\n'
    )


@feature
def package_out(rng: random.Random, places: Places) -> Piece:
    inner = (
        f'#usda 1.0\n(\n defaultPrim = "P"\n)\ndef Xform "P" (references = @{way_out(rng, places)}@) {{\n}}\n'
        + textured(way_out(rng, places, "canary.png"))
    )
    entries = [("root.usda", inner.encode()), ("../../outside/slip.usda", b"#usda 1.0\n")]
    write(places, "pack.usdz", usdz(entries))
    return Piece('def "Pa" (references = @./pack.usdz@) {\n}\n')


def usdz(entries: list[tuple[str, bytes]], *, compressed: bool = False, claimed: int | None = None) -> bytes:
    """A package, each entry stored at a multiple of 64 bytes; `claimed`: a size in the headers that is not true."""
    out, listed = bytearray(), bytearray()
    for name, data in entries:
        raw = zlib.compress(data)[2:-4] if compressed else data
        size = len(data) if claimed is None else claimed
        title, at = name.encode(), len(out)
        pad = -(at + 30 + len(title) + 4) % 64
        extra = struct.pack("<HH", 0x1986, pad) + bytes(pad)
        common = struct.pack(
            "<HHHHHIIIHH",
            10,
            0,
            8 if compressed else 0,
            0,
            0x21,
            zlib.crc32(data),
            len(raw),
            size,
            len(title),
            len(extra),
        )
        out += b"PK\3\4" + common + title + extra + raw
        listed += (
            b"PK\1\2" + struct.pack("<H", 10) + common + struct.pack("<HHHII", 0, 0, 0, 0, at) + title + extra
        )
    start = len(out)
    return bytes(
        out
        + listed
        + b"PK\5\6"
        + struct.pack("<HHHHIIH", 0, 0, len(entries), len(entries), len(listed), start, 0)
    )


# Bombs and cycles


@feature
def native_bomb(rng: random.Random, places: Places) -> Piece:
    depth, width = rng.choice([(8, 12), (20, 2), (4, 40), (30, 3)])
    levels = []
    for k in range(depth):
        inner = "".join(
            f'def "C{i}" (instanceable = true\n prepend inherits = </_L{k + 1}>) {{\n}}\n'
            for i in range(width)
        )
        levels.append(f'class "_L{k}" {{\n{inner}}}\n')
    return Piece(
        "".join(levels)
        + f'class "_L{depth}" {{\ndef Cube "X" {{\n}}\n}}\ndef "Top" (prepend inherits = </_L0>) {{\n}}\n'
    )


@feature
def composed_bomb(rng: random.Random, places: Places) -> Piece:
    depth = rng.choice([8, 12, 24])
    levels = [
        f'class "_M{k}" {{\n'
        + "".join(f'def "C{i}" (prepend inherits = </_M{k + 1}>) {{\n}}\n' for i in range(2))
        + "}\n"
        for k in range(depth)
    ]
    return Piece(
        "".join(levels) + f'class "_M{depth}" {{\n}}\ndef "Wide" (prepend inherits = </_M0>) {{\n}}\n'
    )


@feature
def point_bomb(rng: random.Random, places: Places) -> Piece:
    depth, count = rng.choice([(5, 100), (9, 10), (2, 3000), (12, 64)])
    zeros = ", ".join(["0"] * count)
    points = ", ".join(["(0, 0, 0)"] * count)
    text = 'def Cube "X" {\n}\n'
    for k in range(depth):
        outer = "".join(f"/I{j}" for j in range(depth - 1, k - 1, -1))
        target = f"/Pts{outer}/X" if k == 0 else f"/Pts{outer}/I{k - 1}"
        text = (
            f'def PointInstancer "I{k}" {{\n int[] protoIndices = [{zeros}]\n point3f[] positions = [{points}]\n'
            f" rel prototypes = <{target}>\n{text}}}\n"
        )
    return Piece(f'def Xform "Pts" {{\n{text}}}\n')


@feature
def self_instancer(rng: random.Random, places: Places) -> Piece:
    return Piece(
        'def PointInstancer "Self" {\n int[] protoIndices = [0, 1, 7, -1]\n point3f[] positions = [(0, 0, 0), (1, 0, 0), (1, 0, 0), (nan, 0, 0)]\n'
        " rel prototypes = [</Self>, </Pair>]\n int64[] ids = [1, 1, -5, 9223372036854775807]\n int64[] invisibleIds = [1, 99]\n}\n"
        'def PointInstancer "Pair" {\n int[] protoIndices = [0]\n point3f[] positions = [(0, 0, 0)]\n rel prototypes = </Self>\n}\n'
    )


@feature
def arc_cycles(rng: random.Random, places: Places) -> Piece:
    write(
        places,
        "loop.usda",
        '#usda 1.0\n(\n subLayers = [@./loop2.usda@, @./loop.usda@]\n)\ndef "L" (references = @./loop2.usda@</L>) {\n}\n',
    )
    write(
        places,
        "loop2.usda",
        '#usda 1.0\n(\n subLayers = [@./loop.usda@]\n)\ndef "L" (payload = @./loop.usda@</L>) {\n}\n',
    )
    return Piece(
        'def "Cy" (references = </Cy>) {\n}\ndef "B1" {\n def "C" (references = </B2>) {\n }\n}\ndef "B2" {\n def "E" (inherits = </B1>\n'
        ' specializes = </B2>) {\n }\n}\ndef "Lo" (references = @./loop.usda@</L>) {\n}\n',
        sublayers=("@./loop.usda@",),
    )


@feature
def shading_cycles(rng: random.Random, places: Places) -> Piece:
    return Piece(
        'def Material "Mc" {\n token outputs:surface.connect = </Mc/A.outputs:surface>\n color3f inputs:x.connect = </Mc.inputs:y>\n'
        ' color3f inputs:y.connect = </Mc.inputs:x>\n def Shader "A" {\n  uniform token info:id = "UsdPreviewSurface"\n'
        "  color3f inputs:diffuseColor.connect = </Mc/B.outputs:o>\n  float inputs:roughness.connect = </Mc.inputs:x>\n  token outputs:surface\n }\n"
        ' def NodeGraph "B" {\n  color3f outputs:o.connect = </Mc/B.outputs:p>\n  color3f outputs:p.connect = </Mc/B.outputs:o>\n }\n}\n'
        'def Sphere "Sc" (prepend apiSchemas = ["MaterialBindingAPI", "CollectionAPI:all"]) {\n rel material:binding = </Mc>\n'
        " rel collection:all:includes = [</Sc.collection:all>, </Mc>]\n rel a = </Sc.b>\n rel b = </Sc.a>\n rel proxyPrim = </Sc>\n}\n"
    )


# Counts, sizes, names


@feature
def absurd_mesh(rng: random.Random, places: Places) -> Piece:
    counts = rng.choice(
        [
            "[2147483647]",
            "[-1, 4]",
            "[3, 2147483647, 2147483647]",
            "[0, 0, 0]",
            "[3]",
            "[]",
            "[100000000, -99999997]",
        ]
    )
    indices = rng.choice(["[0, 1, 2]", "[0, 1, 2147483647]", "[-2147483648, 0, 1]", "[0, 0, 0]", "[]"])
    points = rng.choice(
        [
            "[(0, 0, 0), (1, 0, 0), (0, 1, 0)]",
            f"[({odd(rng)}, 0, 0), (1, {odd(rng)}, 0), (0, 1, 0)]",
            "[]",
            "[(0, 0, 0)]",
        ]
    )
    return Piece(
        f'def Mesh "Ab" {{\n int[] faceVertexCounts = {counts}\n int[] faceVertexIndices = {indices}\n point3f[] points = {points}\n'
        f" normal3f[] normals = [({odd(rng)}, 0, 1)]\n int[] holeIndices = [-1, 2147483647]\n float[] creaseSharpnesses = [{odd(rng)}]\n"
        " int[] creaseIndices = [0, 2147483647]\n int[] creaseLengths = [2147483647]\n int[] cornerIndices = [-5]\n"
        f' float[] cornerSharpnesses = [1]\n uniform token subdivisionScheme = "{rng.choice(["none", "loop", "catmullClark", "x"])}"\n'
        f' texCoord2f[] primvars:st = [({odd(rng)}, 0)] (interpolation = "{rng.choice(["faceVarying", "vertex", "uniform", "huh"])}")\n'
        " int[] primvars:st:indices = [-1, 2147483647, 0]\n"
        ' def GeomSubset "S" {\n uniform token elementType = "face"\n uniform token familyName = "materialBind"\n'
        " int[] indices = [2147483647, -1]\n }\n}\n"
    )


@feature
def many_points(rng: random.Random, places: Places) -> Piece:
    n = rng.choice([1_000, 20_000])
    return Piece(
        f'def Mesh "Fan" {{\n int[] faceVertexCounts = [{n}]\n int[] faceVertexIndices = [{", ".join(["0"] * n)}]\n'
        f' point3f[] points = [(0, 0, 0)]\n}}\ndef Points "Po" {{\n point3f[] points = [{", ".join(["(0, 0, 0)"] * n)}]\n'
        f" float[] widths = [{odd(rng)}]\n}}\n"
    )


@feature
def curves(rng: random.Random, places: Places) -> Piece:
    counts = rng.choice(["[2147483647]", "[-4]", "[4]", "[1, 1, 1]", "[0]"])
    return Piece(
        f'def BasisCurves "Cu" {{\n int[] curveVertexCounts = {counts}\n point3f[] points = [(0, 0, 0), ({odd(rng)}, 0, 0), (1, 1, 0), (2, 0, 0)]\n'
        f' float[] widths = [{odd(rng)}]\n uniform token type = "{rng.choice(["linear", "cubic", "q"])}"\n uniform token basis = "{rng.choice(["bezier", "bspline", "catmullRom"])}"\n'
        f' uniform token wrap = "{rng.choice(["periodic", "pinned", "nonperiodic"])}"\n}}\n'
        f'def NurbsCurves "Nc" {{\n int[] curveVertexCounts = {counts}\n int[] order = [2147483647]\n double[] knots = [{odd(rng)}]\n'
        " point3f[] points = [(0, 0, 0)]\n double2[] ranges = [(0, inf)]\n}\n"
        f'def NurbsPatch "Np" {{\n int uVertexCount = 2147483647\n int vVertexCount = -1\n int uOrder = 0\n int vOrder = 2147483647\n'
        f" double[] uKnots = [{odd(rng)}]\n point3f[] points = [(0, 0, 0)]\n}}\n"
        'def TetMesh "Tm" {\n int4[] tetVertexIndices = [(0, 1, 2, 2147483647)]\n point3f[] points = [(0, 0, 0)]\n}\n'
    )


@feature
def gprims(rng: random.Random, places: Places) -> Piece:
    return Piece(
        f'def Sphere "Gs" {{\n double radius = {odd(rng)}\n}}\ndef Cylinder "Gc" {{\n double height = {odd(rng)}\n double radius = {odd(rng)}\n'
        f' uniform token axis = "W"\n}}\ndef Cube "Gb" {{\n double size = {odd(rng)}\n float3[] extent = [({odd(rng)}, 0, 0)]\n}}\n'
        f'def Capsule "Ga" {{\n double radius = {odd(rng)}\n double height = {odd(rng)}\n}}\ndef Cone "Go" {{\n double radius = {odd(rng)}\n}}\n'
        f'def Plane "Gp" {{\n double width = {odd(rng)}\n double length = {odd(rng)}\n}}\n'
    )


@feature
def deep(rng: random.Random, places: Places) -> Piece:
    depth = rng.choice([50, 400, 2_000])
    name = "n" * rng.choice([1, 1, 200])
    return Piece(f'def Xform "{name}" {{\n' * depth + "}\n" * depth)


@feature
def long_names(rng: random.Random, places: Places) -> Piece:
    name = "x" * rng.choice([10_000, 200_000])
    return Piece(f'def Xform "{name}" (kind = "{name}") {{\n custom string {name} = "{name}"\n}}\n')


@feature
def many_prims(rng: random.Random, places: Places) -> Piece:
    n = rng.choice([1_000, 8_000])
    return Piece("".join(f'def Cube "Q{i}" {{\n}}\n' for i in range(n)))


@feature
def skeleton(rng: random.Random, places: Places) -> Piece:
    return Piece(
        'def SkelRoot "Sk" {\n def Skeleton "S" (prepend apiSchemas = ["SkelBindingAPI"]) {\n  uniform token[] joints = ["a", "a/b", "c/d", "a"]\n'
        f"  uniform matrix4d[] bindTransforms = [((1, 0, 0, 0), (0, {odd(rng)}, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1))]\n"
        "  uniform matrix4d[] restTransforms = []\n  rel skel:animationSource = </Sk/A>\n }\n"
        f' def SkelAnimation "A" {{\n  uniform token[] joints = ["a", "zz"]\n  float3[] translations = [({odd(rng)}, 0, 0)]\n  quatf[] rotations = [(0, 0, 0, 0)]\n'
        "  half3[] scales = []\n }\n"
        ' def Mesh "M" (prepend apiSchemas = ["SkelBindingAPI"]) {\n  int[] faceVertexCounts = [3]\n  int[] faceVertexIndices = [0, 1, 2]\n'
        "  point3f[] points = [(0, 0, 0), (1, 0, 0), (0, 1, 0)]\n  rel skel:skeleton = </Sk/S>\n"
        f'  int[] primvars:skel:jointIndices = [-1, 2147483647, 3] (\n   elementSize = {rng.choice([1, 0, 2147483647, -1])}\n   interpolation = "vertex"\n  )\n'
        f'  float[] primvars:skel:jointWeights = [{odd(rng)}, 1, 1] (\n   elementSize = 1\n   interpolation = "vertex"\n  )\n'
        '  uniform token[] skel:blendShapes = ["b"]\n  rel skel:blendShapeTargets = </Sk/B>\n }\n'
        ' def BlendShape "B" {\n  uniform vector3f[] offsets = [(nan, 0, 0)]\n  uniform int[] pointIndices = [2147483647]\n }\n}\n'
    )


# Numbers and time


@feature
def transforms(rng: random.Random, places: Places) -> Piece:
    op = rng.choice(["translate", "scale", "rotateXYZ"])
    nest = rng.choice([1, 3, 40])
    one = f' double3 xformOp:{op} = ({odd(rng)}, {odd(rng)}, 1)\n uniform token[] xformOpOrder = ["xformOp:{op}"]\n'
    ops = ", ".join(
        ['"xformOp:transform"', '"!invert!xformOp:transform"', '"xformOp:none"', '"!resetXformStack!"']
        * rng.choice([1, 500])
    )
    return Piece(
        "".join(f'def Xform "T{i}" {{\n{one}' for i in range(nest)) + 'def Cube "End" {\n}\n' + "}\n" * nest
        + f'def Xform "Many" {{\n matrix4d xformOp:transform = ( ({odd(rng)}, 0, 0, 0), (0, 0, 0, 0), (0, 0, 1, 0), (0, 0, {odd(rng)}, 1) )\n'
        f" uniform token[] xformOpOrder = [{ops}]\n}}\n"
        f'def Cube "Or" {{\n quatd xformOp:orient = (0, 0, 0, {odd(rng)})\n uniform token[] xformOpOrder = ["xformOp:orient"]\n}}\n'
    )  # fmt: skip


@feature
def time_rates(rng: random.Random, places: Places) -> Piece:
    write(places, "timed.usda", f"#usda 1.0\n(\n timeCodesPerSecond = {odd(rng)}\n)\n" + _moving("Sub"))
    offset = f"(offset = {odd(rng)}; scale = {odd(rng)})"
    rates = [f"timeCodesPerSecond = {odd(rng)}", f"startTimeCode = {odd(rng)}", f"endTimeCode = {odd(rng)}"]
    return Piece(
        _moving("Mv") + f'def "Rf" (references = @./timed.usda@</Sub> {offset}) {{\n}}\n',
        layer=tuple(rates),
        sublayers=(f"@./timed.usda@ {offset}",),
    )


def _moving(name: str) -> str:
    return (
        f'def Xform "{name}" {{\n double3 xformOp:translate.timeSamples = {{ 0: (0, 0, 0), 10: (5, 0, 0), 1e300: (1, 1, 1) }}\n'
        ' uniform token[] xformOpOrder = ["xformOp:translate"]\n}\n'
    )


@feature
def frame_rate(rng: random.Random, places: Places) -> Piece:
    return Piece(layer=(f"framesPerSecond = {odd(rng)}",))


@feature
def metrics(rng: random.Random, places: Places) -> Piece:
    return Piece(
        layer=(
            f"metersPerUnit = {odd(rng)}",
            f'upAxis = "{rng.choice(["X", "Y", "Z", ""])}"',
            f"kilogramsPerUnit = {odd(rng)}",
        )
    )


@feature
def clip_times(rng: random.Random, places: Places) -> Piece:
    end, stride = rng.choice(
        [("1e9", "1e-3"), ("inf", "1"), ("10", "0"), ("10", "nan"), ("-5", "1"), ("1e6", "1")]
    )
    return Piece(
        'def Xform "Ct" (clips = { dictionary d = { string templateAssetPath = "./c.####.usda"\n double templateStartTime = 0\n'
        f" double templateEndTime = {end}\n double templateStride = {stride}\n double templateActiveOffset = {odd(rng)}\n"
        f' string primPath = "/P" }}\n dictionary e = {{ asset[] assetPaths = [@./timed.usda@]\n double2[] active = [({odd(rng)}, 2147483647)]\n'
        f' double2[] times = [({odd(rng)}, {odd(rng)})]\n string primPath = "//"\n }} }}) {{\n double3 xformOp:translate\n'
        ' uniform token[] xformOpOrder = ["xformOp:translate"]\n}\n'
    )


@feature
def cameras_and_lights(rng: random.Random, places: Places) -> Piece:
    return Piece(
        f'def Camera "Ca" {{\n float focalLength = {odd(rng)}\n float horizontalAperture = {odd(rng)}\n float verticalAperture = {odd(rng)}\n'
        f" float2 clippingRange = ({odd(rng)}, {odd(rng)})\n float fStop = {odd(rng)}\n}}\n"
        f'def SphereLight "Sl" {{\n float inputs:intensity = {odd(rng)}\n float inputs:exposure = {odd(rng)}\n float inputs:radius = {odd(rng)}\n'
        f" color3f inputs:color = ({odd(rng)}, 0, 0)\n bool inputs:normalize = 1\n bool inputs:enableColorTemperature = 1\n float inputs:colorTemperature = {odd(rng)}\n}}\n"
        f'def RectLight "Rl" {{\n float inputs:width = {odd(rng)}\n float inputs:height = {odd(rng)}\n bool inputs:normalize = 1\n}}\n'
        f'def DistantLight "Dl" {{\n float inputs:angle = {odd(rng)}\n bool inputs:normalize = 1\n}}\ndef DiskLight "Kl" {{\n float inputs:radius = {odd(rng)}\n}}\n'
        f'def CylinderLight "Yl" {{\n float inputs:length = {odd(rng)}\n}}\n'
    )


@feature
def wrong_types(rng: random.Random, places: Places) -> Piece:
    kinds = ["string", "int", "float[]", "token[]", "matrix4d", "bool"]
    values = [
        '"x"',
        "7",
        "[1, 2]",
        '["a"]',
        "( (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1) )",
        "1",
    ]
    lines = []
    for name in (
        "points",
        "faceVertexCounts",
        "faceVertexIndices",
        "visibility",
        "purpose",
        "orientation",
        "xformOpOrder",
        "primvars:displayColor",
        "normals",
    ):
        k = rng.randrange(len(kinds))
        lines.append(f" {kinds[k]} {name} = {values[k]}\n")
    return Piece(
        'def Mesh "Wt" {\n'
        + "".join(lines)
        + "}\n"
        + 'def PointInstancer "Wp" {\n string protoIndices = "a"\n float positions = 1\n rel prototypes\n}\n'
    )


# Bytes


@feature
def bad_text(rng: random.Random, places: Places) -> Piece:
    junk = rng.choice([b"\xff\xfe", b"\xc3\x28", b"\xed\xa0\x80", b"\xf5\x80\x80\x80"]).decode(
        "utf-8", "surrogateescape"
    )
    return Piece(
        f'def Xform "Bt" (documentation = "{junk}") {{\n custom string s = "{junk}"\n token[] semantics:labels:class = ["{junk}"]\n}}\n'
        'def Cube "Sem" (prepend apiSchemas = ["SemanticsLabelsAPI:class"]) {\n'
        f' token[] semantics:labels:class = ["{junk}", "a"]\n}}\n'
    )


@feature
def bad_name(rng: random.Random, places: Places) -> Piece:
    junk = rng.choice([b"\xff\xfe", b"\xc3\x28"]).decode("utf-8", "surrogateescape")
    return Piece(f'def Xform "B{junk}" {{\n}}\n')


@feature
def image_bombs(rng: random.Random, places: Places) -> Piece:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 6, 0, 0, 0)
    bomb = (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + b"IHDR"
        + header
        + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    )
    exr = (
        b"\x76\x2f\x31\x01\x02\0\0\0dataWindow\0box2i\0"
        + struct.pack("<Iiiii", 16, 0, 0, 2**31 - 1, 2**31 - 1)
        + b"\0"
    )
    hdr = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 999999999 +X 999999999\n" + rng.randbytes(50)
    name = rng.choice(["bomb.png", "bomb.exr", "bomb.hdr", "bomb.jpg", "bomb.1001.png"])
    data = {
        "exr": exr,
        "hdr": hdr,
        "jpg": b"\xff\xd8\xff\xc0\0\x11\x08\xff\xff\xff\xff\x03" + rng.randbytes(40),
    }.get(name[-3:], bomb)
    write(places, name, data)
    return Piece(textured("./" + name.replace("1001", "<UDIM>")))


@feature
def packages(rng: random.Random, places: Places) -> Piece:
    root = ("root.usda", b'#usda 1.0\n(\n defaultPrim = "P"\n)\ndef Cube "P" {\n}\n')
    data = rng.choice(
        [
            usdz([root], compressed=True),
            usdz([root], claimed=0xFFFFFFF0),
            usdz(
                [root, ("a/../../x.usda", b"#usda 1.0\n"), ("/abs.usda", b"#usda 1.0\n"), ("C:\\w.usda", b"")]
            ),
            usdz([("inner.usdz", usdz([root])), root]),
            usdz([])[:-3],
            usdz([root])[: rng.randrange(200)],
            usdz([root] * 50),
        ]
    )
    write(places, "odd.usdz", data)
    return Piece(
        'def "Od" (references = [@./odd.usdz@, @./odd.usdz[root.usda]@, @./odd.usdz[inner.usdz[root.usda]]@, @./odd.usdz[../root.usda]@]) {\n}\n'
    )


@feature
def no_files(rng: random.Random, places: Places) -> Piece:
    path = rng.choice(
        [
            "/dev/zero",
            "/dev/stdin",
            "/proc/self/mem",
            ".",
            "./sub",
            "https://example.invalid/a.usda",
            "anon:0x1:live.usda",
            "\\\\host\\share\\a.usda",
        ]
    )
    link = places.scene / "device.usda"
    if not link.is_symlink():
        link.symlink_to("/dev/zero")
    return Piece(f'def "Nf" (references = [@{path}@, @./device.usda@]) {{\n}}\n', sublayers=(f"@{path}@",))


OUT = tuple(name for name in FEATURES if name.endswith("_out"))


def hostile(rng: random.Random, places: Places) -> tuple[list[str], str]:
    """Names of one to four features, and the stage they make."""
    names = rng.sample(sorted(FEATURES), rng.choice([1, 1, 2, 3, 4]))
    if rng.random() < 0.4:
        names.append(rng.choice(OUT))
    names = list(dict.fromkeys(names))
    return names, stage_text([FEATURES[name](rng, places) for name in names])


def save(path: Path, text: str) -> None:
    """Write stage text that may hold bytes that are no UTF-8."""
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
