"""The looks of the cell: UsdPreviewSurface parameters and textures, written to `materials.usda`.

Colours are given as sRGB hex, as a paint card would, and authored as linear rgb.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from twinstage.assets.library.build_workcell.usda import Prim, num, tup


@dataclass(frozen=True)
class Map:
    """A texture on one input: file stem, channel, and value = texel * scale + bias."""

    file: str
    channel: str = "rgb"
    scale: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)
    bias: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Look:
    """`tile`: metres of surface that one repeat of the textures covers; 0 without textures."""

    color: str
    roughness: float = 0.5
    metallic: float = 0.0
    opacity: float = 1.0
    emissive: tuple[float, float, float] = (0.0, 0.0, 0.0)
    clearcoat: float = 0.0
    tile: float = 0.0
    color_map: Map | None = None
    roughness_map: Map | None = None
    normal_map: Map | None = None
    emissive_map: Map | None = None


def _rough(file: str, low: float, high: float) -> Map:
    """A grey texture that runs the roughness from `low` (black) to `high` (white)."""
    return Map(file, "r", (high - low,) * 4, (low,) * 4)


def _tint(file: str, color: str) -> Map:
    """A grey texture (mean about 0.8 of white) times a colour."""
    return Map(file, "rgb", (*(c * 1.25 for c in linear(color)), 1.0))


def linear(color: str) -> tuple[float, float, float]:
    """Linear rgb of an sRGB hex colour."""
    values = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values)
    return r, g, b


NORMAL = Map("", "rgb", (2.0, 2.0, 2.0, 1.0), (-1.0, -1.0, -1.0, 0.0))

LOOKS: dict[str, Look] = {
    # Robot and machines: powder coat over castings, machined steel, rubber.
    "OrangePaint": Look("#e8641a", tile=0.5, roughness_map=_rough("speckle", 0.28, 0.5), clearcoat=0.25),
    "GraphitePaint": Look("#33373b", tile=0.5, roughness_map=_rough("speckle", 0.38, 0.62)),
    "GreyPaint": Look("#8b9196", tile=0.5, roughness_map=_rough("speckle", 0.35, 0.6)),
    "WhitePaint": Look("#d9dbd8", tile=0.5, roughness_map=_rough("speckle", 0.25, 0.45), clearcoat=0.2),
    "BluePaint": Look("#1d4f9c", tile=0.5, roughness_map=_rough("speckle", 0.3, 0.55)),
    "BeamOrange": Look("#dd5f14", tile=0.5, roughness_map=_rough("speckle", 0.32, 0.55)),
    "YellowPaint": Look("#f0b400", tile=0.5, roughness_map=_rough("speckle", 0.35, 0.6)),
    "GreenPaint": Look("#2f6f55", tile=0.5, roughness_map=_rough("speckle", 0.35, 0.6)),
    "RedPlastic": Look("#b51f1a", roughness=0.35),
    "BlackPlastic": Look("#1b1c1e", roughness=0.55),
    "Rubber": Look("#232425", roughness=0.85),
    "Steel": Look("#b9bcc0", metallic=1.0, tile=0.6, roughness_map=_rough("brushed", 0.22, 0.45)),
    "Zinc": Look("#a9adb0", metallic=0.85, tile=0.8, roughness_map=_rough("spangle", 0.3, 0.6)),
    "Chrome": Look("#d5d7da", metallic=1.0, roughness=0.12),
    "Brass": Look("#b08a3c", metallic=1.0, roughness=0.3),
    # Goods.
    "Cardboard": Look("#b58a5a", roughness=0.82, tile=0.6, color_map=Map("cardboard")),
    "PaperTape": Look("#a87a42", roughness=0.4),
    "ClearTape": Look("#c9b79a", roughness=0.2),
    "RedTape": Look("#b0322a", roughness=0.35),
    "LabelWhite": Look("#f2f2ee", roughness=0.6, tile=1.0, color_map=Map("label")),
    "LabelYellow": Look("#f0c820", roughness=0.6, tile=1.0, color_map=_tint("label", "#f5cf2a")),
    "LabelGreen": Look("#5fb36a", roughness=0.6, tile=1.0, color_map=_tint("label", "#7fc98a")),
    "Wood": Look("#b08c5c", roughness=0.8, tile=1.2, color_map=Map("wood")),
    "ToteBlue": Look("#2a62b8", roughness=0.42),
    "ToteGrey": Look("#6d757d", roughness=0.45),
    "ToteRed": Look("#b8362c", roughness=0.42),
    # Building.
    "Concrete": Look(
        "#8d8f8e", tile=2.5, color_map=Map("concrete"), roughness_map=_rough("concrete", 0.85, 0.25)
    ),
    "WallPanel": Look(
        "#c9cdcd",
        roughness=0.5,
        tile=0.24,
        normal_map=Map("corrugated_normal", "rgb", NORMAL.scale, NORMAL.bias),
    ),
    "WallBase": Look("#6f7880", roughness=0.7),
    "LinePaint": Look("#e9b50c", roughness=0.6, tile=1.0, color_map=Map("line")),
    "Hazard": Look("#e9b50c", roughness=0.55, tile=1.0, color_map=Map("hazard")),
    # Belt, glass, fluids, lamps.
    "Belt": Look(
        "#2b2e30",
        tile=0.25,
        color_map=Map("belt"),
        roughness=0.7,
        normal_map=Map("belt_normal", "rgb", NORMAL.scale, NORMAL.bias),
    ),
    "Glass": Look("#cfe3e6", roughness=0.04, opacity=0.16),
    "Liquid": Look("#1f7fae", roughness=0.08, opacity=1.0),
    "Gauge": Look("#f4f4f0", roughness=0.3, tile=1.0, color_map=Map("gauge")),
    "Screen": Look(
        "#05070a", roughness=0.15, tile=1.0, emissive_map=Map("screen", "rgb", (1.6, 1.6, 1.6, 1.0))
    ),
    "StatusLight": Look("#12c6e0", roughness=0.4, emissive=(0.02, 1.1, 1.4)),
    "LampRed": Look("#ff2a14", roughness=0.3, emissive=(7.0, 0.35, 0.15)),
    "LampDark": Look("#4d0f0b", roughness=0.25),
    "LampGreen": Look("#1fd06a", roughness=0.3, emissive=(0.08, 1.6, 0.4)),
    "LampAmber": Look("#5a3d08", roughness=0.25),
    "LampWhite": Look("#ffffff", roughness=0.6, emissive=(2.0, 2.0, 1.9)),
}


def check(name: str) -> None:
    """Raise KeyError for a look that does not exist."""
    LOOKS[name]


def tile(name: str) -> float:
    """Metres of surface that one repeat covers; 0 for a look without textures."""
    return LOOKS[name].tile


def library(names: Iterable[str] = LOOKS) -> Prim:
    """The `Materials` scope of `materials.usda`: those looks."""
    scope = Prim("Materials", "Scope")
    for name in names:
        scope.add(_material(name, LOOKS[name]))
    return scope


def _material(name: str, look: Look) -> Prim:
    path = f"/Materials/{name}"
    surface = Prim("Surface", "Shader").set('uniform token info:id = "UsdPreviewSurface"')
    prim = (
        Prim(name, "Material")
        .set(f"token outputs:surface.connect = <{path}/Surface.outputs:surface>")
        .add(surface)
    )
    constants = {
        "color3f inputs:diffuseColor": tup(linear(look.color)),
        "float inputs:roughness": num(look.roughness),
        "float inputs:metallic": num(look.metallic),
    }
    if look.opacity < 1:
        constants["float inputs:opacity"] = num(look.opacity)
    if any(look.emissive):
        constants["color3f inputs:emissiveColor"] = tup(look.emissive)
    if look.clearcoat:
        constants["float inputs:clearcoat"] = num(look.clearcoat)
        constants["float inputs:clearcoatRoughness"] = "0.15"
    maps = {
        "color3f inputs:diffuseColor": look.color_map,
        "float inputs:roughness": look.roughness_map,
        "normal3f inputs:normal": look.normal_map,
        "color3f inputs:emissiveColor": look.emissive_map,
    }
    textures = []
    for input_name, texture in maps.items():
        if texture is None:
            continue
        node = input_name.split(":")[1][0].upper() + input_name.split(":")[1][1:] + "Map"
        constants.pop(input_name, None)
        surface.set(f"{input_name}.connect = <{path}/{node}.outputs:{texture.channel}>")
        textures.append(_texture(path, node, texture, "Color" in node))
    surface.set(*(f"{key} = {value}" for key, value in constants.items()), "token outputs:surface")
    if textures:
        prim.add(*textures)
        prim.add(
            Prim("Reader", "Shader").set(
                'uniform token info:id = "UsdPrimvarReader_float2"',
                'string inputs:varname = "st"',
                "float2 outputs:result",
            )
        )
    return prim


def _texture(path: str, node: str, texture: Map, is_color: bool) -> Prim:
    prim = Prim(node, "Shader").set(
        'uniform token info:id = "UsdUVTexture"',
        f"asset inputs:file = @./textures/{texture.file}.png@",
        f'token inputs:sourceColorSpace = "{"sRGB" if is_color else "raw"}"',
        f"float2 inputs:st.connect = <{path}/Reader.outputs:result>",
        'token inputs:wrapS = "repeat"',
        'token inputs:wrapT = "repeat"',
    )
    if texture.scale != (1.0, 1.0, 1.0, 1.0):
        prim.set(f"float4 inputs:scale = {tup(texture.scale)}")
    if texture.bias != (0.0, 0.0, 0.0, 0.0):
        prim.set(f"float4 inputs:bias = {tup(texture.bias)}")
    return prim.set(f"{'float3' if texture.channel == 'rgb' else 'float'} outputs:{texture.channel}")
