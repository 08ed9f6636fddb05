"""Looking through datasets: pictures by query, how values are spread, what a frame holds. Read only."""

from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

from pydantic import Field

from twinstage.sync.api.datasets import Name
from twinstage.sync.api.operation import MOST_A_PAGE, Model, Operation

Query = Annotated[str, Field(max_length=2000)]
_QUERY = Field(
    "", description="Terms that all have to hold (docs/datasets.md).", examples=["class:parcel occlusion>0.5"]
)
Box = tuple[float, float, float, float]
Number = float | None
"""null: there is none."""


class SummaryAsk(Model):
    """Which dataset."""

    dataset: Name


class ClassSummary(Model):
    """Annotated objects of a class; medians over them."""

    name: str
    objects: int = Field(ge=0)
    listed: int = Field(ge=0, description="With those that are too small or too hidden to be annotated.")
    pictures: int = Field(ge=0, description="That show one.")
    size: Number = Field(description="Square root of the visible box's area [px].")
    occlusion: Number
    truncation: Number
    distance: Number = Field(description="From the camera to the middle of the 3D box [m].")
    small: Number = Field(description="Share with a size below 32 px.")
    cut: Number = Field(description="Share that the edge of the picture cuts.")


class Summary(Model):
    """What a dataset is."""

    dataset: str
    version: str = Field(description="Another one where the dataset is another; part of links to pictures.")
    frames: int
    pictures: int
    objects: int = Field(description="Annotated ones.")
    rejected: int = Field(description="Frames that no attempt was good enough for.")
    unreadable: tuple[str, ...] = Field(description="Records that cannot be read, at most 100.")
    cameras: tuple[str, ...]
    annotate: tuple[str, ...] = Field(description="What pictures show.")
    stages: tuple[dict[str, Any], ...] = Field(description="Name and hash of each.")
    seed: int | None
    labels: dict[str, Any] = Field(description="labels.json.")
    classes: tuple[ClassSummary, ...]
    sorts: tuple[str, ...] = Field(description="What pictures can be sorted by.")
    fields: tuple[str, ...] = Field(description="What a query can ask for.")


class FramesAsk(Model):
    """Which pictures."""

    dataset: Name
    query: Query = _QUERY
    sort: Annotated[str, Field(max_length=200)] = Field("frame", description="One of `sorts` of the summary.")
    falling: bool = Field(False, description="The greatest first.")
    offset: int = Field(0, ge=0, description="Pictures that are left out at the beginning.")
    limit: int = Field(100, ge=1, le=MOST_A_PAGE, description="Most pictures in the answer.")
    boxes: bool = Field(False, description="Whether the boxes of objects come along.")


class FoundBox(Model):
    """An object that was asked for."""

    label: int = Field(description="Place of the class in labels.json.")
    box: Box = Field(description="x, y, width, height [px].")


class FoundPicture(Model):
    """One picture, or a rejected frame, which has none."""

    frame: int
    camera: str | None
    image: str | None = Field(description="File in images/ that shows it best.")
    width: int
    height: int
    objects: int = Field(description="Objects that were asked for.")
    split: str | None
    rejected: str | None = Field(description="Why, where it is.")
    boxes: tuple[FoundBox, ...] = ()


class FoundPictures(Model):
    """Pictures that were asked for."""

    dataset: str
    total: int = Field(ge=0, description="Pictures in all.")
    frames: int = Field(ge=0, description="Frames in all.")
    objects: int = Field(ge=0, description="Objects in all.")
    offset: int
    pictures: tuple[FoundPicture, ...]


class FacetsAsk(Model):
    """Of which pictures."""

    dataset: Name
    query: Query = _QUERY


class FacetWord(Model):
    """A word of a field."""

    word: str
    all: int
    found: int


class FacetFigures(Model):
    """How the values of a field are spread."""

    id: str = Field(description="As a query names it.")
    about: Literal["objects", "pictures", "frames", "draws"] = Field(description="What is counted.")
    low: float
    high: float
    all: tuple[int, ...] = Field(description="In each bin, of the whole dataset.")
    found: tuple[int, ...] = Field(description="In each bin, of what was asked for.")
    whole: bool = Field(description="Whether only whole numbers occur.")
    words: tuple[FacetWord, ...]
    more: int = Field(description="Words that are left out.")


class Facets(Model):
    """How values are spread, in the whole dataset and in what was asked for."""

    dataset: str
    facets: tuple[FacetFigures, ...]
    more_draws: int = Field(description="Drawn fields that are left out.")


class NumbersAsk(Model):
    """Of which pictures."""

    dataset: Name
    query: Query = _QUERY


class FrameNumbers(Model):
    """Numbers of frames, rising."""

    dataset: str
    query: str
    frames: tuple[int, ...]


FrameNumber = Annotated[int, Field(ge=0, le=999_999, description="Of the frame.", examples=[1])]


class FrameAsk(Model):
    """Which frame."""

    dataset: Name
    frame: FrameNumber


class FrameFinding(Model):
    """Something that is wrong."""

    code: str = Field(description="See docs/verify-rules.md.")
    where: str
    message: str


class FrameNotes(Model):
    """What belongs to a frame beside its record."""

    dataset: str
    frame: int
    remake: str = Field(description="The command that makes this frame again.")
    exact: bool = Field(description="Whether that recipe is known to be the dataset's.")
    layer: str | None = Field(description="Its randomization layer inside the dataset.")


class FrameFindings(Model):
    """What the judge finds in a frame."""

    dataset: str
    frame: int
    checks: int = Field(description="Comparisons that were made.")
    findings: tuple[FrameFinding, ...]


class ThumbnailAsk(Model):
    """Which image, how large."""

    dataset: Name
    image: Name = Field(description="Name of a file in images/.", examples=["000123_front_rgb.png"])
    w: Literal["96", "160", "240", "320", "480"] = Field("240", description="Greatest width [px].")
    v: Annotated[str, Field(max_length=64)] = Field(
        "", description="`version` of the summary: the answer may be kept for ever."
    )


class ShownAsk(Model):
    """Which image."""

    dataset: Name
    image: Name = Field(description="Name of a file in images/.", examples=["000123_front_depth.exr"])
    v: Annotated[str, Field(max_length=64)] = Field(
        "", description="`version` of the summary: the answer may be kept for ever."
    )


class BrowseSource(Protocol):
    """Who looks through datasets. Methods may be called on any thread, and raise Refused (404) and UserError."""

    def describe(self, asked: SummaryAsk) -> Summary:
        """What a dataset is."""
        ...

    def search(self, asked: FramesAsk) -> FoundPictures:
        """Pictures."""
        ...

    def facets(self, asked: FacetsAsk) -> Facets:
        """How values are spread."""
        ...

    def numbers(self, asked: NumbersAsk) -> FrameNumbers:
        """Numbers of frames."""
        ...

    def notes(self, asked: FrameAsk) -> FrameNotes:
        """What belongs to a frame."""
        ...

    def findings(self, asked: FrameAsk) -> FrameFindings:
        """What is wrong with a frame."""
        ...

    def thumbnail(self, asked: ThumbnailAsk) -> bytes:
        """A small JPEG."""
        ...

    def shown(self, asked: ShownAsk) -> bytes:
        """A PNG that shows what an image holds."""
        ...

    def layer(self, asked: FrameAsk) -> Path:
        """Where a frame's USD layer is."""
        ...


_OF = "/api/v1/datasets/{dataset}"


def _operation(name: str, path: str, summary: str, asks: type[Model], **more: Any) -> Operation:
    errors = more.pop("errors", (404,))
    return Operation(name, f"{_OF}{path}", "Datasets", summary, asks=asks, errors=errors, rpc=False, **more)


OPERATIONS = (
    _operation(
        "describeDataset",
        "/summary",
        "What a dataset is, with figures of its classes",
        SummaryAsk,
        answer=Summary,
    ),
    _operation(
        "searchPictures",
        "/pictures",
        "Pictures by query",
        FramesAsk,
        answer=FoundPictures,
        description="Terms about objects have to hold for one object; `count` is how many such objects a picture has.",
    ),
    _operation("getFacets", "/facets", "How values are spread", FacetsAsk, answer=Facets),
    _operation("listFrameNumbers", "/numbers", "Numbers of frames by query", NumbersAsk, answer=FrameNumbers),
    _operation(
        "getFrameNotes",
        "/frames/{frame}",
        "What belongs to a frame beside its record",
        FrameAsk,
        answer=FrameNotes,
    ),
    _operation(
        "verifyFrame",
        "/frames/{frame}/findings",
        "What the judge finds in a frame",
        FrameAsk,
        answer=FrameFindings,
        description="It recomputes every number of the record now. What only several frames show is not among it.",
    ),
    _operation(
        "getFrameLayer",
        "/frames/{frame}/layer.usda",
        "A frame as a USD layer",
        FrameAsk,
        media=("model/vnd.usda",),
    ),
    _operation(
        "getThumbnail",
        "/thumbnails/{image}",
        "A small picture",
        ThumbnailAsk,
        media=("image/jpeg",),
        errors=(404, 422),
    ),
    _operation(
        "getShownImage",
        "/shown/{image}",
        "An image as a PNG to look at",
        ShownAsk,
        media=("image/png",),
        errors=(404, 422),
        description="Depths, normals and ids become colours; pixels stay where they are.",
    ),
)
