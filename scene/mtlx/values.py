"""MaterialX types and value strings as Sdf's; as OpenUSD's UsdMtlx maps them."""

from typing import Any

LINEAR = ("lin_rec709", "lin_srgb", "none", "raw")
"""Colour spaces in which values need no conversion: nothing is written for them."""
_TYPES = {
    "boolean": "bool",
    "color3": "color3f",
    "color4": "color4f",
    "float": "float",
    "integer": "int",
    "string": "string",
    "filename": "asset",
    "vector2": "float2",
    "vector3": "float3",
    "vector4": "float4",
    "matrix33": "matrix3d",
    "matrix44": "matrix4d",
    "floatarray": "float[]",
    "integerarray": "int[]",
    "stringarray": "string[]",
}
_COUNTS = {"color3": 3, "color4": 4, "vector2": 2, "vector3": 3, "vector4": 4, "matrix33": 9, "matrix44": 16}


def sdf_type(name: str) -> str:
    """The Sdf value type of a MaterialX type; `token` for shaders, BSDFs and types of other libraries."""
    return _TYPES.get(name, "token")


def sdf_value(type_name: str, text: str) -> Any | None:
    """A MaterialX value string as a value for Sdf; None where it does not fit its type."""
    from pxr import Gf, Sdf, Vt

    if type_name == "filename":
        return Sdf.AssetPath(text)
    if type_name == "string":
        return text
    if type_name == "boolean":
        return text.strip() == "true"
    try:
        if type_name == "stringarray":
            return Vt.StringArray([part.strip() for part in text.split(",")])
        numbers = [float(part) for part in text.replace(",", " ").split()]
        if type_name == "float" and len(numbers) == 1:
            return numbers[0]
        if type_name == "integer" and len(numbers) == 1:
            return int(numbers[0])
        if type_name == "floatarray":
            return Vt.FloatArray(numbers)
        if type_name == "integerarray":
            return Vt.IntArray([int(n) for n in numbers])
        if _COUNTS.get(type_name) != len(numbers):
            return None
    except (ValueError, OverflowError):
        return None
    makers = {9: Gf.Matrix3d, 16: Gf.Matrix4d, 2: Gf.Vec2f, 3: Gf.Vec3f, 4: Gf.Vec4f}
    return makers[len(numbers)](*numbers)
