"""Whether all files that a model of MuJoCo names lie where it may read: asked before MuJoCo opens any of them itself.

Which folder MuJoCo looks in follows from options of all files that are included. Every place that it could look in counts,
so that nothing outside is opened, whatever it chooses; a place where nothing is counts for nothing.
"""

import itertools
import os
import re
from pathlib import Path

from twinstage.assets.importing.meshes.files import read_bounded
from twinstage.assets.importing.meshes.xml import parse_xml
from twinstage.assets.importing.source import Source
from twinstage.base.errors import UserError
from twinstage.scene.asset_paths import AllowedFolders, is_regular

MAX_FILES = 1_000
"""Files of XML that a model may consist of."""
MAX_PLACES = 1_000_000
"""Places that the names of files may lead to."""
MAX_BYTES = 64 << 20
_FOLDERS = ("meshdir", "texturedir", "assetdir")
_XML = ("include", "model")
_ENCODING = re.compile(rb"""\s*<\?xml[^>]*\sencoding\s*=\s*["'](?!utf-?8["'])""", re.IGNORECASE)


class _Names:
    """What the files of a model name."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.allowed = AllowedFolders(source.path.absolute(), [*source.roots, *source.packages.values()])
        self.homes: dict[str, None] = {}
        self.folders: dict[str, None] = {"": None}
        self.files: dict[str, tuple[Path, bool]] = {}
        """By name: the file that names it, and whether it is XML again."""
        self.places = 0

    def read(self, file: Path) -> None:
        """Look for names in a file of XML."""
        data = read_bounded(file, MAX_BYTES)
        root = parse_xml(file, data, "file of MuJoCo")
        # MuJoCo's own parser takes every file for UTF-8, and what stands in a document type for elements.
        if not data.isascii() and _ENCODING.match(data):
            raise UserError(
                f"{file} says that it is not in UTF-8, which MuJoCo takes it for; save it in UTF-8"
            )
        if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
            raise UserError(f"{file} has a document type (<!DOCTYPE ...>), which models of MuJoCo have not")
        self.homes[os.path.dirname(os.path.abspath(file))] = None
        for element in root.iter():
            for name, value in element.attrib.items():
                if name in _FOLDERS:
                    self.folders[value] = None
                elif name.startswith("file") or (element.tag == "config" and name == "value"):
                    _, again = self.files.get(value, (file, False))
                    self.files[value] = (file, again or element.tag in _XML)

    def found(self, name: str) -> list[str]:
        """Where files of that name are."""
        names = {name, name.replace("\\", "/"), name.partition("://")[2] or name}
        names |= {os.path.basename(n) for n in names}  # the option strippath
        out: dict[str, None] = {}
        for home, folder, each in itertools.product(self.homes, self.folders, sorted(names)):
            self.places += 1
            if self.places > MAX_PLACES:
                raise UserError(f"{self.source.path} and its files name too many files and folders")
            for place in (os.path.join(home, folder, each), os.path.join(folder, each)):
                place = os.path.join(self.source.path.absolute().parent, place)
                for candidate in (place, os.path.normpath(place)):  # `..` behind a link
                    if each and os.path.exists(candidate):
                        out[candidate] = None
        return list(out)


def check_files(source: Source) -> None:
    """UserError where the model, or a file that it includes, names a file that it may not read."""
    names = _Names(source)
    read: set[str] = set()
    waiting = [str(source.path)]
    while waiting:
        for place in waiting:
            if len(read) >= MAX_FILES:
                raise UserError(f"{source.path} consists of more than {MAX_FILES:,} files")
            read.add(os.path.realpath(place))
            names.read(Path(place))
        again = {}
        for name, (owner, xml) in list(names.files.items()):
            for place in names.found(name):
                if not names.allowed.allows(place):
                    raise UserError(
                        f"{owner} names {name!r}, which lies outside the file's own folder; "
                        "if that is meant, give a folder above it as --asset-root"
                    )
                if not is_regular(place) and not os.path.isdir(place):
                    raise UserError(f"{owner} names {name!r}, which is no ordinary file")
                real = os.path.realpath(place)
                if xml and is_regular(place) and real not in read:
                    again[real] = place
        waiting = list(again.values())
