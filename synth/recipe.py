"""The recipe: everything that decides what a dataset holds, as a YAML file and as a frozen model.

What a dataset is depends on this file, the stage and the versions of the code, and on nothing else. The stage's path is
relative to the recipe's folder and, like `asset_roots`, not part of the recipe's hash: the stage's own hash is recorded
beside it, so a dataset made from a copy elsewhere is the same dataset.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BeforeValidator, Field, SerializeAsAny, StringConstraints, model_validator

from twinstage.base.errors import UserError
from twinstage.render.engines import ENGINES, EngineSettings
from twinstage.synth.accept import Accept
from twinstage.synth.canonical import canonical_json, sha256_hex
from twinstage.synth.dealing import Dealing
from twinstage.synth.labels import LABELS_WRITTEN, LabelClass, label_classes
from twinstage.synth.model import AlsoWritten, Model, refuse_odd_numbers, unknown_field, wrong
from twinstage.synth.overrides import overridden
from twinstage.synth.plugins import plugin_schemas, validate_plugin
from twinstage.synth.randomizers import RANDOMIZERS, Randomizer
from twinstage.synth.recipe_checks import check
from twinstage.synth.sensor_spec import SensorSpec, sensor_schemas
from twinstage.synth.state_spec import StateSpec
from twinstage.synth.writers import WRITERS, Writer
from twinstage.synth.yaml_file import Spot, read_yaml, validated

Annotation = Literal[
    "rgb",
    "linear",
    "depth",
    "depth_mm",
    "range",
    "normal",
    "normal_camera",
    "instance",
    "semantic",
    "panoptic",
    "part",
    "material",
    "uv",
    "nocs",
    "position",
    "motion",
    "flow",
    "flow_occluded",
    "models",
]
"""What a recipe can ask for beside the record, which always holds boxes, masks, poses and key points.

All are pictures of each camera but `models`: rigid models of the objects, for all frames together.
"""

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
"""A name that is also part of file names and of prim paths."""

Resolution = tuple[Annotated[int, Field(ge=1, le=16384)], Annotated[int, Field(ge=1, le=16384)]]
"""(width, height) [px]."""


class LookAt(Model):
    """A camera that the stage does not have: metres, Z-up world.

    `fov`: horizontal field of view [degrees]; `near`, `far`: clipping distances [m].
    """

    eye: tuple[float, float, float]
    target: tuple[float, float, float]
    fov: float = Field(default=60.0, gt=0, lt=180)
    near: float = Field(default=0.05, gt=0)
    far: float = Field(default=1000.0, gt=0)

    @model_validator(mode="after")
    def _sees_something(self) -> "LookAt":
        if self.near >= self.far:
            raise ValueError(
                f"near {self.near:g} is not below far {self.far:g}: nothing is seen between them"
            )
        return _apart(self)


class CameraSpec(Model):
    """A camera of the dataset: a USD camera by path or prim name (by default its own name), or `look_at`.

    `square_pixels`: a USD lens has two apertures, so pixels are not square where their ratio is not the resolution's;
    this keeps the horizontal angle and makes them square.
    """

    name: Name
    prim: str | None = None
    look_at: LookAt | None = None
    resolution: Resolution | None = None
    square_pixels: bool = False

    @model_validator(mode="after")
    def _one_origin(self) -> "CameraSpec":
        if self.prim is not None and self.look_at is not None:
            raise ValueError("prim and look_at exclude each other")
        return self


class AddedLight(Model):
    """A rectangular light that the stage does not have: metres, Z-up world. It shines from `eye` towards `target`.

    `size`: width and height [m]; `intensity`: luminance in the stage's units of light; `temperature`: colour [K].
    """

    name: Name
    eye: tuple[float, float, float]
    target: tuple[float, float, float]
    size: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] = (1.0, 1.0)
    intensity: float = Field(default=10.0, ge=0)
    temperature: float = Field(default=5000.0, ge=1000, le=15000)

    @model_validator(mode="after")
    def _shines_somewhere(self) -> "AddedLight":
        return _apart(self)


L = TypeVar("L", LookAt, AddedLight)


def _apart(item: L) -> L:
    if item.eye == item.target:
        raise ValueError(f"target is the eye itself, {list(item.eye)}; expected a point elsewhere")
    return item


def _camera(data: Any) -> Any:
    """`name` and `/Path/To/Camera` are short for a model."""
    if isinstance(data, str):
        return {"name": data.rsplit("/", 1)[-1], "prim": data}
    return data


_USUAL = {"samples": "spp", "samples_per_pixel": "spp", "bounces": "max_depth", "max_bounces": "max_depth"}
"""Settings by the names that other renderers have for them."""


def _engine(data: Any) -> Any:
    """Refuses kinds and settings that no engine has, with the near miss. `kind: null` means the engine of that name."""
    if data is None:
        raise ValueError("nothing is given; the engine of the name null is {kind: null}")
    if isinstance(data, str):
        data = {"kind": data}
    if isinstance(data, dict):
        if "kind" in data and data["kind"] is None:  # what YAML makes of it
            data = {**data, "kind": "null"}
        for key in data:
            if key in _USUAL:
                raise wrong(
                    f"unknown field {key!r}; did you mean {_USUAL[key]!r}?", key, kind="unknown_field"
                )
            if key not in EngineSettings.model_fields:
                raise unknown_field(key, EngineSettings.model_fields)
        refuse_odd_numbers(data, EngineSettings.model_fields)
        try:
            ENGINES.get(str(data.get("kind", EngineSettings().kind)))
        except UserError as error:
            raise ValueError(str(error)) from None
    return data


_ENGINE_WRITTEN: tuple[dict[str, Any], ...] = (
    {"type": "string"},
    {"type": "object", "properties": {"kind": {"type": "null"}}, "required": ["kind"]},
)


class Recipe(Model):
    """What to make. See the module's docstring; field by field:

    Attributes:
        recipe: version of this format.
        stage: USD file, relative to the recipe's folder; or several, over which the frames are dealt out.
        asset_roots: further folders that the stage may read from, relative to the recipe's folder.
        state: the plant as it is or was, from which every frame starts; by default the stage as it is authored.
        seed: with the frame number, the only origin of randomness.
        frames: how many; numbered from 0.
        resolution: of cameras that name none [px].
        cameras: each gives one picture a frame.
        lights: added to those of the stage; prims below /TwinstageLights.
        targets: path patterns or class names of what to label; empty = all that `labels` names.
        labels: classes in the order of their ids, with the scene's labels that mean them.
        randomize: changes from frame to frame, made in this order.
        sensors: lidars, depth cameras, noisy and thermal cameras, at cameras or places of their own.
        annotate: files to write beside the records.
        engine: how pictures are made.
        accept: when an object or a frame counts.
        splits: shares by name; frames are dealt out exactly, by the seed.
        split_by: kinds of items that belong to one split each: frames of a split choose among its own only.
        export: other formats to write.
    """

    recipe: Literal[1] = 1
    stage: str | Annotated[tuple[str, ...], Field(min_length=1)]
    asset_roots: tuple[str, ...] = ()
    state: StateSpec | None = None
    seed: int = Field(default=0, ge=0, lt=2**63)
    frames: int = Field(default=10, ge=1, le=999_999)
    resolution: Resolution = (640, 480)
    cameras: tuple[Annotated[CameraSpec, BeforeValidator(_camera), AlsoWritten({"type": "string"})], ...] = (
        Field(min_length=1)
    )
    lights: tuple[AddedLight, ...] = ()
    targets: tuple[str, ...] = ()
    labels: Annotated[
        tuple[LabelClass, ...], BeforeValidator(label_classes), AlsoWritten(*LABELS_WRITTEN)
    ] = Field(min_length=1)
    randomize: tuple[
        SerializeAsAny[Annotated[Randomizer, BeforeValidator(validate_plugin(RANDOMIZERS))]], ...
    ] = ()
    sensors: tuple[SensorSpec, ...] = ()
    annotate: tuple[Annotation, ...] = ("rgb", "depth", "instance")
    engine: Annotated[EngineSettings, BeforeValidator(_engine), AlsoWritten(*_ENGINE_WRITTEN)] = (
        EngineSettings()
    )
    accept: Accept = Accept()
    splits: dict[Name, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    split_by: tuple[Literal["asset", "hdri", "texture", "background", "scene"], ...] = ()
    export: tuple[SerializeAsAny[Annotated[Writer, BeforeValidator(validate_plugin(WRITERS))]], ...] = ()

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> "Recipe":
        check(self)
        return self

    @property
    def stages(self) -> tuple[str, ...]:
        """The recipe's USD files."""
        return (self.stage,) if isinstance(self.stage, str) else self.stage

    @property
    def stage_names(self) -> tuple[str, ...]:
        """What records call them: the files' names, or paths where two are the same."""
        names = tuple(Path(stage).name for stage in self.stages)
        return names if len(set(names)) == len(names) else self.stages

    @property
    def dealing(self) -> Dealing:
        """Who may choose what."""
        known: dict[str, dict[str, None]] = {}
        for randomizer in self.randomize:
            for group, items in randomizer.choices().items():
                known.setdefault(group, {}).update(dict.fromkeys(items))
        every = {group: tuple(items) for group, items in known.items()}
        contents: dict[str, str] = {}
        if self.split_by:
            for randomizer in self.randomize:
                contents.update(randomizer.inputs())
        return Dealing(self.seed, self.splits, frozenset(self.split_by), every, contents)

    @property
    def images(self) -> tuple[str, ...]:
        """The pictures among `annotate`, each once."""
        return tuple(what for what in dict.fromkeys(self.annotate) if what != "models")

    @property
    def needs_linear(self) -> bool:
        """Whether anything asks for the light of pictures before the tone map."""
        return "linear" in self.annotate or any(spec.sensor.needs_linear for spec in self.sensors)

    def camera_resolution(self, camera: CameraSpec) -> tuple[int, int]:
        """(width, height) of a camera [px]."""
        return camera.resolution or self.resolution

    def to_yaml(self) -> str:
        """The recipe with every default written out."""
        data = self.model_dump(mode="json", exclude_none=True)
        return str(yaml.safe_dump(data, sort_keys=False, allow_unicode=True))

    @property
    def hash(self) -> str:
        """SHA-256 over everything but where the stage lies and where the state comes from, hex; both have their own."""
        data = self.model_dump(mode="json", exclude={"stage", "asset_roots", "state"})
        return sha256_hex(canonical_json(data))

    @property
    def frames_hash(self) -> str:
        """The same without the exports: what decides the frames, to which other exports can be made."""
        return self.model_copy(update={"export": ()}).hash


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe in a YAML file, with `a.b=c` overrides. Raises UserError naming file, line and field."""
    return located_recipe(path, overrides)[0]


def located_recipe(path: Path, overrides: Sequence[str] = ()) -> tuple[Recipe, Spot]:
    """The same, and where each value was written: for `told_where`."""
    data, spot = read_yaml(Path(path))
    data, spot = overridden(data, spot, overrides, tuple(Recipe.model_fields))
    return validated(Recipe, data, name=Path(path).name, spot=spot), spot


def parse_recipe(data: dict[str, Any], *, name: str = "recipe") -> Recipe:
    """The same for data that is not in a file."""
    return validated(Recipe, data, name=name)


def recipe_schema() -> str:
    """The JSON Schema of a recipe file, with the kinds of randomizers and writers that are installed."""
    schema = Recipe.model_json_schema()
    names = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
    schema["properties"]["include"] = {**names, "description": "Recipes that this one builds upon."}
    schema["title"], schema["$schema"] = "Twinstage recipe", "https://json-schema.org/draft/2020-12/schema"
    schema["if"] = {"required": ["include"]}
    schema["else"] = {"required": schema.pop("required")}
    found = {"randomize": plugin_schemas(RANDOMIZERS), "export": plugin_schemas(WRITERS)}
    for field, (items, definitions) in {**found, "sensors": sensor_schemas()}.items():
        schema["properties"][field]["items"] = items
        schema.setdefault("$defs", {}).update(definitions)
    # Titles say what the names of fields say already, and were a fifth of the file.
    return json.dumps({**_untitled(schema), "title": schema["title"]}, indent=1, sort_keys=True) + "\n"


def _untitled(schema: Any) -> Any:
    if isinstance(schema, dict):
        kept = {k: v for k, v in schema.items() if k != "title" or not isinstance(v, str)}
        return {key: _untitled(value) for key, value in kept.items()}
    return [_untitled(item) for item in schema] if isinstance(schema, list) else schema
