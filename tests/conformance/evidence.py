"""Which features a stage really has, asked of pxr alone: so that the table of features cannot claim a file in vain."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pxr import Usd, UsdGeom, UsdSemantics, UsdShade, UsdSkel

from conformance.oracle import quiet

ByPrim = Callable[[Any], bool]
ByStage = Callable[[Any], bool]


def all_prims(stage: Any) -> list[Any]:
    """Every prim of the stage and its prototypes, undefined and inactive ones included."""
    below = [p for root in stage.GetPrototypes() for p in Usd.PrimRange.AllPrims(root)]
    return [*stage.TraverseAll(), *below]


def found_in(stage: Any) -> set[str]:
    """The ids of all features that the stage has."""
    with quiet():
        out = {name for name, has in BY_STAGE.items() if has(stage)}
        left = dict(BY_PRIM)
        for prim in all_prims(stage):
            hit = [name for name, has in left.items() if has(prim)]
            out.update(hit)
            for name in hit:
                del left[name]
    return out


def _typed(*names: str) -> ByPrim:
    return lambda prim: prim.GetTypeName() in names


def _value(prim: Any, name: str) -> Any:
    attribute = prim.GetAttribute(name)
    return attribute.Get(Usd.TimeCode.EarliestTime()) if attribute else None


def _authored(name: str) -> ByPrim:
    return lambda prim: bool(prim.GetAttribute(name).HasAuthoredValue())


def _animated(name: str) -> ByPrim:
    return lambda prim: bool((a := prim.GetAttribute(name)) and a.ValueMightBeTimeVarying())


def _some(name: str) -> ByPrim:
    """An array attribute with entries."""
    return lambda prim: len(_value(prim, name) or ()) > 0


def _ops(prim: Any) -> list[Any]:
    return list(UsdGeom.Xformable(prim).GetOrderedXformOps()) if prim.IsA(UsdGeom.Xformable) else []


def _op_type(*names: str) -> ByPrim:
    return lambda prim: any(str(op.GetAttr().GetName()).split(":")[1] in names for op in _ops(prim))


def _primvar(interpolation: str) -> ByPrim:
    def has(prim: Any) -> bool:
        if not prim.IsA(UsdGeom.Imageable):
            return False
        found = UsdGeom.PrimvarsAPI(prim).GetPrimvarsWithAuthoredValues()
        return any(p.GetInterpolation() == interpolation for p in found)

    return has


def _indexed(prim: Any) -> bool:
    return prim.IsA(UsdGeom.Mesh) and any(
        p.IsIndexed() for p in UsdGeom.PrimvarsAPI(prim).GetPrimvarsWithAuthoredValues()
    )


def _ngon(prim: Any) -> bool:
    counts = _value(prim, "faceVertexCounts") if prim.IsA(UsdGeom.Mesh) else None
    return bool(counts) and max(counts) > 4


def _subdivided(prim: Any) -> bool:
    return prim.IsA(UsdGeom.Mesh) and (_value(prim, "subdivisionScheme") or "catmullClark") != "none"


def _bad_mesh(prim: Any) -> bool:
    if not prim.IsA(UsdGeom.Mesh):
        return False
    points, indices = _value(prim, "points") or (), _value(prim, "faceVertexIndices") or ()
    return not len(points) or not len(indices) or max(indices) >= len(points)


def _shader(*ids: str) -> ByPrim:
    def has(prim: Any) -> bool:
        identifier = str(_value(prim, "info:id") or "") if prim.GetTypeName() == "Shader" else ""
        return any(identifier == i or (i.endswith("*") and identifier.startswith(i[:-1])) for i in ids)

    return has


def _udim(prim: Any) -> bool:
    value = _value(prim, "inputs:file") if prim.GetTypeName() == "Shader" else None
    return value is not None and "<UDIM>" in str(value)


def _binding(prim: Any) -> bool:
    relation = prim.GetRelationship("material:binding")
    return bool(relation and relation.HasAuthoredTargets() and not prim.IsA(UsdGeom.Gprim))


def _binding_strength(prim: Any) -> bool:
    relation = prim.GetRelationship("material:binding")
    return bool(relation and relation.GetMetadata("bindMaterialAs") == "strongerThanDescendants")


def _binding_collection(prim: Any) -> bool:
    return any(
        str(r.GetName()).startswith("material:binding:collection") for r in prim.GetAuthoredRelationships()
    )


def _subset(prim: Any) -> bool:
    return prim.IsA(UsdGeom.Subset) and prim.HasRelationship("material:binding")


def _points_elsewhere(prim: Any) -> bool:
    if not prim.IsA(UsdGeom.PointInstancer):
        return False
    targets = UsdGeom.PointInstancer(prim).GetPrototypesRel().GetForwardedTargets()
    return any(not t.HasPrefix(prim.GetPath()) for t in targets)


def _nested_points(prim: Any) -> bool:
    if not prim.IsA(UsdGeom.PointInstancer):
        return False
    stage = prim.GetStage()
    roots = [
        stage.GetPrimAtPath(t) for t in UsdGeom.PointInstancer(prim).GetPrototypesRel().GetForwardedTargets()
    ]
    return any(p.IsA(UsdGeom.PointInstancer) for root in roots if root for p in Usd.PrimRange(root))


def _bad_points(prim: Any) -> bool:
    if not prim.IsA(UsdGeom.PointInstancer):
        return False
    indices, positions = _value(prim, "protoIndices") or (), _value(prim, "positions") or ()
    targets = UsdGeom.PointInstancer(prim).GetPrototypesRel().GetForwardedTargets()
    return len(indices) != len(positions) or any(not 0 <= i < len(targets) for i in indices)


def _points_time(prim: Any) -> bool:
    return prim.IsA(UsdGeom.PointInstancer) and any(
        prim.GetAttribute(n).ValueMightBeTimeVarying()
        for n in ("positions", "orientations", "scales", "protoIndices", "invisibleIds")
    )


def _reference_offset(prim: Any) -> bool:
    for spec in prim.GetPrimStack():
        for listed in (spec.referenceList, spec.payloadList):
            if any(not item.layerOffset.IsIdentity() for item in listed.GetAddedOrExplicitItems()):
                return True
    return False


def _legacy_label(prim: Any) -> bool:
    return any(
        str(a.GetName()).startswith("semantic:") and str(a.GetName()).endswith(":params:semanticData")
        for a in prim.GetAuthoredAttributes()
    )


def _sublayers(stage: Any) -> list[Any]:
    return [layer for layer in stage.GetUsedLayers() if not layer.anonymous and layer.subLayerPaths]


def _tcps(stage: Any) -> bool:
    layers = [layer for layer in stage.GetLayerStack(False) if not layer.anonymous]
    return len({layer.timeCodesPerSecond for layer in layers if layer.HasTimeCodesPerSecond()}) > 1


def _root(stage: Any, name: str) -> Any:
    root = stage.GetRootLayer().pseudoRoot
    return root.GetInfo(name) if root.HasInfo(name) else None


def _mtlx(stage: Any) -> bool:
    """By the text of the layers' files: in memory, the reference may lead to a translation by now."""
    files = [Path(layer.realPath) for layer in stage.GetUsedLayers() if not layer.anonymous]
    return any(file.is_file() and b".mtlx@" in file.read_bytes() for file in files)


BY_STAGE: dict[str, ByStage] = {
    "sublayers": lambda stage: bool(_sublayers(stage)),
    "sublayer-offsets": lambda stage: any(
        not offset.IsIdentity() for layer in _sublayers(stage) for offset in layer.subLayerOffsets
    ),
    "tcps-scaling": _tcps,
    "meters-per-unit": lambda stage: _root(stage, "metersPerUnit") not in (None, 1.0),
    "up-axis": lambda stage: _root(stage, "upAxis") == "Y",
    "units-absent": lambda stage: _root(stage, "metersPerUnit") is None or _root(stage, "upAxis") is None,
    "tcps": lambda stage: _root(stage, "timeCodesPerSecond") not in (None, 24.0),
    "usdz": lambda stage: stage.GetRootLayer().identifier.endswith(".usdz"),
    "nested-instances": lambda stage: any(
        p.IsInstance() for root in stage.GetPrototypes() for p in Usd.PrimRange(root)
    ),
    "mtlx-references": _mtlx,
}

BY_PRIM: dict[str, ByPrim] = {
    "references": lambda prim: prim.HasAuthoredReferences(),
    "reference-offsets": _reference_offset,
    "payloads": lambda prim: prim.HasAuthoredPayloads(),
    "variants": lambda prim: prim.HasVariantSets(),
    "inherits": lambda prim: prim.HasAuthoredInherits(),
    "specializes": lambda prim: prim.HasAuthoredSpecializes(),
    "overs-and-classes": lambda prim: not prim.IsDefined() or prim.IsAbstract(),
    "active": lambda prim: not prim.IsActive(),
    "instances": lambda prim: prim.IsInstance(),
    "kind": lambda prim: bool(prim.GetKind()),
    "value-clips": lambda prim: prim.HasAuthoredMetadata("clips"),
    "xform-trs": _op_type("translate", "scale", "rotateXYZ", "rotateX", "rotateY", "rotateZ"),
    "xform-matrix": _op_type("transform"),
    "xform-orient": _op_type("orient"),
    "xform-orders": _op_type("rotateXZY", "rotateYXZ", "rotateYZX", "rotateZXY", "rotateZYX"),
    "xform-pivots": lambda prim: any(op.IsInverseOp() for op in _ops(prim)),
    "xform-reset": lambda prim: prim.IsA(UsdGeom.Xformable) and UsdGeom.Xformable(prim).GetResetXformStack(),
    "xform-animated": lambda prim: any(op.GetNumTimeSamples() > 1 for op in _ops(prim)),
    "visibility": _authored("visibility"),
    "visibility-animated": _animated("visibility"),
    "purpose": _authored("purpose"),
    "points": lambda prim: prim.IsA(UsdGeom.PointInstancer),
    "points-ids": lambda prim: prim.IsA(UsdGeom.PointInstancer) and _some("ids")(prim),
    "points-invisible-ids": lambda prim: prim.IsA(UsdGeom.PointInstancer) and _some("invisibleIds")(prim),
    "points-inactive-ids": lambda prim: prim.HasAuthoredMetadata("inactiveIds"),
    "points-nested": _nested_points,
    "points-elsewhere": _points_elsewhere,
    "points-animated": _points_time,
    "points-bad-input": _bad_points,
    "mesh": _typed("Mesh"),
    "mesh-ngons": _ngon,
    "mesh-holes": lambda prim: prim.IsA(UsdGeom.Mesh) and _some("holeIndices")(prim),
    "mesh-left-handed": lambda prim: prim.IsA(UsdGeom.Mesh) and _value(prim, "orientation") == "leftHanded",
    "mesh-double-sided": lambda prim: prim.IsA(UsdGeom.Gprim) and bool(_value(prim, "doubleSided")),
    "mesh-animated": lambda prim: prim.IsA(UsdGeom.Mesh) and _animated("points")(prim),
    "mesh-faulty": _bad_mesh,
    "subdivision": _subdivided,
    "subdivision-creases": lambda prim: _subdivided(prim) and _some("creaseIndices")(prim),
    "extent": lambda prim: prim.IsA(UsdGeom.Gprim) and _authored("extent")(prim),
    "primvar-constant": _primvar("constant"),
    "primvar-uniform": _primvar("uniform"),
    "primvar-varying": _primvar("varying"),
    "primvar-vertex": _primvar("vertex"),
    "primvar-face-varying": _primvar("faceVarying"),
    "primvar-indexed": _indexed,
    "subsets": _subset,
    "cube": _typed("Cube"),
    "sphere": _typed("Sphere"),
    "cylinder": _typed("Cylinder", "Cylinder_1"),
    "cone": _typed("Cone"),
    "capsule": _typed("Capsule", "Capsule_1"),
    "plane": _typed("Plane"),
    "curves": _typed("BasisCurves", "HermiteCurves", "NurbsCurves"),
    "point-clouds": _typed("Points"),
    "skel": lambda prim: prim.IsA(UsdSkel.Skeleton),
    "blend-shapes": lambda prim: prim.IsA(UsdSkel.BlendShape),
    "preview-surface": _shader("UsdPreviewSurface"),
    "textures": _shader("UsdUVTexture"),
    "texture-transform": _shader("UsdTransform2d"),
    "udim": _udim,
    "primvar-readers": _shader("UsdPrimvarReader_*"),
    "materialx-shaders": _shader("ND_*"),
    "mdl": lambda prim: bool(prim.GetAttribute("info:mdl:sourceAsset").HasAuthoredValue()),
    "display-color": _authored("primvars:displayColor"),
    "binding-inherited": _binding,
    "binding-strength": _binding_strength,
    "binding-collections": _binding_collection,
    "material-interface": lambda prim: (
        prim.IsA(UsdShade.Material) and bool(UsdShade.Material(prim).GetInterfaceInputs())
    ),
    "dome": _typed("DomeLight", "DomeLight_1"),
    "distant": _typed("DistantLight"),
    "rect": _typed("RectLight"),
    "disk": _typed("DiskLight"),
    "sphere-light": _typed("SphereLight"),
    "cylinder-light": _typed("CylinderLight"),
    "cameras": _typed("Camera"),
    "labels": lambda prim: bool(UsdSemantics.LabelsAPI.GetDirectTaxonomies(prim)),
    "labels-legacy": _legacy_label,
    "rigid-bodies": lambda prim: "PhysicsRigidBodyAPI" in prim.GetAppliedSchemas(),
    "joints": lambda prim: (
        str(prim.GetTypeName()).startswith("Physics") and str(prim.GetTypeName()).endswith("Joint")
    ),
}
