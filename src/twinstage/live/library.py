"""The library roots of a twin: folders whose assets may be placed, each under the name of its folder. Looks at files.

An asset is called `LIBRARY/relative/file.usda`, whatever the machine: never a free path from outside.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from twinstage.base.errors import UserError, did_you_mean
from twinstage.scene.asset_paths import is_regular
from twinstage.scene.generation import plain_name
from twinstage.scene.stage import EXTENSIONS

STARTER = "starter"
"""The bundled set, which is there by default."""
LONGEST = 500
"""Characters of an asset's name."""
_MOST_NEAR = 2000


@dataclass(frozen=True, slots=True)
class AssetLibrary:
    """Folders by name, absolute, in the order in which they were given."""

    roots: dict[str, Path]

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders alone."""
        return tuple(self.roots.values())

    def file(self, asset: str) -> Path:
        """The file of an asset, below its root when all links are followed. UserError, one sentence, for any other name."""
        name, relative = split(asset)
        root = self.roots.get(name)
        if root is None:
            raise UserError(
                f"there is no library {name!r}{did_you_mean(name, self.roots)}; there is {', '.join(self.roots)}"
            )
        path = root.joinpath(*relative.split("/"))
        if not _below(path, root):
            raise UserError(f"asset {asset!r} leads out of its library")
        if not is_regular(str(path)):
            raise UserError(
                f"library {name!r} has no asset {relative!r}{did_you_mean(relative, _near(path, root))}"
            )
        return path

    def asset(self, file: Path) -> str | None:
        """What a file is called as an asset; None where it is in no library."""
        for name, root in self.roots.items():
            if file.is_relative_to(root) and _below(file, root):
                return f"{name}/{file.relative_to(root).as_posix()}"
        return None

    def told(self, file: str) -> str:
        """How a file is called where nobody need know its folder: as an asset, or by its last name. A relative one stays."""
        plain = plain_name(file)
        if not os.path.isabs(plain):
            return plain
        return self.asset(Path(plain)) or Path(plain).name


def open_library(folders: Iterable[Path] = (), *, starter: bool = True) -> AssetLibrary:
    """The roots of those folders after the bundled set. UserError for what is no folder, and for two of one name."""
    from twinstage.assets.library import bundled

    roots: dict[str, Path] = {STARTER: bundled(STARTER)} if starter else {}
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"--library {folder}: there is no such folder")
        root = Path(os.path.abspath(folder))
        if roots.get(root.name) is not None and not os.path.samefile(roots[root.name], root):
            raise UserError(
                f"--library {folder}: another library is called {root.name!r}; assets are told apart by the folder's name"
            )
        if not root.name or not root.name.isprintable():
            raise UserError(f"--library {folder}: the folder has no name by which assets could be called")
        roots[root.name] = root
    return AssetLibrary(roots)


def split(asset: str) -> tuple[str, str]:
    """Library and file of an asset's name. UserError for what can be no such name."""
    parts = asset.split("/")
    plain = all(part not in ("", ".", "..") for part in parts) and asset.isprintable() and "\\" not in asset
    if len(parts) < 2 or len(asset) > LONGEST or not plain:
        raise UserError(
            f"{asset[:100]!r} names no asset; LIBRARY/file.usda was expected, as in starter/pump.usda"
        )
    if not parts[-1].lower().endswith(EXTENSIONS):
        raise UserError(f"asset {asset!r} is no USD file; its name has to end in {', '.join(EXTENSIONS)}")
    return parts[0], "/".join(parts[1:])


def _below(path: Path, root: Path) -> bool:
    try:
        return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))
    except (OSError, ValueError):  # links that lead in a circle
        return False


def _near(path: Path, root: Path) -> list[str]:
    """Files of the same folder, as they would be called."""
    try:
        if not path.parent.is_dir() or not _below(path.parent, root):
            return []
        names = sorted(os.listdir(path.parent))[:_MOST_NEAR]
    except (OSError, ValueError):  # a name that no file can have
        return []
    found = [path.parent / name for name in names if name.lower().endswith(EXTENSIONS)]
    return [file.relative_to(root).as_posix() for file in found]
