"""Base of randomizers that choose among image files."""

from collections.abc import Mapping, Sequence

from pydantic import PrivateAttr

from twinstage.base.errors import UserError
from twinstage.scene.asset_paths import AllowedFolders
from twinstage.scene.author import NewPrim
from twinstage.scene.edits import ImageFile
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.draws import Draws
from twinstage.synth.image_files import ImageFolder, image_folder
from twinstage.synth.randomizers.base import Randomizer, Setting


class _Found:
    """What was found for a stage, which is no part of what a randomizer is: any two are equal."""

    def __init__(self) -> None:
        self.folders: dict[tuple[str, str], ImageFolder] = {}  # by path of the stage, and field
        self.hashes: dict[tuple[str, str], dict[str, str]] = {}  # of these, by name: each frame asks for them

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Found)

    def __hash__(self) -> int:
        return 0


class ImageRandomizer(Randomizer):
    """A randomizer with fields that name image files. They are looked for once, when the stage is opened."""

    _found: _Found = PrivateAttr(default_factory=_Found)

    def image_fields(self) -> Mapping[str, tuple[Sequence[str], str]]:
        """By field that names any: the names, and the group that `draws.pick` knows them by."""
        raise NotImplementedError

    def added_prims(self, setting: Setting) -> list[NewPrim]:
        for field, (names, _) in self.image_fields().items():
            self._found.hashes.pop((setting.info.path, field), None)
            allowed = setting.allowed or AllowedFolders(setting.stage_folder / "stage", ())
            self._found.folders[setting.info.path, field] = image_folder(
                names, setting.recipe_folder, setting.stage_folder, allowed, self.who
            )
        return []

    def choices(self) -> Mapping[str, Sequence[str]]:
        out: dict[str, list[str]] = {}
        for field, (names, group) in self.image_fields().items():
            folder = next((f for (_, name), f in self._found.folders.items() if name == field), None)
            out.setdefault(group, []).extend(folder.names if folder is not None else names)
        return out

    def inputs(self) -> Mapping[str, str]:
        hashes = self._found.hashes
        for key, folder in self._found.folders.items():
            if key not in hashes:
                hashes[key] = {name: folder.load(name).texture.hash for name in folder.names}
        return {name: digest for key in self._found.folders for name, digest in hashes[key].items()}

    def draw_image(
        self, snapshot: Snapshot, draws: Draws, field: str, what: str = "", again: int = 0
    ) -> ImageFile:
        """One of the field's images; `what`: told in the draws beside the field's name, such as a prim path."""
        folder = self._folder(snapshot, field)
        key = f"{field} {what}".rstrip()
        image = folder.load(draws.pick(key, folder.names, self.image_fields()[field][1], again))
        draws.note(f"{key} sha256", image.texture.hash)
        return image

    def image_names(self, snapshot: Snapshot, field: str) -> tuple[str, ...]:
        """The field's images, by the names that `draw_image` chooses among."""
        return self._folder(snapshot, field).names

    def image(self, snapshot: Snapshot, field: str, name: str) -> ImageFile:
        """One of them."""
        return self._folder(snapshot, field).load(name)

    def _folder(self, snapshot: Snapshot, field: str) -> ImageFolder:
        folder = self._found.folders.get((snapshot.stage.path, field))
        if folder is None:
            raise UserError(f"{self.who} has not looked for its images: call added_prims first")
        return folder
