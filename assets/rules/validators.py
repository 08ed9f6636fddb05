"""What pxr.UsdValidation says, under our codes and in a designer's words; what our own rules say better is left to them."""

import re
from collections.abc import Iterator
from typing import Any

from twinstage.assets.rules.table import Rule, add
from twinstage.base.finding import Finding, Severity

OURS = frozenset(
    {
        "MissingDefaultPrim", "MissingUpAxisMetadata", "MissingMetersPerUnitMetadata", "UnresolvableDependency",
        "CompositionError", "InvalidNestedGprims",
        # These speak of plug-ins; our readers know MaterialX and MDL without, and tell what they do not know.
        "MissingSourceTypeInRegistry", "MissingShaderIdInRegistry",
    }
)  # fmt: skip

_TABLE: tuple[tuple[str, str, Severity | None, str, str, str], ...] = (
    # name there, our code, level (None: theirs), title, fix, requirement
    ("MissingMaterialBindingAPI", "material.binding-api", None,
     "A material is bound, but MaterialBindingAPI is not applied: some programs draw it grey",
     'prepend apiSchemas = ["MaterialBindingAPI"]', "VM.BIND.001"),
    ("InvalidResourcePath", "material.binding", None, "The material that is bound does not exist",
     "bind a material that is in the file, below its default prim", "VM.BIND.001"),
    ("InvalidMaterialCollection", "material.collection", None, "A collection of materials is not well-formed",
     "give the binding one collection and one material", "VM.BIND.001"),
    ("MaterialBindingPropNotARel", "material.binding-kind", None, "material:binding is no relationship",
     "write rel material:binding", "VM.BIND.001"),
    ("InvalidConnectableHierarchy", "material.shader-place", "warning", "A shader lies in a folder inside its material",
     "put shaders right below the material or a NodeGraph", ""),
    ("InvalidImageableInMaterial", "material.contents", "warning", "A material holds something that is no shader",
     "move it out of the material", ""),
    ("InvalidFamilyType", "subset.family-type", "warning", "Material subsets do not say that they do not overlap",
     'uniform token subsetFamily:materialBind:familyType = "nonOverlapping"', ""),
    ("InvalidSubsetFamily", "subset.family", "warning", "Subsets are not what their family says",
     "let every face belong to one subset, or call the family nonOverlapping", ""),
    ("MissingFamilyNameOnGeomSubset", "subset.family-name", None, "A subset has a material, but not the family materialBind",
     'uniform token familyName = "materialBind"', ""),
    ("NotImageableSubsetParent", "subset.parent", None, "A subset belongs to no mesh", "put it right below its mesh", ""),
    ("NonCompliantBiasAndScale", "texture.normal-map", "warning", "A normal map is read as if it were a picture",
     "inputs:scale = (2, 2, 2, 1), inputs:bias = (-1, -1, -1, 0)", "VM.PS.001"),
    ("NonCompliantScaleValues", "texture.normal-map", "warning", "A normal map is read as if it were a picture",
     "inputs:scale = (2, 2, 2, 1), inputs:bias = (-1, -1, -1, 0)", "VM.PS.001"),
    ("NonCompliantBiasValues", "texture.normal-map", "warning", "A normal map is read as if it were a picture",
     "inputs:scale = (2, 2, 2, 1), inputs:bias = (-1, -1, -1, 0)", "VM.PS.001"),
    ("InvalidSourceColorSpace", "texture.normal-map", "warning", "A normal map is read as if it were a picture",
     'inputs:sourceColorSpace = "raw"', "VM.PS.001"),
    ("NonShaderConnection", "texture.normal-map", "warning", "A normal map is not connected to a texture",
     "connect inputs:normal to a UsdUVTexture", "VM.PS.001"),
    ("InvalidFile", "asset.unresolved", None, "A file is missing", "correct the path, or add the file", ""),
    ("AssetNotInPackage", "archive.outside", "warning", "The package needs a file that is not in it",
     "pack that file, too", ""),
    ("UnsupportedFileExtensionInPackage", "archive.file-type", "warning", "The package holds a file of a foreign kind",
     "pack only USD, PNG, JPEG, EXR and sound files", "AA.002"),
    ("CompressionDetected", "archive.compressed", None, "The package is compressed, which USD cannot read",
     "store the entries uncompressed", ""),
    ("ByteMisalignment", "archive.alignment", "warning", "The package's files do not begin at multiples of 64 bytes",
     "pack it with usdzip or `twinstage export`", ""),
    ("MissingSkelBindingAPI", "skel.binding-api", "warning", "A skeleton is bound, but SkelBindingAPI is not applied",
     'prepend apiSchemas = ["SkelBindingAPI"]', ""),
    ("InvalidSkelBindingAPIApply", "skel.root", "warning", "A skinned mesh stands outside a SkelRoot: it does not move",
     "put mesh and skeleton below a SkelRoot", ""),
    ("RigidBodyNonXformable", "physics.body-place", None, "A rigid body cannot be moved, because it has no place",
     "apply the rigid body to an Xform, and see that what it refers to is there", "RB.003"),
    ("RigidBodyOrientationScale", "physics.body-skew", None, "A rigid body is skewed", "take shear out of its transform",
     "RB.009"),
    ("RigidBodyNonInstanceable", "physics.body-instance", None, "A rigid body lies inside an instance",
     "apply it to the instance itself", "RB.005"),
    ("NestedRigidBody", "physics.body-nested", None, "A rigid body inside another", "give it one body", ""),
    ("InertiaInvalidValues", "physics.inertia", "warning", "Inertia is only half given",
     "author both principalAxes and diagonalInertia, or neither", "RB.007"),
    ("JointInvalidPrimRel", "physics.joint-body", None, "A joint names a body that does not exist",
     "correct physics:body0 or physics:body1", "JT.002"),
    ("JointRelNotXformable", "physics.joint-body", None, "A joint names a body that does not exist",
     "correct physics:body0 or physics:body1", "JT.002"),
    ("JointMultiplePrimsRel", "physics.joint-bodies", None, "A joint names more than one body on one side",
     "name one body", "JT.003"),
    ("NestedArticulation", "physics.articulation-nested", None, "An articulation inside another",
     "keep the outer articulation root", "JT.ART.002"),
    ("ArticulationOnStaticBody", "physics.articulation-static", None, "An articulation on a body that does not move",
     "move the articulation root to a moving body", "JT.ART.004"),
    ("ColliderNonUniformScale", "physics.collider-scale", None, "A round collider is scaled differently along its axes",
     "scale it the same along all axes", "RB.COL.004"),
)  # fmt: skip

BY_NAME: dict[str, tuple[Rule, Severity | None]] = {}
_added: dict[str, Rule] = {}


def _row(code: str, level: Severity | None, title: str, fix: str, requirement: str) -> Rule:
    from twinstage.assets.rules.table import rule_of

    known = rule_of(code)
    return known or add(Rule(code, level or "error", title, fix, requirement, source="UsdValidation"))


for _name, _code, _level, _title, _fix, _requirement in _TABLE:
    BY_NAME[_name] = (_row(_code, _level, _title, _fix, _requirement), _level)

TYPE = add(Rule("attribute.type", "error", "A value is of another type than USD's", "write it with the type that is named",
                source="UsdValidation"))  # fmt: skip
ROLE = add(Rule("attribute.role", "info", "A value has the right numbers, under another name of type",
                "write the type that is named; it is read all the same", source="UsdValidation"))  # fmt: skip
OTHER = add(
    Rule(
        "usd.other",
        "warning",
        "Something else that pxr.UsdValidation says",
        "see its words",
        source="UsdValidation",
    )
)

_SAME = (
    ("int", "PointIndex"),
    ("float3", "normal3f", "vector3f", "color3f", "point3f", "texCoord3f", "Point", "Normal", "Vector"),
    ("double3", "normal3d", "vector3d", "color3d", "point3d", "texCoord3d"), ("float2", "texCoord2f"), ("float4", "color4f"),
    ("half3", "normal3h", "vector3h", "color3h", "point3h", "texCoord3h"),
    ("matrix4d", "frame4d", "Transform"), ("token", "string"),
)  # fmt: skip
_NUMBER = re.compile(
    r"(u?int(?:64)?|PointIndex)()$|(?:float|double|half|normal|point|vector|color|texCoord|quat|Vec)(\d?)[fdh]?$"
)
_TYPES = re.compile(r"[Ee]xpected (?:attribute type is )?'([^']*)'.*?(?:got|defined as) '([^']*)'")


def say(stage: Any) -> Iterator[Finding]:
    """What all validators of the USD library say about a stage."""
    from pxr import UsdValidation

    registry = UsdValidation.ValidationRegistry()
    context = UsdValidation.ValidationContext(registry.GetOrLoadAllValidators())
    levels: dict[Any, Severity] = {
        UsdValidation.ValidationErrorType.Error: "error",
        UsdValidation.ValidationErrorType.Warn: "warning",
    }
    for error in context.Validate(stage):
        name = str(error.GetName())
        if name not in OURS and not error.HasNoError() and not _only_weaker(name, error):
            message = " ".join(str(error.GetMessage()).split())
            yield finding(name, levels.get(error.GetType(), "info"), _site(error), message)


def _only_weaker(name: str, error: Any) -> bool:
    """Whether a normal map is read as one, only with another strength: scale (2s, 2s, 2, any), bias (-s, -s, -1, any).

    That is how glTF's `normalTexture.scale` is written in UsdPreviewSurface; the validator wants s = 1.
    """
    if name not in ("NonCompliantBiasAndScale", "NonCompliantScaleValues", "NonCompliantBiasValues"):
        return False
    for site in error.GetSites():
        prim = site.GetPrim() if site.IsPrim() else None
        texture = _normal_texture(prim) if prim else None
        if texture is None:
            return False
        scale, bias = (texture.GetAttribute(f"inputs:{key}").Get() for key in ("scale", "bias"))
        if scale is None or bias is None or not (scale[0] == scale[1] > 0 and bias[0] == bias[1]):
            return False
        if abs(2 * bias[0] + scale[0]) > 1e-6 or scale[2] != 2 or bias[2] != -1:
            return False
    return True


def _normal_texture(prim: Any) -> Any:
    """The texture that a finding about a normal map is told of: the prim itself, or what feeds its inputs:normal."""
    from pxr import UsdShade

    if prim.HasAttribute("inputs:scale") or prim.HasAttribute("inputs:bias"):
        return prim
    feeds = UsdShade.Shader(prim).GetInput("normal") if prim.IsA(UsdShade.Shader) else None
    sources = feeds.GetConnectedSources()[0] if feeds else ()
    return sources[0].source.GetPrim() if sources else None


def finding(name: str, level: Severity, path: str, message: str) -> Finding:
    """One of their errors as a finding of ours."""
    if name in ("MismatchedPropertyType", "AttributeTypeMismatch"):
        return _typed(path, message)
    if name not in BY_NAME:
        return Finding(OTHER.code, level, path, f"{message} [{name}]")
    row, own = BY_NAME[name]
    return Finding(row.code, own or level, path, _sentence(row, message), row.fix)


def _sentence(row: Rule, message: str) -> str:
    """Their sentence where it holds a detail, without the prim's path, which stands beside; else the row's title."""
    target = re.search(r"targets an invalid material <([^>]*)>", message)
    if target:
        return f"the material {target[1]} does not exist"
    asset = re.search(r"asset reference '([^']*)'", message)
    if asset:
        return f"{asset[1].rpartition('/')[2]!r} does not belong to the package"
    number = re.search(r": (Number of .*)$", message)
    if number:
        return f"the subsets are not what their family says: {number[1]}"
    return (
        row.title[0].lower() + row.title[1:] if not row.title.startswith(("A ", "An ", "The ")) else row.title
    )


def _typed(path: str, message: str) -> Finding:
    types = _TYPES.search(message)
    if types is None:
        return Finding(TYPE.code, "error", path, message, TYPE.fix)
    wanted, found = types[1], types[2]
    bare = wanted.removesuffix("[]"), found.removesuffix("[]")
    same = wanted.endswith("[]") == found.endswith("[]") and any(set(bare) <= set(group) for group in _SAME)
    numbers = [_NUMBER.match(name) for name in bare]
    arrays = wanted.endswith("[]") == found.endswith("[]")
    near = arrays and numbers[0] and numbers[1] and numbers[0].groups()[1:] == numbers[1].groups()[1:]
    row = ROLE if same else TYPE
    if not path:
        named = re.search(r"<([^>]*)>", message)
        path = named[1] if named else ""
    return Finding(
        row.code,
        "warning" if near and not same else row.level,
        path,
        f"it is of type {found}, USD's is {wanted}",
        f"write {wanted}",
    )


def _site(error: Any) -> str:
    for site in error.GetSites():
        if site.IsProperty():
            return str(site.GetProperty().GetPath())
        if site.IsPrim():
            path = str(site.GetPrim().GetPath())
            return "" if path == "/" else path
        for spec in (site.GetPropertySpec(), site.GetPrimSpec()):
            if spec:
                return str(spec.path)
    return ""
