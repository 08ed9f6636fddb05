"""What the fields of a recipe promise each other. Each complaint names the field that breaks the promise."""

from typing import TYPE_CHECKING

from twinstage.base.errors import did_you_mean
from twinstage.synth.dataset import FOLDERS
from twinstage.synth.model import wrong
from twinstage.synth.paths import checked_pattern

if TYPE_CHECKING:
    from twinstage.synth.recipe import Recipe


def check(recipe: "Recipe") -> None:
    """Raise a pydantic error for the first promise that is broken."""
    _names_are_unique(recipe)
    _labels_mean_one_class(recipe)
    _targets_are_there(recipe)
    _accept_names_classes(recipe)
    _sensors_have_their_cameras(recipe)
    _splits_are_there(recipe)
    _stages_differ(recipe)
    _exports_keep_off(recipe)
    _exports_have_their_cameras(recipe)


def _names_are_unique(recipe: "Recipe") -> None:
    for field, noun, names in (
        ("cameras", "cameras", [c.name for c in recipe.cameras]),
        ("lights", "lights", [light.name for light in recipe.lights]),
        ("randomize", "randomizers", [r.name for r in recipe.randomize]),
        ("sensors", "sensors", [s.name for s in recipe.sensors]),
        ("labels", "classes", [c.name for c in recipe.labels]),
        ("export", "exports", [w.folder for w in recipe.export]),
    ):
        for place, name in enumerate(names):
            if name in names[:place]:
                raise wrong(f"two {noun} are both named {name!r}", field, place)


def _labels_mean_one_class(recipe: "Recipe") -> None:
    meaning: dict[str, str] = {}
    for place, cls in enumerate(recipe.labels):
        for label in cls.scene_labels:
            if meaning.setdefault(label, cls.name) != cls.name:
                message = f"label {label!r} would mean both {meaning[label]!r} and {cls.name!r}"
                raise wrong(message, "labels", cls.name, place)


def _targets_are_there(recipe: "Recipe") -> None:
    names = [cls.name for cls in recipe.labels]
    for place, target in enumerate(recipe.targets):
        if target.startswith("/"):
            try:
                checked_pattern(target)
            except ValueError as error:
                raise wrong(str(error), "targets", place) from None
        elif target not in names:
            message = f"target {target!r} is no class in labels{did_you_mean(target, names)}"
            raise wrong(message, "targets", place)


def _accept_names_classes(recipe: "Recipe") -> None:
    names, accept = [cls.name for cls in recipe.labels], recipe.accept
    for field, wanted in (("classes", tuple(accept.classes)), ("in_view", accept.in_view)):
        for place, name in enumerate(wanted):
            if not name.startswith("/") and name not in names:
                message = f"{name!r} is no class in labels{did_you_mean(name, names)}"
                raise wrong(message, "accept", field, name, place)
    if accept.exposure is not None and "rgb" not in recipe.annotate:
        raise wrong("exposure is about pictures, so annotate needs rgb", "accept", "exposure")


def _sensors_have_their_cameras(recipe: "Recipe") -> None:
    names = [camera.name for camera in recipe.cameras]
    for place, spec in enumerate(recipe.sensors):
        if spec.camera is not None and spec.camera not in names:
            near = did_you_mean(spec.camera, names)
            message = f"sensor {spec.name!r} sits at {spec.camera!r}, no camera of the recipe{near}"
            raise wrong(message, "sensors", place, "camera")


def _splits_are_there(recipe: "Recipe") -> None:
    if recipe.split_by and len(recipe.splits) < 2:
        first = recipe.split_by[0]
        raise wrong(f"{first} cannot be dealt out; splits needs at least two for it", "split_by", 0)


def _stages_differ(recipe: "Recipe") -> None:
    if len(set(recipe.stages)) < len(recipe.stages):
        raise wrong("the same file is named twice", "stage")
    if recipe.state is not None and len(recipe.stages) > 1:
        raise wrong("a state is that of one stage, so stage cannot name several", "state")


def _exports_keep_off(recipe: "Recipe") -> None:
    for place, writer in enumerate(recipe.export):
        if writer.folder in FOLDERS:
            message = f"{writer.folder!r} is the dataset's own folder; name another for the export"
            raise wrong(message, "export", place, "folder")


def _exports_have_their_cameras(recipe: "Recipe") -> None:
    names = [camera.name for camera in recipe.cameras]
    for place, writer in enumerate(recipe.export):
        for at, name in enumerate(writer.cameras):
            if name not in names:
                message = f"{name!r} is no camera of the recipe{did_you_mean(name, names)}"
                raise wrong(message, "export", place, "cameras", at)
