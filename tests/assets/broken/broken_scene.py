"""Operators that break the scene: header, transforms, instancers, references, names, shaders, joints."""

from typing import Any

from broken_bases import Copy, Fault, Operator


def _header(copy: Copy, operator: str, key: str, value: Any, code: str) -> Fault | None:
    """Write a value into the header of the root layer."""
    from pxr import Sdf

    if "package" in copy.base.tags:
        return None
    layer = Sdf.Layer.OpenAsAnonymous(str(copy.root))
    layer.pseudoRoot.SetInfo(key, value)
    _save_root(copy, layer)
    return Fault(operator, frozenset({code}), (), f"{key} = {value}")


def _save_root(copy: Copy, layer: Any) -> None:
    kind = "usda" if copy.root.read_bytes()[:5] == b"#usda" else "usdc"
    copy.root.unlink()
    assert layer.Export(str(copy.root), args={"format": kind} if copy.root.suffix == ".usd" else {})


def units_zero_or_negative(copy: Copy) -> Fault | None:
    value = copy.rng.choice([0.0, -0.01, -1.0, float("nan"), float("inf")])
    return _header(copy, "units_zero_or_negative", "metersPerUnit", value, "stage.units")


def up_axis_impossible(copy: Copy) -> Fault | None:
    return _header(copy, "up_axis_impossible", "upAxis", copy.rng.choice(["X", "z", "up"]), "stage.up-axis")


def time_rate_zero(copy: Copy) -> Fault | None:
    value = copy.rng.choice([0.0, -24.0])
    return _header(copy, "time_rate_zero", "timeCodesPerSecond", value, "stage.time-rate")


def default_prim_elsewhere(copy: Copy) -> Fault | None:
    return _header(copy, "default_prim_elsewhere", "defaultPrim", "Nowhere", "stage.default-prim")


def time_reversed(copy: Copy) -> Fault | None:
    from pxr import Sdf

    if "package" in copy.base.tags:
        return None
    layer = Sdf.Layer.OpenAsAnonymous(str(copy.root))
    layer.startTimeCode, layer.endTimeCode = 100.0, float(copy.rng.randrange(-50, 100))
    _save_root(copy, layer)
    return Fault("time_reversed", frozenset({"stage.time-range"}), (), f"ends at {layer.endTimeCode}")


def _scene(copy: Copy, body: str, metres: float = 0.0, axis: str = "") -> None:
    """A new root file beside the asset; {asset} stands for the reference to it."""
    from pxr import Sdf

    layer = Sdf.Layer.OpenAsAnonymous(str(copy.root))
    metres = metres or layer.pseudoRoot.GetInfo("metersPerUnit") or 0.01
    axis = axis or layer.pseudoRoot.GetInfo("upAxis") or "Y"
    target = "" if layer.defaultPrim else f"<{layer.rootPrims[0].path}>"
    text = (
        f'#usda 1.0\n(\n defaultPrim = "World"\n metersPerUnit = {metres}\n upAxis = "{axis}"\n)\n'
        f'def Xform "World"\n{{\n{body}\n}}\n'
    ).replace("{asset}", f"@./{copy.root.name}@{target}")
    copy.root = copy.home / "broken_scene.usda"
    copy.root.write_text(text)


def _metrics(copy: Copy) -> tuple[float, str]:
    from pxr import Sdf

    layer = Sdf.Layer.OpenAsAnonymous(str(copy.root))
    root = layer.pseudoRoot
    return (
        float(root.GetInfo("metersPerUnit")) if root.HasInfo("metersPerUnit") else 0.0,
        str(root.GetInfo("upAxis")) if root.HasInfo("upAxis") else "",
    )


def units_differ_across_a_reference(copy: Copy) -> Fault | None:
    metres, _ = _metrics(copy)
    if not metres:
        return None
    ratio = copy.rng.choice([100.0, 0.01, 1000.0, 0.0254])
    _scene(copy, ' def "Part" (references = {asset}) {\n }', metres * ratio)
    return Fault("units_differ_across_a_reference", frozenset({"arc.units"}), ("Part",), f"ratio {ratio}")


def axes_differ_across_a_reference(copy: Copy) -> Fault | None:
    _, axis = _metrics(copy)
    if axis not in ("Y", "Z"):
        return None
    _scene(copy, ' def "Part" (references = {asset}) {\n }', axis="Z" if axis == "Y" else "Y")
    return Fault("axes_differ_across_a_reference", frozenset({"arc.up-axis"}), ("Part",), axis)


def far_from_origin(copy: Copy) -> Fault | None:
    metres, _ = _metrics(copy)
    away = copy.rng.choice([7e6, 5e5, 4e4]) / (metres or 0.01)
    place = [0.0, 0.0, 0.0]
    place[copy.rng.randrange(3)] = away
    body = (
        ' def Xform "Part" (references = {asset}) {\n'
        f"  double3 xformOp:translate:away = ({place[0]}, {place[1]}, {place[2]})\n"
        '  uniform token[] xformOpOrder = ["xformOp:translate:away"]\n }'
    )
    _scene(copy, body)
    return Fault("far_from_origin", frozenset({"stage.far"}), ("Part",), f"{away:g}")


def _op(copy: Copy, operator: str, lines: str, codes: set[str], text: str) -> Fault:
    _scene(copy, f' def Xform "Part" {{\n {lines}\n  def "Inner" (references = {{asset}}) {{\n  }}\n }}')
    return Fault(operator, frozenset(codes), ("Part",), text)


def transform_not_finite(copy: Copy) -> Fault | None:
    value = copy.rng.choice(["nan", "inf", "-inf"])
    name, kind, rest = copy.rng.choice(
        [("translate", "double3", "(0, {}, 0)"), ("scale", "float3", "(1, {}, 1)"), ("rotateXYZ", "float3", "({}, 0, 0)")]
    )  # fmt: skip
    lines = (
        f'{kind} xformOp:{name} = {rest.format(value)}\n uniform token[] xformOpOrder = ["xformOp:{name}"]'
    )
    return _op(copy, "transform_not_finite", lines, {"xform.not-finite"}, f"{name} {value}")


def transform_scale_zero(copy: Copy) -> Fault | None:
    scale = copy.rng.choice(["(0, 1, 1)", "(0, 0, 0)", "(1, 1, 0)"])
    lines = f'float3 xformOp:scale = {scale}\n uniform token[] xformOpOrder = ["xformOp:scale"]'
    return _op(copy, "transform_scale_zero", lines, {"xform.flat"}, scale)


def transform_step_missing(copy: Copy) -> Fault | None:
    name = copy.rng.choice(["translate", "rotateZ", "scale:extra", "transform"])
    lines = f'uniform token[] xformOpOrder = ["xformOp:{name}"]'
    return _op(copy, "transform_step_missing", lines, {"xform.missing-op"}, name)


def transform_step_unnamed(copy: Copy) -> Fault | None:
    lines = "double3 xformOp:translate = (1, 2, 3)\n float3 xformOp:scale = (2, 2, 2)\n"
    lines += 'uniform token[] xformOpOrder = ["xformOp:translate"]'
    return _op(copy, "transform_step_unnamed", lines, {"xform.unused-op"}, "scale")


def quaternion_of_no_length(copy: Copy) -> Fault | None:
    value = copy.rng.choice(["(0, 0, 0, 0)", "(3, 0, 0, 0)", "(0.5, 0.1, 0, 0)"])
    lines = f'quatf xformOp:orient = {value}\n uniform token[] xformOpOrder = ["xformOp:orient"]'
    return _op(copy, "quaternion_of_no_length", lines, {"xform.quaternion", "xform.flat"}, value)


def _instancer(copy: Copy, operator: str, codes: set[str], change: str) -> Fault | None:
    from pxr import Sdf, Vt

    layer = copy.layer()
    specs = [s for s in copy.specs(layer, "PointInstancer") if _indices(s) is not None]
    if not specs:
        return None
    spec = copy.rng.choice(specs)
    indices = _indices(spec)
    if change == "range":
        at = copy.rng.randrange(len(indices))
        indices[at] = copy.rng.choice([-1, 99, 10**6])
        spec.attributes["protoIndices"].default = Vt.IntArray(indices)
    elif change == "length":
        positions = spec.attributes.get("positions")
        if positions is None or positions.default is None or not len(positions.default):
            return None
        positions.default = Vt.Vec3fArray(list(positions.default)[:-1])
    elif change == "prototype":
        relation = spec.relationships.get("prototypes")
        if relation is None or not relation.targetPathList.GetAddedOrExplicitItems():
            return None
        paths = list(relation.targetPathList.GetAddedOrExplicitItems())
        paths[copy.rng.randrange(len(paths))] = spec.path.AppendChild("Nowhere")
        relation.targetPathList.ClearEditsAndMakeExplicit()
        relation.targetPathList.explicitItems = paths
    elif change == "ids":
        if len(indices) < 2:
            return None
        ids = list(range(len(indices)))
        ids[-1] = 0
        if "ids" in spec.attributes.keys():  # noqa: SIM118
            del spec.properties["ids"]
        attribute = Sdf.AttributeSpec(spec, "ids", Sdf.ValueTypeNames.Int64Array)
        attribute.default = Vt.Int64Array(ids)
    else:
        positions = spec.attributes.get("positions")
        if positions is None or positions.default is None or not len(positions.default):
            return None
        values = list(positions.default)
        values[0] = (float("nan"), 0, 0)
        positions.default = Vt.Vec3fArray(values)
    copy.save(layer)
    return Fault(operator, frozenset(codes), (str(spec.name),), change)


def _indices(spec: Any) -> list[int] | None:
    attribute = spec.attributes.get("protoIndices")
    if attribute is None or attribute.default is None or spec.layer.ListTimeSamplesForPath(attribute.path):
        return None
    return [int(k) for k in attribute.default] or None


def prototype_index_out_of_range(copy: Copy) -> Fault | None:
    return _instancer(copy, "prototype_index_out_of_range", {"instancer.prototype-range"}, "range")


def positions_too_few(copy: Copy) -> Fault | None:
    return _instancer(copy, "positions_too_few", {"instancer.lengths"}, "length")


def prototype_missing(copy: Copy) -> Fault | None:
    return _instancer(copy, "prototype_missing", {"instancer.prototype-missing"}, "prototype")


def ids_repeated(copy: Copy) -> Fault | None:
    return _instancer(copy, "ids_repeated", {"instancer.ids"}, "ids")


def position_not_finite(copy: Copy) -> Fault | None:
    return _instancer(copy, "position_not_finite", {"instancer.not-finite"}, "nan")


def instances_multiply(copy: Copy) -> Fault | None:
    levels = copy.rng.randrange(8, 10)
    parts = [' class "L0" {\n  def "Asset" (references = {asset}) {\n  }\n  def Cube "C" {\n  }\n }']
    for k in range(1, levels):
        inner = "\n".join(
            f'  def "I{n}" (instanceable = true\n   references = </World/L{k - 1}>) {{\n  }}'
            for n in range(12)
        )
        parts.append(f' class "L{k}" {{\n{inner}\n }}')
    parts.append(f' def "Bomb" (instanceable = true\n  references = </World/L{levels - 1}>) {{\n }}')
    _scene(copy, "\n".join(parts))
    return Fault(
        "instances_multiply",
        frozenset({"stage.expansion", "stage.time-limit"}),
        ("Bomb",),
        f"12^{levels - 1}",
    )


def reference_missing(copy: Copy) -> Fault | None:
    name = copy.rng.choice(["gone.usda", "parts/gone.usdc", "../asset/gone.usd"])
    arc = copy.rng.choice(["references", "payload"])
    _scene(copy, f' def "Good" (references = {{asset}}) {{\n }}\n def "Part" ({arc} = @./{name}@) {{\n }}')
    return Fault(
        "reference_missing", frozenset({"asset.unresolved", "asset.outside-root"}), ("Part", "gone"), name
    )


def sublayer_missing(copy: Copy) -> Fault | None:
    _scene(copy, ' def "Good" (references = {asset}) {\n }')
    text = copy.root.read_text().replace("(\n", "(\n subLayers = [@./gone_layer.usda@]\n", 1)
    copy.root.write_text(text)
    return Fault("sublayer_missing", frozenset({"asset.unresolved"}), ("gone_layer",))


def reference_to_no_prim(copy: Copy) -> Fault | None:
    name = copy.root.name
    _scene(
        copy,
        f' def "Good" (references = {{asset}}) {{\n }}\n def "Part" (references = @./{name}@</Nowhere>) {{\n }}',
    )
    return Fault("reference_to_no_prim", frozenset({"arc.no-prim"}), ("Part", "Nowhere"))


def reference_circle(copy: Copy) -> Fault | None:
    _scene(copy, ' def "Good" (references = {asset}) {\n }\n def "Part" (references = </World>) {\n }')
    return Fault("reference_circle", frozenset({"arc.cycle"}), ("Part", "World"))


def names_differ_by_case(copy: Copy) -> Fault | None:
    name = copy.rng.choice(["part", "PART", "parT"])
    _scene(
        copy,
        f' def Xform "Part" (references = {{asset}}) {{\n }}\n def Xform "{name}" (references = {{asset}}) {{\n }}',
    )
    return Fault("names_differ_by_case", frozenset({"prim.case"}), (name, "Part"))


def type_misspelt(copy: Copy) -> Fault | None:
    name = copy.rng.choice(["Mehs", "mesh", "XForm", "Shpere", "Pointinstancer"])
    _scene(copy, f' def "Good" (references = {{asset}}) {{\n }}\n def {name} "Part" {{\n }}')
    return Fault("type_misspelt", frozenset({"prim.unknown-type"}), ("Part",), name)


def shape_below_shape(copy: Copy) -> Fault | None:
    _scene(
        copy, ' def "Good" (references = {asset}) {\n }\n def Cube "Part" {\n  def Sphere "Inner" {\n  }\n }'
    )
    return Fault("shape_below_shape", frozenset({"prim.nested-gprim"}), ("Inner",))


def joint_without_body(copy: Copy) -> Fault | None:
    kind = copy.rng.choice(["PhysicsRevoluteJoint", "PhysicsFixedJoint", "PhysicsPrismaticJoint"])
    body = f' def "Good" (references = {{asset}}) {{\n }}\n def {kind} "Part" {{\n  rel physics:body0 = </World/Nobody>\n }}'
    _scene(copy, body)
    return Fault("joint_without_body", frozenset({"physics.joint-body"}), ("Part",), kind)


def _shaders(copy: Copy) -> tuple[Any, list[Any]]:
    layer = copy.layer()
    return layer, copy.specs(layer, "Shader")


def shader_circle(copy: Copy) -> Fault | None:
    from pxr import Sdf

    layer, shaders = _shaders(copy)
    parents = {s.path.GetParentPath() for s in shaders}
    if not parents:
        return None
    home = copy.rng.choice(sorted(parents, key=str))
    here = [s for s in shaders if s.path.GetParentPath() == home]
    first, last = here[0], here[-1]
    for one, other in ((first, last), (last, first)):
        source = Sdf.AttributeSpec(one, "inputs:circle", Sdf.ValueTypeNames.Float)
        if not one.attributes.get("outputs:circle"):
            Sdf.AttributeSpec(one, "outputs:circle", Sdf.ValueTypeNames.Float)
        source.connectionPathList.explicitItems.append(other.path.AppendProperty("outputs:circle"))
        if first == last:
            break
    copy.save(layer)
    return Fault("shader_circle", frozenset({"shader.loop"}), (str(first.name), str(last.name)))


def shader_connected_to_nothing(copy: Copy) -> Fault | None:
    from pxr import Sdf

    layer, shaders = _shaders(copy)
    if not shaders:
        return None
    spec = copy.rng.choice(shaders)
    attribute = spec.attributes.get("inputs:roughness") or Sdf.AttributeSpec(
        spec, "inputs:roughness", Sdf.ValueTypeNames.Float
    )
    attribute.connectionPathList.ClearEditsAndMakeExplicit()
    attribute.connectionPathList.explicitItems.append(
        spec.path.GetParentPath().AppendChild("Gone").AppendProperty("outputs:r")
    )
    copy.save(layer)
    return Fault("shader_connected_to_nothing", frozenset({"shader.dead-connection"}), (str(spec.name),))


def material_missing(copy: Copy) -> Fault | None:
    from pxr import Sdf

    layer = copy.layer()
    specs = copy.specs(layer, "Mesh")
    if not specs:
        return None
    spec = copy.rng.choice(specs)
    spec.SetInfo("apiSchemas", Sdf.TokenListOp.Create(prependedItems=["MaterialBindingAPI"]))
    relation = spec.relationships.get("material:binding") or Sdf.RelationshipSpec(
        spec, "material:binding", False
    )
    relation.targetPathList.ClearEditsAndMakeExplicit()
    relation.targetPathList.explicitItems.append(spec.path.GetParentPath().AppendChild("NoMaterial"))
    copy.save(layer)
    return Fault("material_missing", frozenset({"material.binding"}), (str(spec.name),))


def data_read_as_colour(copy: Copy) -> Fault | None:
    from pxr import Sdf

    layer, shaders = _shaders(copy)
    ids = {s: s.attributes.get("info:id").default for s in shaders if s.attributes.get("info:id")}
    textures = [s for s, i in ids.items() if i == "UsdUVTexture" and s.attributes.get("inputs:file")]
    surfaces = [s for s, i in ids.items() if i == "UsdPreviewSurface"]
    if not textures or not surfaces:
        return None
    surface = copy.rng.choice(surfaces)
    name = copy.rng.choice(["roughness", "metallic", "occlusion"])
    home = layer.GetPrimAtPath(surface.path.GetParentPath())
    texture = Sdf.PrimSpec(home, "DataTexture", Sdf.SpecifierDef, "Shader")
    for key, kind, value in (
        ("info:id", "Token", "UsdUVTexture"), ("inputs:sourceColorSpace", "Token", "sRGB"),
        ("inputs:file", "Asset", textures[0].attributes["inputs:file"].default), ("outputs:g", "Float", None),
    ):  # fmt: skip
        attribute = Sdf.AttributeSpec(texture, key, getattr(Sdf.ValueTypeNames, kind))
        if value is not None:
            attribute.default = value
    wanted = surface.attributes.get(f"inputs:{name}") or Sdf.AttributeSpec(
        surface, f"inputs:{name}", Sdf.ValueTypeNames.Float
    )
    wanted.connectionPathList.ClearEditsAndMakeExplicit()
    wanted.connectionPathList.explicitItems.append(texture.path.AppendProperty("outputs:g"))
    copy.save(layer)
    return Fault("data_read_as_colour", frozenset({"texture.color-space"}), ("DataTexture",), name)


SCENE: tuple[Operator, ...] = (
    units_zero_or_negative, up_axis_impossible, time_rate_zero, default_prim_elsewhere, time_reversed,
    units_differ_across_a_reference, axes_differ_across_a_reference, far_from_origin, transform_not_finite,
    transform_scale_zero, transform_step_missing, transform_step_unnamed, quaternion_of_no_length,
    prototype_index_out_of_range, positions_too_few, prototype_missing, ids_repeated, position_not_finite,
    instances_multiply, reference_missing, sublayer_missing, reference_to_no_prim, reference_circle, names_differ_by_case,
    type_misspelt, shape_below_shape, joint_without_body, shader_circle, shader_connected_to_nothing, material_missing,
    data_read_as_colour,
)  # fmt: skip
