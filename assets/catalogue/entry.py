"""What the catalogue knows of an asset."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from twinstage.assets.catalogue.bounds import bounded


@dataclass(frozen=True, slots=True)
class Entry:
    """One asset.

    id: its file, relative to the library's folder, with forward slashes; `library` is that folder's name.
    title, tags, license: of the default prim's `assetInfo` (`name`, `tags`, `license`), else of its names and of a licence
    file beside it; labels: semantic classes of the prims at and below it.
    size, low: of the box around it, and its least corner [m], x y z of its stage; triangles drawn; variants: choices by set.
    bytes: of all files that it is made of; digest: SHA-256 over their contents, so that equal ones are the same asset.
    thumbnail: a picture that it names, relative to the library, or "". files: what it is made of, relative to the library where
    they lie in it, itself first. used_by: assets that refer to it, each as `LIBRARY/id`. problem: why it could not be
    read, or "". cut: by field, how much was left out of what it says (`bounds`).
    """

    id: str
    library: str
    title: str = ""
    kind: str = ""
    tags: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    license: str = ""
    doc: str = ""
    size: tuple[float, float, float] = (0.0, 0.0, 0.0)
    low: tuple[float, float, float] = (0.0, 0.0, 0.0)
    triangles: int = 0
    materials: int = 0
    joints: int = 0
    animated: bool = False
    variants: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    up_axis: str = ""
    meters_per_unit: float = 0.0
    bytes: int = 0
    digest: str = ""
    thumbnail: str = ""
    files: tuple[str, ...] = ()
    used_by: tuple[str, ...] = ()
    problem: str = ""
    cut: Mapping[str, int] = field(default_factory=dict)

    @property
    def asset(self) -> str:
        """What it is called among all libraries: `LIBRARY/id`."""
        return f"{self.library}/{self.id}"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"asset": self.asset, **asdict(self)}


def entry_of(data: Mapping[str, Any]) -> Entry:
    """An entry from its JSON, within the bounds."""
    plain = {name: value for name, value in bounded(data).items() if name != "asset"}
    for name in ("tags", "labels", "files", "used_by", "size", "low"):
        if name in plain:
            plain[name] = tuple(plain[name])
    plain["variants"] = {name: tuple(choices) for name, choices in plain.get("variants", {}).items()}
    return Entry(**plain)
