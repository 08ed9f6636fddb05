"""The tree of a document as prims: transforms, geometry, cameras, lights, labels. Touches pxr."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from twinstage.assets.importing.document import Camera, Document, Light, Node, Transform
from twinstage.assets.importing.plan import PROTOTYPES, Plan
from twinstage.assets.importing.standard import light_intensity
from twinstage.assets.importing.usd_author import (
    apply,
    attribute,
    define,
    matrix,
    quat,
    refer,
    tokens,
    vectors,
)
from twinstage.assets.importing.usd_geometry import Prepared, bind, shape_scale, write
from twinstage.scene.transforms import decompose_trs

SMALL_LAMP = 0.01
"""Radius of lamps that the file gives none [m]."""
MAX_EXTRAS = 100


def write_nodes(
    layer: Any,
    document: Document,
    plan: Plan,
    made: Sequence[Prepared | None],
    materials: Mapping[int, str],
    animated: Mapping[int, frozenset[str]],
    *,
    bare: bool = False,
) -> None:
    """All prims but skeletons. `animated`: properties that will get samples, by node; `bare`: they get no default here."""
    _write_prototypes(layer, document, plan, made, materials)
    for n, node in enumerate(document.nodes):
        path = plan.nodes[n]
        if not path or (n in plan.deformed and plan.geometry[n] == path):
            continue
        sole = path in (plan.geometry[n], plan.cameras[n], plan.lights[n])
        prim = None
        if not sole:
            prim = define(layer, path, "SkelRoot" if n in plan.morphed else "Xform")
        if plan.geometry[n] and n not in plan.deformed:
            _write_geometry(layer, plan, n, node, made, materials)
        if plan.cameras[n]:
            write_camera(define(layer, plan.cameras[n], "Camera"), document.cameras[node.camera])
        if plan.lights[n]:
            light = document.lights[node.light]
            write_light(define(layer, plan.lights[n], _LIGHTS[light.kind]), light)
        prim = prim or layer.GetPrimAtPath(path)
        inner = (
            shape_scale(document.geometry[node.geometry]) if sole and plan.geometry[n] else (1.0, 1.0, 1.0)
        )
        write_transform(prim, node.transform, animated.get(n, frozenset()), inner, bare=bare)
        if plan.geometry[n] and not sole and n not in plan.deformed:
            inner = shape_scale(document.geometry[node.geometry])
            write_transform(layer.GetPrimAtPath(plan.geometry[n]), Transform(), frozenset(), inner)
        decorate(prim, node)


def _write_prototypes(
    layer: Any,
    document: Document,
    plan: Plan,
    made: Sequence[Prepared | None],
    materials: Mapping[int, str],
) -> None:
    if not plan.prototypes:
        return
    define(layer, f"{plan.root}/{PROTOTYPES}", "Scope", abstract=True)
    for number, path in plan.prototypes.items():
        one = made[number]
        assert one is not None
        write(layer, path, one, materials)


def _write_geometry(
    layer: Any,
    plan: Plan,
    n: int,
    node: Node,
    made: Sequence[Prepared | None],
    materials: Mapping[int, str],
) -> None:
    path, one = plan.geometry[n], made[node.geometry]
    assert one is not None
    if node.geometry in plan.prototypes:
        prim = define(layer, path, one.kind)
        refer(prim, plan.prototypes[node.geometry])
    else:
        prim = write(layer, path, one, materials)
    if node.material >= 0:
        override(prim, materials.get(node.material), one)


def override(prim: Any, material: str | None, one: Prepared) -> None:
    """Bind another material than the geometry's own."""
    if material is None:
        return
    if "material:binding" in prim.relationships:
        del prim.properties["material:binding"]
    bind(prim, material)
    if one.mesh is not None and one.mesh.subsets:
        prim.relationships["material:binding"].SetInfo("bindMaterialAs", "strongerThanDescendants")


def write_transform(
    prim: Any,
    transform: Transform,
    animated: frozenset[str],
    inner: tuple[float, float, float] = (1.0, 1.0, 1.0),
    *,
    bare: bool = False,
) -> None:
    """Translate, orient and scale ops, each only where it does something or has samples; a matrix only where there is shear.

    `inner`: a scale that is applied before all others. `bare`: what is animated gets no value.
    """
    if transform.matrix is not None:
        local = transform.to_matrix() * np.array([*inner, 1.0])
        translation, rotation, scale, shear = decompose_trs(local[None])
        if not animated & {"translation", "rotation", "scale"} and shear[0] > 1e-9 * max(
            float(np.abs(scale).max()), 1e-30
        ):
            attribute(prim, "xformOp:transform", "matrix4d", matrix(local))
            attribute(prim, "xformOpOrder", "token[]", tokens(["xformOp:transform"]), uniform=True)
            return
        translation, rotation, scale = translation[0], rotation[0], scale[0]
        scale = np.where(np.abs(scale - np.round(scale)) < 1e-12, np.round(scale), scale)
    else:
        translation = np.array(transform.translation, np.float64)
        rotation = np.array(transform.rotation, np.float64)
        length = float(np.linalg.norm(rotation))
        rotation = rotation / length if length > 0 else np.array([1.0, 0.0, 0.0, 0.0])
        scale = np.array(transform.scale, np.float64) * np.array(inner)
    order = []
    if np.any(translation != 0) or "translation" in animated:
        value: Any = tuple((translation + 0.0).tolist())
        attribute(prim, "xformOp:translate", "double3", None if bare and "translation" in animated else value)
        order.append("xformOp:translate")
    if abs(abs(rotation[0]) - 1.0) > 1e-15 or "rotation" in animated:
        value = quat((rotation + 0.0).tolist(), double=True)
        attribute(prim, "xformOp:orient", "quatd", None if bare and "rotation" in animated else value)
        order.append("xformOp:orient")
    if np.any(scale != 1) or "scale" in animated:
        value = tuple(scale.tolist())
        attribute(prim, "xformOp:scale", "double3", None if bare and "scale" in animated else value)
        order.append("xformOp:scale")
    if order:
        attribute(prim, "xformOpOrder", "token[]", tokens(order), uniform=True)


def decorate(prim: Any, node: Node) -> None:
    """Visibility, purpose, kind, labels and extras of a node; its own name, where the prim's had to differ."""
    if node.name and node.name != prim.name:
        prim.SetInfo("displayName", node.name)
    if not node.visible:
        attribute(prim, "visibility", "token", "invisible")
    if node.purpose != "default":
        attribute(prim, "purpose", "token", node.purpose, uniform=True)
    if node.kind:
        prim.SetInfo("kind", node.kind)
    label(prim, node.labels)
    extras = _plain(node.extras)
    if extras:
        prim.SetInfo("customData", {"extras": extras})


def label(prim: Any, labels: Sequence[str]) -> None:
    """UsdSemantics labels, of the taxonomy `class`."""
    if labels:
        apply(prim, "SemanticsLabelsAPI:class")
        attribute(prim, "semantics:labels:class", "token[]", tokens(labels))


def _plain(extras: Mapping[str, Any]) -> dict[str, Any]:
    """What USD's dictionaries hold: text, numbers, booleans, lists of one kind of them, dictionaries."""
    from pxr import Vt

    out: dict[str, Any] = {}
    for key, value in list(extras.items())[:MAX_EXTRAS]:
        if isinstance(value, bool | str):
            out[key] = value
        elif isinstance(value, int):
            out[key] = value if abs(value) < 2**31 else float(value)
        elif isinstance(value, float) and math.isfinite(value):
            out[key] = value
        elif isinstance(value, Mapping):
            out[key] = _plain(value)
        elif isinstance(value, list | tuple) and value:
            if all(isinstance(v, str) for v in value):
                out[key] = Vt.StringArray(list(value))
            elif all(isinstance(v, int | float) and not isinstance(v, bool) for v in value):
                out[key] = Vt.DoubleArray([float(v) for v in value])
    return {key.replace(":", "_") or "_": value for key, value in out.items()}


def write_camera(prim: Any, camera: Camera) -> None:
    """A camera: apertures in tenths of a stage unit, as the schema has them."""
    near = max(camera.near, 1e-4)
    far = camera.far if camera.far is not None else max(1e5, near * 1e6)
    attribute(prim, "projection", "token", camera.kind)
    attribute(prim, "clippingRange", "float2", (near, max(far, near * 1.001)))
    if camera.kind == "orthographic":
        height = camera.height * 10.0
        attribute(prim, "verticalAperture", "float", height)
        attribute(prim, "horizontalAperture", "float", height * camera.aspect)
        return
    height = 20.955 / camera.aspect  # the schema's own width of film, 20.955 mm
    attribute(prim, "horizontalAperture", "float", 20.955)
    attribute(prim, "verticalAperture", "float", height)
    attribute(prim, "focalLength", "float", height / 2 / math.tan(camera.vertical_fov / 2))


_LIGHTS = {"directional": "DistantLight", "point": "SphereLight", "spot": "SphereLight"}


def write_light(prim: Any, light: Light) -> None:
    """A lamp, normalized: its intensity does not depend on its size."""
    attribute(prim, "inputs:color", "color3f", light.color)
    attribute(prim, "inputs:intensity", "float", light_intensity(light))
    attribute(prim, "inputs:normalize", "bool", True)
    if light.kind == "directional":
        return
    radius = light.radius or SMALL_LAMP
    attribute(prim, "inputs:radius", "float", radius)
    attribute(prim, "extent", "float3[]", vectors(np.array([[-radius] * 3, [radius] * 3]), "Vec3f"))
    if light.kind == "spot":
        inner, outer = light.cones
        apply(prim, "ShapingAPI")
        attribute(prim, "inputs:shaping:cone:angle", "float", math.degrees(outer))
        softness = 0.0 if outer <= 0 else min(max(1.0 - inner / outer, 0.0), 1.0)
        attribute(prim, "inputs:shaping:cone:softness", "float", softness)


def write_root(layer: Any, path: str, kind: str) -> Any:
    """The root prim in a layer of the payload."""
    prim = define(layer, path, kind)
    layer.defaultPrim = path[1:]
    return prim
