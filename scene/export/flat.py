"""One file with everything composed into it: beside its images, with copies of them, or a .usdz package with all inside.

A package is a zip without compression whose files begin at multiples of 64 bytes, the root layer first (usdz specification,
section "Zip Constraints"). It is written here and not by pxr's writer, because that one writes file times: ours always
gives the same bytes.
"""

import io
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from twinstage.base.finding import Finding
from twinstage.scene.export.assets import Assets, anchors, rewrite
from twinstage.scene.export.own import OwnLayer, export_layer
from twinstage.scene.export.prototypes import name_prototypes
from twinstage.scene.export.target import Target, make_folder
from twinstage.scene.stage import diagnostics

IMAGES = (".png", ".jpg", ".jpeg", ".exr", ".avif")
"""Endings of what the usdz specification lets a package hold as images."""


def flattened(own: OwnLayer) -> tuple[Any, Assets]:
    """The composed stage as one Sdf.Layer, and its assets, with what USD complained about that was not told before."""
    from pxr import UsdUtils

    quiet = UsdUtils.CoalescingDiagnosticDelegate()
    stage = own.stage()
    layer = name_prototypes(stage.Flatten(addSourceFileComment=False))
    layer.customLayerData = own.layer.customLayerData
    layer.documentation = ""
    assets = Assets(own.opened.allowed, anchors(stage))
    known = {finding.message for finding in own.opened.findings}
    assets.findings |= {f: None for f in diagnostics(quiet) if f.message not in known}
    return layer, assets


def write_flattened(own: OwnLayer, target: Target, *, copy_assets: bool = False) -> tuple[Finding, ...]:
    """One .usda or .usdc. Assets are named by relative paths where they are, or copied to `<name>_assets` beside it."""
    target.check(own.opened.stage)
    layer, assets = flattened(own)
    folder = target.path.absolute().parent
    if copy_assets:
        name = f"./{target.path.stem}_assets"
        rewrite(layer, lambda path: assets.place(path, name))
        for place, data in assets.contents():
            make_folder((folder / place).parent)
            if not (folder / place).exists():  # named by their content
                Target(folder / place).write(data)
    else:
        rewrite(layer, lambda path: assets.relative(path, folder))
    export_layer(layer, target)
    return tuple(assets.findings)


def write_package(own: OwnLayer, target: Target) -> tuple[Finding, ...]:
    """A .usdz package: the flattened stage as .usdc and every asset that it names."""
    target.check(own.opened.stage)
    layer, assets = flattened(own)
    rewrite(layer, lambda path: assets.place(path, "assets"))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root.usdc"
        layer.Export(str(root))
        files = [(f"{target.path.stem}.usdc", root.read_bytes()), *assets.contents()]
    for place, _ in files[1:]:
        if not place.lower().endswith(IMAGES):
            text = f"{place} in the package is no image that the usdz specification names, so other programs may not read it"
            assets.findings[Finding("export.usdz-format", "warning", "", text)] = None
    target.write(package(files))
    return tuple(assets.findings)


def package(files: list[tuple[str, bytes]]) -> bytes:
    """The bytes of a usdz package of those files, in that order."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files:
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            start = out.tell() + 30 + len(name.encode())
            padding = -start % 64
            if 0 < padding < 4:  # an extra field has a head of four bytes
                padding += 64
            if padding:
                # 0x1986: the field that pxr's own writer uses for the same purpose.
                entry.extra = b"\x86\x19" + (padding - 4).to_bytes(2, "little") + bytes(padding - 4)
            archive.writestr(entry, data)
    return out.getvalue()
