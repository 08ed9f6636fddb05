"""Fixes of shapes: extents, lists that repeat, words and applied schemas."""

from typing import Any

import numpy as np

from twinstage.assets.fixes.table import Work, fix
from twinstage.base.finding import Finding

FAMILY_TYPE = "subsetFamily:materialBind:familyType"
MOST_VALUES = 200_000
"""Longer lists are not written into a layer of text."""


@fix("extent.missing", "extent.wrong", "gprim.extent")
def extent(work: Work, finding: Finding) -> str:
    """The box around the points, at every time at which they are authored."""
    from pxr import Sdf, Usd, UsdGeom

    prim = work.prim(finding)
    if prim is None or not prim.IsA(UsdGeom.Boundable):
        return ""
    boundable = UsdGeom.Boundable(prim)
    points = prim.GetAttribute("points")
    times = points.GetTimeSamples() if points else []
    boxes = {}
    for moment in times or [None]:
        time = Usd.TimeCode.Default() if moment is None else Usd.TimeCode(moment)
        box = UsdGeom.Boundable.ComputeExtentFromPlugins(boundable, time)
        if box is None or len(box) != 2 or not np.isfinite(np.array(box)).all():
            return ""
        boxes[moment] = box
    spec = work.attribute(prim, "extent", Sdf.ValueTypeNames.Float3Array)
    for moment, box in boxes.items():
        if moment is None:
            spec.default = box
        else:
            work.layer.SetTimeSample(spec.path, moment, box)
    return "extent written"


@fix("primvar.repeated")
def indexed(work: Work, finding: Finding) -> str:
    """The values once each, and indices."""
    from pxr import Sdf, UsdGeom, Vt

    prim = work.prim(finding)
    name = finding.path.partition(".primvars:")[2]
    if prim is None or not name:
        return ""
    primvar = UsdGeom.PrimvarsAPI(prim).GetPrimvar(name)
    if (
        not primvar
        or primvar.IsIndexed()
        or primvar.ValueMightBeTimeVarying()
        or primvar.GetElementSize() != 1
    ):
        return ""
    value = primvar.Get()
    raw = np.asarray(value)
    if len(raw) > MOST_VALUES:
        return ""
    unique, inverse = np.unique(raw.reshape(len(raw), -1), axis=0, return_inverse=True)
    kept = np.ascontiguousarray(unique.reshape((-1, *raw.shape[1:])), raw.dtype)
    spec = work.attribute(prim, f"primvars:{name}", primvar.GetTypeName())
    spec.default = type(value).FromNumpy(kept)
    spec.SetInfo("interpolation", primvar.GetInterpolation())
    indices = work.attribute(prim, f"primvars:{name}:indices", Sdf.ValueTypeNames.IntArray)
    indices.default = Vt.IntArray.FromNumpy(np.ascontiguousarray(inverse.reshape(-1), np.int32))
    return f"{len(raw):,} values of {name} written as {len(kept):,} and indices"


def _apply(work: Work, finding: Finding, schema: str) -> str:
    from pxr import Sdf

    prim = work.prim(finding)
    if prim is None:
        return ""
    spec = work.over(prim)
    listed = spec.GetInfo("apiSchemas") if spec.HasInfo("apiSchemas") else Sdf.TokenListOp()
    if schema not in listed.prependedItems:
        listed.prependedItems = [*listed.prependedItems, schema]
        spec.SetInfo("apiSchemas", listed)
    return f"{schema} applied"


@fix("material.binding-api")
def binding_api(work: Work, finding: Finding) -> str:
    """MaterialBindingAPI, where a material is bound."""
    return _apply(work, finding, "MaterialBindingAPI")


@fix("skel.binding-api", same=False)
def skel_api(work: Work, finding: Finding) -> str:
    """SkelBindingAPI, where a skeleton is bound: the mesh then follows it."""
    return _apply(work, finding, "SkelBindingAPI")


def _token(work: Work, prim: Any, name: str, value: str) -> None:
    from pxr import Sdf

    uniform = (
        prim.GetAttribute(name).GetVariability() == Sdf.VariabilityUniform
        if prim.HasAttribute(name)
        else True
    )
    work.attribute(prim, name, Sdf.ValueTypeNames.Token, uniform).default = value


@fix("token.invalid", same=False)
def word(work: Work, finding: Finding) -> str:
    """The allowed word, where only upper and lower case differ, or where the word means the fall-back."""
    from twinstage.assets.rules.tokens import allowed_words

    prim = work.prim(finding)
    name = finding.path.partition(".")[2]
    if prim is None or not name or not prim.GetAttribute(name):
        return ""
    value = str(prim.GetAttribute(name).Get())
    allowed = allowed_words(prim, name)
    meant = [a for a in allowed if a.lower() == value.lower()]
    if value == "visible" and name == "visibility":
        meant = ["inherited"]
    if len(meant) != 1:
        return ""
    _token(work, prim, name, meant[0])
    return f"{name} = {meant[0]}"


@fix("subset.family-name")
def family_name(work: Work, finding: Finding) -> str:
    """A subset with a material is of the family materialBind."""
    prim = work.prim(finding)
    if prim is None:
        return ""
    _token(work, prim, "familyName", "materialBind")
    mesh = prim.GetParent()
    bound = [child for child in mesh.GetChildren() if child.HasRelationship("material:binding")]
    if not mesh.HasAttribute(FAMILY_TYPE) and _apart(bound):
        _token(work, mesh, FAMILY_TYPE, "nonOverlapping")
    return "familyName = materialBind"


def _apart(subsets: list[Any]) -> bool:
    """Whether no face belongs to two of the subsets."""
    faces = [np.unique(np.asarray(s.GetAttribute("indices").Get() or [], np.int64)) for s in subsets]
    every = np.concatenate(faces) if faces else np.zeros(0)
    return bool(len(every)) and len(every) == len(np.unique(every))


@fix("subset.family-type")
def family_type(work: Work, finding: Finding) -> str:
    """NonOverlapping, where the subsets do not overlap."""
    from pxr import UsdGeom

    prim = work.prim(finding)
    if prim is None:
        return ""
    subsets = UsdGeom.Subset.GetGeomSubsets(UsdGeom.Imageable(prim), UsdGeom.Tokens.face, "materialBind")
    if not _apart([subset.GetPrim() for subset in subsets]):
        return ""
    _token(work, prim, FAMILY_TYPE, "nonOverlapping")
    return "familyType = nonOverlapping"
