"""ROS packages near a file: what `package://NAME/...` and `$(find NAME)` mean. Touches the file system.

A folder with a `package.xml` is a package. The one above the file counts, and those that lie beside that one, as in the source
folder of a workspace. Only their names are read here; what lies in them is read in the limited child.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from twinstage.base.errors import UserError

MAX_UP, MAX_BESIDE, MAX_XML = 8, 500, 1 << 20
_NAME = re.compile(rb"<name>\s*([A-Za-z0-9_.-]{1,200})\s*</name>")


def packages_near(file: Path) -> dict[str, Path]:
    """Packages by name: the one that holds the file, and its neighbours."""
    found: dict[str, Path] = {}
    here = file.absolute().parent
    for _ in range(MAX_UP):
        name = package_name(here)
        if name:
            found[name] = here
            for neighbour in _folders(here.parent):
                other = package_name(neighbour)
                if other:
                    found.setdefault(other, neighbour)
            break
        if here.parent == here:
            break
        here = here.parent
    return found


def package_name(folder: Path) -> str:
    """The name in a folder's package.xml, "" where it is no package."""
    file = folder / "package.xml"
    try:
        if not file.is_file() or file.stat().st_size > MAX_XML:
            return ""
        match = _NAME.search(file.read_bytes())
    except OSError:
        return ""
    return match[1].decode() if match else ""


def _folders(parent: Path) -> list[Path]:
    try:
        with os.scandir(parent) as entries:
            names = sorted(e.path for e in entries if e.is_dir(follow_symlinks=False))
    except OSError:
        return []
    return [Path(name) for name in names[:MAX_BESIDE]]


def resolve(uri: str, packages: Mapping[str, Path]) -> str:
    """The path that a URI means: of `package://NAME/REST`, `model://NAME/REST` or `file://...`; any other text as it is.

    Raises UserError for a package that is unknown.
    """
    scheme, _, rest = uri.partition("://")
    if scheme in ("package", "model") and rest:
        name, _, tail = rest.partition("/")
        if name not in packages:
            raise UserError(unknown(name, packages))
        return str(packages[name] / PurePosixPath(tail))
    if scheme == "file":
        return rest if rest.startswith("/") else "/" + rest.partition("/")[2]
    return uri


def unknown(name: str, packages: Mapping[str, Path]) -> str:
    """The sentence for a package that is unknown."""
    near = f" (found: {', '.join(sorted(packages)[:8])})" if packages else ""
    return f"the package {name!r} is unknown{near}; give its folder, as in --package {name}=DIR"
