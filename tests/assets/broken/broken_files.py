"""Operators that break files: textures, packages, layers cut off or mistyped."""

import io
import shutil
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

from broken_bases import Copy, Fault, Operator


def _textures(copy: Copy) -> list[Path]:
    """Images that a shader of the layer names."""
    layer = copy.layer()
    found = {}
    for spec in copy.specs(layer, "Shader"):
        value = spec.attributes.get("inputs:file")
        if value is not None and value.default is not None:
            path = copy.edit.parent / value.default.path
            if path.is_file():
                found[path] = None
    return sorted(found)


def _broken(copy: Copy, operator: str, codes: set[str], change: Any) -> Fault | None:
    files = _textures(copy)
    if not files:
        return None
    file = copy.rng.choice(files)
    text = change(file)
    return None if text is None else Fault(operator, frozenset(codes), (file.name,), str(text))


def texture_cut_off(copy: Copy) -> Fault | None:
    def change(file: Path) -> str:
        data = file.read_bytes()
        keep = int(len(data) * copy.rng.uniform(0.2, 0.9))
        file.write_bytes(data[:keep])
        return f"{keep} of {len(data)} bytes"

    return _broken(copy, "texture_cut_off", {"texture.damaged", "texture.unreadable"}, change)


def texture_empty(copy: Copy) -> Fault | None:
    return _broken(copy, "texture_empty", {"texture.empty"}, lambda file: file.write_bytes(b""))


def texture_is_no_picture(copy: Copy) -> Fault | None:
    data = copy.rng.choice(
        [
            b"<html>404</html>" * 50,
            bytes(copy.rng.randrange(256) for _ in range(2000)),
            b"version https://git-lfs",
        ]
    )
    return _broken(copy, "texture_is_no_picture", {"texture.unreadable"}, lambda file: file.write_bytes(data))


def texture_in_cmyk(copy: Copy) -> Fault | None:
    from PIL import Image

    def change(file: Path) -> str | None:
        out = io.BytesIO()
        Image.new("CMYK", (64, 64), (10, 20, 30, 0)).save(out, "JPEG")
        file.write_bytes(out.getvalue())
        return "CMYK"

    return _broken(copy, "texture_in_cmyk", {"texture.cmyk"}, change)


def texture_of_20000_pixels(copy: Copy) -> Fault | None:
    def change(file: Path) -> str:
        side = copy.rng.choice([20_000, 40_000])
        header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
        rows = zlib.compress(b"\0" * (3 * side + 1) * 4)
        file.write_bytes(
            b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")
        )
        return f"{side} x {side}"

    return _broken(copy, "texture_of_20000_pixels", {"texture.pixels"}, change)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def texture_of_another_format(copy: Copy) -> Fault | None:
    from PIL import Image

    def change(file: Path) -> str:
        out = io.BytesIO()
        other = "PNG" if file.suffix.lower() in (".jpg", ".jpeg") else "JPEG"
        Image.new("RGB", (64, 64), (10, 20, 30)).save(out, other)
        file.write_bytes(out.getvalue())
        return f"{other} in {file.suffix}"

    return _broken(copy, "texture_of_another_format", {"texture.extension"}, change)


def texture_missing(copy: Copy) -> Fault | None:
    return _broken(copy, "texture_missing", {"asset.unresolved"}, lambda file: file.unlink() or "")


def texture_in_other_case(copy: Copy) -> Fault | None:
    def change(file: Path) -> str:
        shutil.move(file, file.with_name(file.name.swapcase()))
        return file.name.swapcase()

    return _broken(copy, "texture_in_other_case", {"asset.case"}, change)


def _authored(copy: Copy, operator: str, codes: set[str], change: Any) -> Fault | None:
    from pxr import Sdf

    layer = copy.layer()
    for spec in copy.specs(layer, "Shader"):
        value = spec.attributes.get("inputs:file")
        if value is not None and value.default is not None and value.default.path:
            path = change(value.default.path)
            value.default = Sdf.AssetPath(path)
            copy.save(layer)
            return Fault(operator, frozenset(codes), (str(spec.name),), path)
    return None


def path_with_backslashes(copy: Copy) -> Fault | None:
    def change(path: str) -> str:
        return ".\\" + path.removeprefix("./").replace("/", "\\")

    return _authored(copy, "path_with_backslashes", {"asset.backslash"}, change)


def path_of_another_computer(copy: Copy) -> Fault | None:
    def change(path: str) -> str:
        return str(
            copy.rng.choice(["C:/Users/me/textures/wood.png", "/mnt/me/wood.png", "D:\\art\\wood.png"])
        )

    codes = {"asset.unresolved", "asset.backslash", "asset.outside-root", "asset.absolute", "asset.uri"}
    return _authored(copy, "path_of_another_computer", codes, change)


def _packed(copy: Copy) -> list[tuple[str, bytes]] | None:
    if "package" not in copy.base.tags:
        return None
    with zipfile.ZipFile(copy.root) as package:
        return [(name, package.read(name)) for name in package.namelist()]


def _pack(
    copy: Copy, entries: list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED, extra: bool = True
) -> None:
    with zipfile.ZipFile(copy.root, "w", method) as package:
        for name, data in entries:
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            assert package.fp is not None
            at = package.fp.tell() + 30 + len(name.encode()) + 4
            info.extra = struct.pack("<HH", 0x1986, -at % 64) + b"\0" * (-at % 64) if extra else b""
            package.writestr(info, data)


def package_leads_out(copy: Copy) -> Fault | None:
    entries = _packed(copy)
    if entries is None:
        return None
    name = copy.rng.choice(["../evil.txt", "../../etc/passwd", "/abs/evil.txt", "a/../../evil.txt"])
    _pack(copy, [*entries, (name, b"x")])
    return Fault("package_leads_out", frozenset({"archive.entry-name"}), (), name)


def package_compressed(copy: Copy) -> Fault | None:
    entries = _packed(copy)
    if entries is None:
        return None
    _pack(copy, entries, zipfile.ZIP_DEFLATED)
    return Fault("package_compressed", frozenset({"archive.compressed", "stage.unreadable"}), (), "deflate")


def package_cut_off(copy: Copy) -> Fault | None:
    if "package" not in copy.base.tags:
        return None
    data = copy.root.read_bytes()
    copy.root.write_bytes(data[: int(len(data) * copy.rng.uniform(0.2, 0.95))])
    return Fault("package_cut_off", frozenset({"archive.unreadable", "stage.unreadable"}))


def package_misaligned(copy: Copy) -> Fault | None:
    entries = _packed(copy)
    if entries is None:
        return None
    _pack(copy, entries, extra=False)
    return Fault("package_misaligned", frozenset({"archive.alignment"}))


def layer_cut_off(copy: Copy) -> Fault | None:
    if "package" in copy.base.tags:
        return None
    data = copy.edit.read_bytes()
    keep = int(len(data) * copy.rng.uniform(0.1, 0.9))
    copy.edit.write_bytes(data[:keep])
    codes = {"stage.unreadable", "asset.unreadable", "stage.crash"}
    return Fault("layer_cut_off", frozenset(codes), (), f"{keep} of {len(data)} bytes")


def layer_mistyped(copy: Copy) -> Fault | None:
    if copy.edit.read_bytes()[:5] != b"#usda":
        return None
    lines = copy.edit.read_text().splitlines()
    braces = [k for k, line in enumerate(lines) if line.strip() in ("{", "}")]
    if not braces:
        return None
    at = copy.rng.choice(braces)
    lines[at] = copy.rng.choice(["", "}}", "{ (", "def def"]) if lines[at].strip() == "}" else "["
    copy.edit.write_text("\n".join(lines) + "\n")
    return Fault("layer_mistyped", frozenset({"stage.unreadable", "asset.unreadable"}), (), f"line {at + 1}")


def layer_named_as_another_kind(copy: Copy) -> Fault | None:
    if copy.base.edit or copy.root.suffix not in (".usda", ".usdc"):
        return None
    other = copy.root.with_suffix(".usdc" if copy.root.suffix == ".usda" else ".usda")
    copy.root.rename(other)
    copy.root = other
    return Fault("layer_named_as_another_kind", frozenset({"stage.unreadable"}))


FILES: tuple[Operator, ...] = (
    texture_cut_off, texture_empty, texture_is_no_picture, texture_in_cmyk, texture_of_20000_pixels,
    texture_of_another_format, texture_missing, texture_in_other_case, path_with_backslashes, path_of_another_computer,
    package_leads_out, package_compressed, package_cut_off, package_misaligned, layer_cut_off, layer_mistyped,
    layer_named_as_another_kind,
)  # fmt: skip
