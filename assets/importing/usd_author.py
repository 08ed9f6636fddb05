"""Small helpers to write specs into a layer: prims, attributes, relationships, applied schemas. Touches pxr."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np


def new_layer(ending: str) -> Any:
    """An empty layer with the metadata that every layer of a package has: metres, Z-up."""
    from pxr import Sdf

    layer = Sdf.Layer.CreateAnonymous(f"import{ending}")
    root = layer.pseudoRoot
    root.SetInfo("metersPerUnit", 1.0)
    root.SetInfo("upAxis", "Z")
    return layer


def define(layer: Any, path: str, type_name: str, *, abstract: bool = False) -> Any:
    """A prim spec `def TYPE` (or `class`) at an absolute path whose parent exists."""
    from pxr import Sdf

    above, _, name = path.rpartition("/")
    parent = layer.GetPrimAtPath(above) if above else layer
    specifier = Sdf.SpecifierClass if abstract else Sdf.SpecifierDef
    return Sdf.PrimSpec(parent, name, specifier, type_name)


def over(layer: Any, path: str) -> Any:
    """The spec at a path, an `over` where there is none yet."""
    from pxr import Sdf

    return layer.GetPrimAtPath(path) or Sdf.CreatePrimInLayer(layer, path)


def attribute(
    prim: Any,
    name: str,
    kind: str,
    value: Any = None,
    *,
    uniform: bool = False,
    custom: bool = False,
    info: Mapping[str, Any] | None = None,
    samples: Mapping[float, Any] | None = None,
) -> Any:
    """An attribute of a type such as "float3[]", with its value, its metadata and its samples by time code."""
    from pxr import Sdf

    variability = Sdf.VariabilityUniform if uniform else Sdf.VariabilityVarying
    spec = Sdf.AttributeSpec(prim, name, Sdf.ValueTypeNames.Find(kind), variability, custom)
    if value is not None:
        spec.default = value
    for key, entry in (info or {}).items():
        spec.SetInfo(key, entry)
    for time, sample in (samples or {}).items():
        prim.layer.SetTimeSample(spec.path, time, sample)
    return spec


def connect(prim: Any, name: str, kind: str, target: str) -> Any:
    """An attribute that takes its value from another."""
    from pxr import Sdf

    spec = prim.attributes.get(name) or attribute(prim, name, kind)
    spec.connectionPathList.explicitItems = [Sdf.Path(target)]
    return spec


def relate(prim: Any, name: str, *targets: str, info: Mapping[str, Any] | None = None) -> None:
    """A relationship to those paths."""
    from pxr import Sdf

    spec = Sdf.RelationshipSpec(prim, name, custom=False, variability=Sdf.VariabilityUniform)
    spec.targetPathList.explicitItems = [Sdf.Path(target) for target in targets]
    for key, entry in (info or {}).items():
        spec.SetInfo(key, entry)


def apply(prim: Any, *schemas: str) -> None:
    """Add applied API schemas to those that the spec has."""
    from pxr import Sdf

    known = prim.GetInfo("apiSchemas").prependedItems if prim.HasInfo("apiSchemas") else []
    names = list(dict.fromkeys([*known, *schemas]))
    prim.SetInfo("apiSchemas", Sdf.TokenListOp.Create(prependedItems=names))


def refer(prim: Any, path: str) -> None:
    """A reference to a prim of the same layer stack."""
    from pxr import Sdf

    prim.referenceList.prependedItems.append(Sdf.Reference("", path))


def asset(path: str) -> Any:
    """An asset path."""
    from pxr import Sdf

    return Sdf.AssetPath(path)


def vectors(values: np.ndarray, kind: str) -> Any:
    """Rows as a Vt array: kind "Vec3f", "Vec2f", "Vec4f", "Vec3h", "Quatf" (rows wxyz)."""
    from pxr import Vt

    dtype = np.float16 if kind.endswith("h") else np.float32
    rows: np.ndarray = np.add(values, 0.0).astype(dtype)  # no negative zeros
    if kind == "Quatf":  # pxr keeps the imaginary part first
        rows = rows[:, [1, 2, 3, 0]]
    return getattr(Vt, f"{kind}Array").FromNumpy(np.ascontiguousarray(rows))


def integers(values: np.ndarray) -> Any:
    """An int array."""
    from pxr import Vt

    return Vt.IntArray.FromNumpy(np.ascontiguousarray(values, np.int32))


def floats(values: np.ndarray) -> Any:
    """A float array."""
    from pxr import Vt

    return Vt.FloatArray.FromNumpy(np.ascontiguousarray(values, np.float32))


def matrix(values: np.ndarray) -> Any:
    """A column-vector matrix as pxr's row-vector one."""
    from pxr import Gf

    return Gf.Matrix4d(*np.asarray(values, np.float64).T.reshape(-1).tolist())


def matrices(values: np.ndarray) -> Any:
    """Column-vector matrices [n, 4, 4] as an array of row-vector ones."""
    from pxr import Vt

    rows = np.ascontiguousarray(np.swapaxes(np.asarray(values, np.float64), 1, 2))
    return Vt.Matrix4dArray.FromNumpy(rows)


def tokens(values: Iterable[str]) -> Any:
    """A token array."""
    from pxr import Vt

    return Vt.TokenArray(list(values))


def quat(wxyz: Sequence[float], *, double: bool = False) -> Any:
    """A quaternion."""
    from pxr import Gf

    w, x, y, z = (float(v) for v in wxyz)
    return Gf.Quatd(w, x, y, z) if double else Gf.Quatf(w, x, y, z)


def valid_name(name: str, fallback: str) -> str:
    """The name, if the USD library takes it for a prim name; else what is left of it in ASCII."""
    from pxr import Sdf, Tf

    if Sdf.Path.IsValidIdentifier(name):
        return name
    plain = "".join(c if c.isascii() else "_" for c in name).strip("_")
    return str(Tf.MakeValidIdentifier(plain)) if plain else fallback
