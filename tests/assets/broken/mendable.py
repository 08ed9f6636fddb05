"""Operators that break what `--fix` promises to mend: the picture before the break is what the file means to show.

Nothing here imports what it judges. An operator may first write the state that it spoils (`intended`): the clean picture is
taken of that.
"""

import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from broken_bases import Copy, Fault
from broken_files import path_with_backslashes
from broken_files import texture_in_other_case as file_in_other_case
from broken_mesh import extent_wrong

FAMILY_TYPE = "subsetFamily:materialBind:familyType"
ENOUGH = 4_000
"""Corners of a mesh, so that values which repeat on it are worth indexing."""


@dataclass(frozen=True)
class Mendable:
    """`spoil`: breaks a copy, None where it has nothing of the kind; `shows`: whether the break may change the picture."""

    name: str
    spoil: Callable[[Copy], "Fault | None"]
    shows: bool = False
    intended: Callable[[Copy], bool] | None = None


def opened(copy: Copy) -> Copy:
    """With the broken layer as the root, and packages unpacked: each break is one in a file of its own."""
    base, root = copy.base, copy.edit
    if "package" in base.tags:
        with zipfile.ZipFile(copy.root) as package:
            root = copy.home / package.namelist()[0]
            package.extractall(copy.home)
        copy.root.unlink()
    tags = base.tags - {"package"}
    edit = os.path.relpath(root, copy.home)
    return replace(copy, base=replace(base, edit=edit, tags=tags), root=root)


def _spec(copy: Copy, layer: Any, kind: str, holds: Callable[[Any], bool]) -> Any:
    found = [spec for spec in copy.specs(layer, kind) if holds(spec)]
    return copy.rng.choice(found) if found else None


def _lost(copy: Copy, kinds: tuple[str, ...], name: str, also: str = "") -> tuple[str, str] | None:
    """Deletes that attribute of one prim that has it (and has `also`): path and name of the prim."""
    layer = copy.layer()
    for kind in kinds:
        spec = _spec(copy, layer, kind, lambda s: name in s.properties and (not also or also in s.properties))
        if spec is not None:
            where = str(spec.path), str(spec.name)
            del spec.properties[name]
            copy.save(layer)
            return where
    return None


def extent_lost(copy: Copy) -> Fault | None:
    where = _lost(copy, ("Mesh",), "extent", also="points")
    return where and Fault("extent_lost", frozenset({"extent.missing"}), (where[0],))


def family_name_lost(copy: Copy) -> Fault | None:
    where = _lost(copy, ("GeomSubset",), "familyName", also="material:binding")
    return where and Fault("family_name_lost", frozenset({"subset.family-name"}), (where[0],))


def family_type_lost(copy: Copy) -> Fault | None:
    where = _lost(copy, ("Mesh",), FAMILY_TYPE)
    return where and Fault("family_type_lost", frozenset({"subset.family-type"}), (where[0],))


def _two_looks(copy: Copy) -> bool:
    """A mesh gets a look for each half of its faces, by subsets."""
    from pxr import Sdf, Usd, UsdGeom, UsdShade, Vt

    stage = Usd.Stage.Open(Sdf.Layer.OpenAsAnonymous(str(copy.edit)))
    found = [p for p in stage.Traverse() if p.IsA(UsdGeom.Mesh) and not p.GetChildren() and _faces(p) > 1]
    roots = stage.GetRootLayer().rootPrims
    if not found or not roots:
        return False
    prim = copy.rng.choice(found)
    shape = UsdShade.MaterialBindingAPI.Apply(prim)
    half = _faces(prim) // 2
    for name, faces, red in (("First", range(half), 0.9), ("Second", range(half, _faces(prim)), 0.1)):
        material = UsdShade.Material.Define(stage, roots[0].path.AppendChild(f"Look{name}"))
        surface = UsdShade.Shader.Define(stage, material.GetPath().AppendChild("Surface"))
        surface.CreateIdAttr("UsdPreviewSurface")
        surface.CreateInput("diffuseColor", Sdf.ValueTypeNames.Color3f).Set((red, 0.4, 0.1))
        material.CreateSurfaceOutput().ConnectToSource(surface.ConnectableAPI(), "surface")
        subset = shape.CreateMaterialBindSubset(name, Vt.IntArray(list(faces)))
        UsdShade.MaterialBindingAPI.Apply(subset.GetPrim()).Bind(material)
    shape.SetMaterialBindSubsetsFamilyType(UsdGeom.Tokens.nonOverlapping)
    copy.save(stage.GetRootLayer())
    return True


def _faces(prim: Any) -> int:
    return len(prim.GetAttribute("faceVertexCounts").Get() or ())


def _schema_lost(copy: Copy, schema: str, kinds: tuple[str, ...], bound: str) -> str:
    from pxr import Sdf

    layer = copy.layer()
    for kind in kinds:
        spec = _spec(copy, layer, kind, lambda s: bound in s.properties and schema in _schemas(s))
        if spec is not None:
            left = [name for name in _schemas(spec) if name != schema]
            spec.SetInfo("apiSchemas", Sdf.TokenListOp.Create(prependedItems=left))
            copy.save(layer)
            return str(spec.path)
    return ""


def _schemas(spec: Any) -> list[str]:
    listed = spec.GetInfo("apiSchemas") if spec.HasInfo("apiSchemas") else None
    return list(listed.GetAddedOrExplicitItems()) if listed else []


def binding_schema_lost(copy: Copy) -> Fault | None:
    path = _schema_lost(copy, "MaterialBindingAPI", ("Mesh", "GeomSubset", "Xform"), "material:binding")
    return Fault("binding_schema_lost", frozenset({"material.binding-api"}), (path,)) if path else None


def skeleton_schema_lost(copy: Copy) -> Fault | None:
    path = _schema_lost(copy, "SkelBindingAPI", ("Mesh", "SkelRoot"), "skel:skeleton")
    return Fault("skeleton_schema_lost", frozenset({"skel.binding-api"}), (path,)) if path else None


def _few_values(copy: Copy) -> bool:
    """A mesh gets texture coordinates of few different values, indexed."""
    from pxr import Sdf, Vt

    layer = copy.layer()
    spec = _spec(copy, layer, "Mesh", _many_corners)
    if spec is None:
        return False
    count = len(spec.attributes["faceVertexIndices"].default)
    values = np.array([(0, 0), (0.5, 0.25), (1, 1)], np.float32)
    for name, kind, value in (
        ("primvars:st", "TexCoord2fArray", Vt.Vec2fArray.FromNumpy(values)),
        ("primvars:st:indices", "IntArray", Vt.IntArray.FromNumpy(np.arange(count, dtype=np.int32) % 3)),
    ):
        if name in spec.properties:
            del spec.properties[name]
        attribute = Sdf.AttributeSpec(spec, name, getattr(Sdf.ValueTypeNames, kind))
        attribute.default = value
    spec.attributes["primvars:st"].SetInfo("interpolation", "faceVarying")
    spec.SetInfo("comment", "few values")
    copy.save(layer)
    return True


def _many_corners(spec: Any) -> bool:
    corners = spec.attributes.get("faceVertexIndices")
    return (
        corners is not None
        and hasattr(corners.default, "__len__")
        and ENOUGH <= len(corners.default) <= 100_000
    )


def values_written_out(copy: Copy) -> Fault | None:
    from pxr import Vt

    layer = copy.layer()
    spec = _spec(copy, layer, "Mesh", lambda s: s.HasInfo("comment") and s.GetInfo("comment") == "few values")
    values = np.array(spec.attributes["primvars:st"].default)
    indices = np.array(spec.attributes["primvars:st:indices"].default)
    spec.attributes["primvars:st"].default = Vt.Vec2fArray.FromNumpy(np.ascontiguousarray(values[indices]))
    del spec.properties["primvars:st:indices"]
    copy.save(layer)
    return Fault("values_written_out", frozenset({"primvar.repeated"}), (f"{spec.path}.primvars:st",))


WORDS = {
    "subdivisionScheme": "catmullClark",
    "orientation": "rightHanded",
    "visibility": "inherited",
    "interpolateBoundary": "edgeAndCorner",
    "purpose": "default",
}
"""Words with what is meant where none is written."""


def word_in_other_case(copy: Copy) -> Fault | None:
    from pxr import Sdf

    layer = copy.layer()
    spec = _spec(copy, layer, "Mesh", lambda s: "points" in s.properties)
    if spec is None:
        return None
    name = copy.rng.choice(sorted(WORDS))
    attribute = spec.attributes.get(name)
    if attribute is None:
        attribute = Sdf.AttributeSpec(spec, name, Sdf.ValueTypeNames.Token, Sdf.VariabilityUniform)
    meant = attribute.default or WORDS[name]
    attribute.default = copy.rng.choice([meant.upper(), meant.swapcase(), meant.capitalize()])
    copy.save(layer)
    said = f"{name} = {attribute.default}"
    return Fault("word_in_other_case", frozenset({"token.invalid"}), (f"{spec.path}.{name}",), said)


def _data_texture(copy: Copy) -> bool:
    """A surface takes its roughness, metalness or occlusion from a texture that is read raw."""
    from pxr import Sdf

    layer = copy.layer()
    shaders = copy.specs(layer, "Shader")
    ids = {s: s.attributes["info:id"].default for s in shaders if s.attributes.get("info:id")}
    textures = [s for s, i in ids.items() if i == "UsdUVTexture" and s.attributes.get("inputs:file")]
    surfaces = [s for s, i in ids.items() if i == "UsdPreviewSurface"]
    if not textures or not surfaces:
        return False
    surface = copy.rng.choice(surfaces)
    texture = Sdf.PrimSpec(
        layer.GetPrimAtPath(surface.path.GetParentPath()), "DataTexture", Sdf.SpecifierDef, "Shader"
    )
    for key, kind, value in (
        ("info:id", "Token", "UsdUVTexture"), ("inputs:sourceColorSpace", "Token", "raw"),
        ("inputs:file", "Asset", textures[0].attributes["inputs:file"].default), ("outputs:g", "Float", None),
    ):  # fmt: skip
        attribute = Sdf.AttributeSpec(texture, key, getattr(Sdf.ValueTypeNames, kind))
        if value is not None:
            attribute.default = value
    name = "inputs:" + copy.rng.choice(["roughness", "metallic", "occlusion"])
    wanted = surface.attributes.get(name) or Sdf.AttributeSpec(surface, name, Sdf.ValueTypeNames.Float)
    wanted.connectionPathList.ClearEditsAndMakeExplicit()
    wanted.connectionPathList.explicitItems.append(texture.path.AppendProperty("outputs:g"))
    copy.save(layer)
    return True


def data_read_as_colours(copy: Copy) -> Fault | None:
    layer = copy.layer()
    (spec,) = [s for s in copy.specs(layer, "Shader") if s.name == "DataTexture"]
    spec.attributes["inputs:sourceColorSpace"].default = "sRGB"
    copy.save(layer)
    return Fault("data_read_as_colours", frozenset({"texture.color-space"}), (str(spec.path),))


def texture_in_other_case(copy: Copy) -> Fault | None:
    """The finding is of whichever shader names the file."""
    fault = file_in_other_case(copy)
    return fault and replace(fault, places=())


def default_prim_lost(copy: Copy) -> Fault | None:
    layer = copy.layer()
    if len(layer.rootPrims) != 1 or not layer.defaultPrim:
        return None
    layer.ClearDefaultPrim()
    copy.save(layer)
    return Fault("default_prim_lost", frozenset({"stage.default-prim"}))


def _in_a_scene(copy: Copy) -> bool:
    """A scene beside the asset that says the same units and axis, which are those that USD assumes."""
    layer = copy.layer()
    told = layer.pseudoRoot
    agrees = told.HasInfo("metersPerUnit") and told.GetInfo("metersPerUnit") == 0.01
    if not agrees or not told.HasInfo("upAxis") or told.GetInfo("upAxis") != "Y" or not layer.defaultPrim:
        return False
    copy.root = copy.edit.parent / "scene_of_it.usda"
    head = ' defaultPrim = "World"\n metersPerUnit = 0.01\n upAxis = "Y"\n'
    part = f' def "Part" (\n  prepend references = @./{copy.edit.name}@\n ) {{\n }}'
    copy.root.write_text(f'#usda 1.0\n(\n{head})\ndef Xform "World"\n{{\n{part}\n}}\n')
    return True


def _line_lost(copy: Copy, operator: str, start: str, code: str) -> Fault:
    lines = copy.root.read_text().splitlines(keepends=True)
    copy.root.write_text("".join(line for line in lines if not line.startswith(f" {start}")))
    return Fault(operator, frozenset({code}))


def units_lost(copy: Copy) -> Fault | None:
    return _line_lost(copy, "units_lost", "metersPerUnit", "stage.units")


def axis_lost(copy: Copy) -> Fault | None:
    return _line_lost(copy, "axis_lost", "upAxis", "stage.up-axis")


MENDABLE = (
    Mendable("extent_wrong", extent_wrong),
    Mendable("extent_lost", extent_lost),
    Mendable("family_name_lost", family_name_lost, shows=True, intended=_two_looks),
    Mendable("family_type_lost", family_type_lost, intended=_two_looks),
    Mendable("binding_schema_lost", binding_schema_lost),
    Mendable("skeleton_schema_lost", skeleton_schema_lost, shows=True),
    Mendable("values_written_out", values_written_out, intended=_few_values),
    Mendable("word_in_other_case", word_in_other_case, shows=True),
    Mendable("path_with_backslashes", path_with_backslashes, shows=True),
    Mendable("texture_in_other_case", texture_in_other_case, shows=True),
    Mendable("data_read_as_colours", data_read_as_colours, shows=True, intended=_data_texture),
    Mendable("default_prim_lost", default_prim_lost),
    Mendable("units_lost", units_lost, intended=_in_a_scene),
    Mendable("axis_lost", axis_lost, intended=_in_a_scene),
)
