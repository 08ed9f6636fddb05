"""UsdPreviewSurface: constants, textures and their transforms, as UsdShade gives them, against a snapshot."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
from pxr import Ar, UsdShade

from conformance.compare import line
from conformance.oracle import Oracle
from twinstage.scene.snapshot import Snapshot

FIELDS = {
    "diffuseColor": ("diffuse_color", (0.18, 0.18, 0.18)),
    "emissiveColor": ("emissive_color", (0.0, 0.0, 0.0)),
    "specularColor": ("specular_color", (0.0, 0.0, 0.0)),
    "metallic": ("metallic", 0.0),
    "roughness": ("roughness", 0.5),
    "clearcoat": ("clearcoat", 0.0),
    "clearcoatRoughness": ("clearcoat_roughness", 0.01),
    "opacity": ("opacity", 1.0),
    "opacityThreshold": ("opacity_threshold", 0.0),
    "ior": ("ior", 1.5),
}
"""Input name -> field of the snapshot's material, and the fall-back of the UsdPreviewSurface specification."""


def surfaces(snapshot: Snapshot, oracle: Oracle) -> Iterator[str]:
    """Every material of a UsdPreviewSurface that the snapshot holds once (tinted copies are the gprim's colour)."""
    times = Counter(material.path for material in snapshot.materials)
    for material in snapshot.materials:
        prim = oracle.stage.GetPrimAtPath(material.path) if material.path else None
        if not prim or times[material.path] > 1:
            continue
        shader = UsdShade.Material(prim).ComputeSurfaceSource()[0]
        if shader and shader.GetShaderId() == "UsdPreviewSurface":
            for name, (field, fallback) in FIELDS.items():
                yield from _input(snapshot, oracle, material, shader, name, field, fallback)
            workflow = _constant(shader, "useSpecularWorkflow", oracle)
            if workflow is not None and bool(workflow) != material.use_specular_workflow:
                yield line(
                    material.path, "useSpecularWorkflow", bool(workflow), material.use_specular_workflow
                )


def _input(
    snapshot: Snapshot, oracle: Oracle, material: Any, shader: Any, name: str, field: str, fallback: Any
) -> Iterator[str]:
    source = _source(shader, name)
    if source is None:
        expected = _constant(shader, name, oracle)
        expected = fallback if expected is None else expected
        got = getattr(material, field)
        if not np.allclose(np.array(got, np.float64), np.array(expected, np.float64), rtol=1e-6, atol=1e-7):
            yield line(material.path, name, expected, got)
    elif source.GetShaderId() == "UsdUVTexture":
        yield from _texture(snapshot, oracle, material, source, name)


def _source(shader: Any, name: str) -> Any:
    """The shader that feeds an input, through interfaces; None where a value does, or nothing."""
    found = shader.GetInput(name)
    attributes = UsdShade.Utils.GetValueProducingAttributes(found) if found else []
    if not attributes:
        return None
    return (
        UsdShade.Shader(attributes[0].GetPrim())
        if str(attributes[0].GetName()).startswith("outputs:")
        else None
    )


def _constant(shader: Any, name: str, oracle: Oracle) -> Any:
    found = shader.GetInput(name)
    attributes = UsdShade.Utils.GetValueProducingAttributes(found) if found else []
    return attributes[0].Get(oracle.time) if attributes else None


def _texture(snapshot: Snapshot, oracle: Oracle, material: Any, source: Any, name: str) -> Iterator[str]:
    file = _constant(source, "file", oracle)
    resolved = str(getattr(file, "resolvedPath", "") or "")
    got = material.texture(name)
    if got is None:
        told = any(material.path in f"{f.path} {f.message}" for f in snapshot.findings)
        if resolved and not told:
            yield line(
                f"{material.path} {name}",
                "texture",
                resolved.rpartition("/")[2],
                "neither texture nor finding",
            )
        return
    if "<UDIM>" in str(file):
        return
    data = _bytes(resolved)
    if data and data != snapshot.textures[got.texture].data:  # by content: equal files are kept once
        yield line(f"{material.path} {name}", "texture file", resolved, snapshot.textures[got.texture].path)
    for side, mine in (("wrapS", got.wrap_s), ("wrapT", got.wrap_t)):
        wrap = _constant(source, side, oracle)
        if wrap in ("repeat", "clamp", "mirror", "black") and wrap != mine:
            yield line(f"{material.path} {name}", side, wrap, mine)
    for key, fallback, mine in (("scale", 1.0, got.scale), ("bias", 0.0, got.bias)):
        value = _constant(source, key, oracle)
        expected = np.full(4, fallback) if value is None else np.array(value, np.float64)
        if name != "normal" and not np.allclose(expected, mine, rtol=1e-6, atol=1e-7):
            yield line(f"{material.path} {name}", key, expected, mine)
    yield from _transform(oracle, material, source, name, got)


def _bytes(resolved: str) -> bytes:
    """The file's content, in a package or not; nothing where pxr did not find it."""
    asset = Ar.GetResolver().OpenAsset(Ar.ResolvedPath(resolved)) if resolved else None
    return bytes(asset.GetBuffer()) if asset else b""


def _transform(oracle: Oracle, material: Any, source: Any, name: str, got: Any) -> Iterator[str]:
    node = _source(source, "st")
    if node is None or node.GetShaderId() != "UsdTransform2d" or _source(node, "in") is None:
        return
    if _source(node, "in").GetShaderId() == "UsdTransform2d":
        return
    rotation = float(_constant(node, "rotation", oracle) or 0.0)
    scale = np.array(_constant(node, "scale", oracle) or (1, 1), np.float64)
    move = np.array(_constant(node, "translation", oracle) or (0, 0), np.float64)
    if not np.allclose(got.uv_scale, scale, rtol=1e-6) or not np.allclose(
        got.uv_translation, move, atol=1e-6
    ):
        yield line(
            f"{material.path} {name}",
            "uv scale, translation",
            (scale, move),
            (got.uv_scale, got.uv_translation),
        )
    if not np.isclose(np.degrees(got.uv_rotation), rotation, atol=1e-4) and not np.isclose(
        got.uv_rotation, rotation, atol=1e-4
    ):
        yield line(f"{material.path} {name}", "uv rotation", rotation, got.uv_rotation)
