"""Reading a `.mtlx` file as untrusted input: sizes and depth are bounded, and XIncludes are followed by us.

MaterialX's own reader follows XIncludes wherever they lead, and recurses once for each level of XML; so the text is
scanned first, and includes are read one by one, only below the allowed folders.
"""

import os
import posixpath
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from xml.parsers import expat

from twinstage.base.finding import Finding
from twinstage.scene.asset_paths import AllowedFolders

MAX_BYTES = 16 << 20
MAX_ELEMENTS = 200_000
MAX_XML_DEPTH = 32
MAX_FILES = 64
"""Bounds of one document: size of a file, elements and nesting in it, files with all that it includes."""


class _Refused(Exception):
    """Why a file is not read, one clause."""


@dataclass
class DocumentReader:
    """Reads one document and what it includes; `findings` say what was left out."""

    allowed: AllowedFolders
    findings: list[Finding] = field(default_factory=list)
    _read: set[str] = field(default_factory=set)

    def tell(self, code: str, sentence: str, path: str = "") -> None:
        finding = Finding(code, "warning", path, sentence)
        if finding not in self.findings:
            self.findings.append(finding)

    def read(self, path: str) -> Any | None:
        """The MaterialX document with its includes, file names made absolute; None (with a finding) if unreadable."""
        try:
            return self._document(path, ())
        except _Refused as reason:
            self.tell("material.mtlx", f"MaterialX file {path!r} is left out: it {reason}")
            return None

    def _document(self, path: str, above: tuple[str, ...]) -> Any:
        if len(self._read) >= MAX_FILES:
            raise _Refused(f"lies beyond the first {MAX_FILES} files that are included")
        self._read.add(path)
        data = self._bytes(path)
        includes = scan(data)
        document = _parse(data)
        self._anchor(document, path)
        for href in includes:
            self._include(document, href, path, (*above, path))
        return document

    def _include(self, document: Any, href: str, path: str, above: tuple[str, ...]) -> None:
        try:
            target = joined(path, href)
            if target is None:
                raise _Refused("is no file beside it")
            if target in above:
                raise _Refused("includes itself")
            if target in self._read:
                return
            document.importLibrary(self._document(target, above))
        except _Refused as reason:
            self.tell("material.mtlx", f"MaterialX file {path!r}: include {href!r} is left out: it {reason}")

    def _bytes(self, path: str) -> bytes:
        from pxr import Ar

        if not self.allowed.allows(path):
            raise _Refused("lies outside the allowed folders")
        if "[" not in path and not os.path.isfile(path):
            raise _Refused("is not found")
        asset = Ar.GetResolver().OpenAsset(Ar.ResolvedPath(path))
        if not asset:
            raise _Refused("cannot be opened")
        with asset:
            if asset.GetSize() > MAX_BYTES:
                raise _Refused(f"is larger than {MAX_BYTES >> 20} MiB")
            return bytes(asset.GetBuffer() or b"")

    def _anchor(self, document: Any, path: str) -> None:
        """Make the file names absolute, prefixes included; those that leave the allowed folders are emptied."""
        for element in document.traverseTree():
            if element.getAttribute("type") != "filename" or not element.getAttribute("value"):
                continue
            authored = element.getResolvedValueString()
            target = joined(path, authored)
            if target is None or not self.allowed.allows(target):
                self.tell(
                    "material.mtlx",
                    f"MaterialX file {path!r}: image {authored!r} is left out: it is no file below the allowed folders",
                )
                target = ""
            element.setAttribute("value", target)
        for element in document.traverseTree():
            element.removeAttribute("fileprefix")
        document.removeAttribute("fileprefix")


def joined(path: str, relative: str) -> str | None:
    """`relative`, beside the file `path` (which may lie in a package); None for URIs and ways out of a package."""
    relative = relative.replace("\\", "/")
    if not relative or "://" in relative or "\0" in relative:
        return None
    if path.endswith("]"):
        package, inner = path[:-1].split("[", 1)
        target = posixpath.normpath(posixpath.join(posixpath.dirname(inner), relative))
        return None if target.startswith(("..", "/")) else f"{package}[{target}]"
    return os.path.normpath(os.path.join(os.path.dirname(path), relative))


def scan(data: bytes) -> list[str]:
    """The files that a document includes. _Refused for malformed XML, too deep or too long, or with entities."""
    parser = expat.ParserCreate()
    depth = count = 0
    includes: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, count
        depth, count = depth + 1, count + 1
        if depth > MAX_XML_DEPTH:
            raise _Refused(f"nests elements deeper than {MAX_XML_DEPTH}")
        if count > MAX_ELEMENTS:
            raise _Refused(f"has more than {MAX_ELEMENTS} elements")
        if name == "xi:include":  # MaterialX knows this prefix only
            includes.append(attributes.get("href", ""))

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1

    def entity(*_: object) -> None:
        raise _Refused("declares XML entities")

    parser.StartElementHandler, parser.EndElementHandler, parser.EntityDeclHandler = start, end, entity
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise _Refused(f"is no well-formed XML: {error}") from None
    except (ValueError, LookupError):
        raise _Refused("is in an unknown encoding") from None
    return includes


def _parse(data: bytes) -> Any:
    import MaterialX as mx

    document = mx.createDocument()
    options = mx.XmlReadOptions()
    options.readXIncludeFunction = None
    try:
        mx.readFromXmlString(document, data.decode("utf-8", "replace"), mx.FileSearchPath(), options)
    except Exception as error:  # MaterialX's exceptions share no base class below Exception
        raise _Refused(
            f"is no MaterialX document: {str(error).splitlines()[0] if str(error) else 'unknown'}"
        ) from None
    return document


@cache
def standard_library() -> Any:
    """MaterialX's own node definitions; read once."""
    import MaterialX as mx

    library = mx.createDocument()
    mx.loadLibraries(mx.getDefaultDataLibraryFolders(), mx.getDefaultDataSearchPath(), library)
    return library
