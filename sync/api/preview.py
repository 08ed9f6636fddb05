"""A recipe before a dataset is made of it: what it draws, single frames, other ranges. Of `twinstage synth preview`."""

from typing import Annotated, Any, Literal, Protocol

from pydantic import Field

from twinstage.sync.api.operation import Model, Operation

Set = Annotated[str, Field(min_length=3, max_length=2000)]
Sets = Annotated[tuple[Set, ...], Field(max_length=200)]
_SET = Field(
    (),
    description="A change of a range, as `--set` has it; as often as needed.",
    examples=[["lamps.intensity=[1, 2]"]],
)
CameraName = Annotated[str, Field(max_length=200, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", examples=["front"])]
Number = float | None


class PreviewAsk(Model):
    """With which changes."""

    set: Sets = _SET
    draws: int = Field(200, ge=1, le=2000, description="Frames whose draws are counted.")


class PreviewRange(Model):
    """A number that is drawn."""

    id: str = Field(description="Randomizer and field, as `--set` names them.")
    field: str
    kind: str = Field(description="Of the distribution (docs/recipes.md).", examples=["uniform"])
    written: str = Field(description="As a recipe has it.", examples=["[1, 2]"])
    form: dict[str, Any] = Field(description="The full form.")
    parameters: dict[str, Number] = Field(description="Its numbers that can be turned one by one.")
    of: str = Field(description="What it depends on; empty for nothing.")
    nominal: Number = Field(description="Half of all draws lie below.")
    low: float = Field(description="Least of the counted draws.")
    high: float
    counts: tuple[int, ...] = Field(description="Draws in each bin from `low` to `high`.")
    changed: bool


class PreviewRandomizer(Model):
    """One randomizer."""

    name: str
    kind: str
    settings: dict[str, str] = Field(description="What else the recipe says of it, as YAML.")
    ranges: tuple[PreviewRange, ...]


class PreviewRecipe(Model):
    """What a recipe draws."""

    name: str = Field(description="Of its file.")
    frames: int
    seed: int
    resolution: tuple[int, int]
    cameras: tuple[str, ...]
    engine: str
    classes: tuple[str, ...]
    randomizers: tuple[PreviewRandomizer, ...]
    set: tuple[str, ...] = Field(description="The changes, each as short as it can be written.")
    command: str = Field(description="What makes the dataset with these changes.")
    out: str | None = Field(description="The file that changes are saved to; null: there is none.")


class PreviewFrameAsk(Model):
    """Which frame, of which changes, how it is shown."""

    frame: int = Field(ge=0, le=999_999, description="Of the dataset.", examples=[0])
    set: Sets = _SET
    width: int = Field(320, ge=0, le=4096, description="Of its pictures [px]; 0: as the recipe has it.")
    engine: Literal["quick", "own"] = Field("quick", description="`own`: the recipe's, which may take long.")


class PreviewPictureAsk(PreviewFrameAsk):
    """And which camera."""

    camera: CameraName = Field(description="Name in the recipe.")


class PreviewBox(Model):
    """An object."""

    label: int = Field(description="Place of its class in `classes`.")
    box: tuple[float, float, float, float] = Field(description="x, y, width, height [px].")


class PreviewView(Model):
    """What a camera sees."""

    camera: str
    width: int
    height: int
    boxes: tuple[PreviewBox, ...]


class PreviewFrame(Model):
    """A frame as the dataset has it."""

    frame: int
    split: str | None
    attempts: int
    rejected: str | None = Field(description="Why, where no attempt was good enough.")
    rules: tuple[str, ...] = Field(description="What refused its attempts.")
    draws: dict[str, dict[str, Any]] = Field(description="By randomizer and field (docs/records.md).")
    views: tuple[PreviewView, ...]


class PreviewSave(Model):
    """What to write down."""

    set: Sets = _SET


class PreviewSaved(Model):
    """What was written."""

    file: str


class PreviewSource(Protocol):
    """Who tries a recipe. Methods may be called on any thread, and raise UserError and Refused."""

    def describe(self, asked: PreviewAsk) -> PreviewRecipe:
        """What it draws."""
        ...

    def frame(self, asked: PreviewFrameAsk) -> PreviewFrame:
        """A frame."""
        ...

    def picture(self, asked: PreviewPictureAsk) -> bytes:
        """Its picture, PNG."""
        ...

    def text(self, asked: PreviewAsk) -> str:
        """The recipe with the changes, as YAML."""
        ...

    def save(self, asked: PreviewSave) -> PreviewSaved:
        """Writes it down."""
        ...


def _operation(name: str, path: str, summary: str, asks: type[Model] = PreviewAsk, **more: Any) -> Operation:
    return Operation(
        name, f"/api/v1/preview{path}", "Preview", summary, asks=asks, errors=(404, 422), rpc=False, **more
    )


OPERATIONS = (
    _operation(
        "getPreview",
        "",
        "What a recipe draws",
        answer=PreviewRecipe,
        description="Of `twinstage synth preview`; others answer 404.",
    ),
    _operation(
        "getPreviewFrame",
        "/frames/{frame}",
        "A frame as its dataset has it",
        PreviewFrameAsk,
        answer=PreviewFrame,
        description="The same draws by the same code. At full width, by the recipe's own engine, its bytes are the dataset's.",
    ),
    _operation(
        "getPreviewPicture",
        "/frames/{frame}/{camera}.png",
        "Its picture",
        PreviewPictureAsk,
        media=("image/png",),
    ),
    _operation(
        "getPreviewRecipe", "/recipe.yaml", "The recipe with the changes", media=("application/yaml",)
    ),
    Operation(
        "savePreview",
        "/api/v1/preview/save",
        "Preview",
        "Write the recipe with the changes",
        role="engineer",
        method="POST",
        body=PreviewSave,
        answer=PreviewSaved,
        errors=(403, 404, 409, 413, 415),
        rpc=False,
        description="To the file that `--out` names.",
    ),
)
