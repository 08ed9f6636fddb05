"""The catalogue: assets of the twin's libraries (`serve --library`), to be found, looked at and placed. Read only."""

from dataclasses import dataclass
from typing import Annotated, Literal, Protocol

from pydantic import Field

from twinstage.sync.api.operation import Model, Operation, Page, PageAsk, Vector

AssetName = Annotated[str, Field(min_length=1, max_length=500, examples=["starter/pump.usda"])]
Query = Annotated[str, Field(max_length=2000)]
PICTURE_TYPES = ("image/png", "image/jpeg")


class CatalogueAsk(PageAsk):
    """Which assets: all, or those that a query means."""

    query: Query = Field(
        "",
        description="Terms that all have to hold (docs/catalogue.md).",
        examples=["tag:fluid triangles<20k"],
    )
    facets: bool = Field(False, description="Whether `facets` are told.")


class CatalogueAssetAsk(Model):
    """Which asset."""

    asset: AssetName = Field(description="`LIBRARY/file`, as the catalogue has it.")


class CatalogueThumbnailAsk(CatalogueAssetAsk):
    """Whose picture."""

    v: Annotated[str, Field(max_length=100)] = Field(
        "", description="`version` of the asset: with it the picture may be kept for ever."
    )


class CatalogueEntry(Model):
    """One asset."""

    asset: str = Field(description="What it is called, as `place` takes it.", examples=["starter/pump.usda"])
    library: str
    title: str
    kind: str
    tags: tuple[str, ...]
    labels: tuple[str, ...] = Field(description="Semantic classes of the prims at and below it.")
    license: str = Field(description="Empty: none is told.")
    size: Vector = Field(description="Of the box around it, along the axes of its own stage [m].")
    low: Vector = Field(description="Least corner of that box from the asset's origin [m].")
    up_axis: str
    triangles: int
    bytes: int = Field(description="Of all files that it is made of.")
    animated: bool
    version: str = Field(description="SHA-256 over the contents of its files.")
    problem: str = Field(description="Why it cannot be read; empty: it can.")
    cut: dict[str, int] = Field(
        description="By field, how much of what it says is left out: characters of a text, entries of a list."
    )


class CatalogueUse(Model):
    """Where a stage uses an asset."""

    stage: str = Field(description="Name of the file.")
    prims: tuple[str, ...] = Field(description="Paths that refer to it, at most 1000; `/`: it is a sublayer.")
    total: int
    problem: str = Field(default="", description="Why the stage cannot be looked through (now), or empty.")


class CatalogueAsset(CatalogueEntry):
    """One asset, in full."""

    doc: str
    variants: dict[str, tuple[str, ...]] = Field(description="Choices by set.")
    materials: int
    joints: int
    meters_per_unit: float
    files: tuple[str, ...] = Field(description="What it is made of, as far as that lies in its library.")
    used_by: tuple[str, ...] = Field(description="Assets that refer to it.")
    used_here: CatalogueUse | None = Field(
        description="By the running stage; null: not known yet, ask again."
    )


class CatalogueWord(Model):
    """A word of a field."""

    word: str
    all: int
    found: int


class CatalogueFacet(Model):
    """How the values of a field are spread: words, or bins from `low` to `high`."""

    id: str = Field(description="As a query names it.")
    about: Literal["assets"] = "assets"
    low: float
    high: float
    all: tuple[int, ...] = Field(description="In each bin, of all assets.")
    found: tuple[int, ...] = Field(description="In each bin, of what was found.")
    whole: bool = Field(description="Whether only whole numbers occur.")
    words: tuple[CatalogueWord, ...]
    more: int = Field(description="Words that are left out.")


class CatalogueReading(Model):
    """Files are being read."""

    done: int
    of: int = Field(description="0: not known yet.")


class CataloguePage(Page):
    """Assets, the best first."""

    assets: tuple[CatalogueEntry, ...]
    libraries: tuple[str, ...] = Field(description="Names of all libraries.")
    facets: tuple[CatalogueFacet, ...]
    reading: CatalogueReading | None = Field(
        description="While files are read: what is told is of before; ask again. null: all is told."
    )


@dataclass(frozen=True, slots=True)
class CataloguePicture:
    """Content and media type; `tag`: the same for the same content; `version`: of its asset."""

    data: bytes
    kind: str
    tag: str
    version: str


class CatalogueSource(Protocol):
    """Who knows the assets. `search` may be called on any thread, the others belong to the server's event loop.

    They raise UserError and Refused.
    """

    def search(self, asked: CatalogueAsk) -> CataloguePage:
        """A page of assets."""
        ...

    async def describe(self, asked: CatalogueAssetAsk) -> CatalogueAsset:
        """One asset."""
        ...

    async def thumbnail(self, asked: CatalogueThumbnailAsk) -> CataloguePicture:
        """Its picture."""
        ...


OPERATIONS = (
    Operation(
        "listCatalogue",
        "/api/v1/catalogue",
        "Catalogue",
        "Assets of the libraries",
        asks=CatalogueAsk,
        answer=CataloguePage,
        errors=(404, 503),
    ),
    Operation(
        "getCatalogueAsset",
        "/api/v1/catalogue/asset",
        "Catalogue",
        "One asset, and where it is used",
        asks=CatalogueAssetAsk,
        answer=CatalogueAsset,
        errors=(404, 503),
    ),
    Operation(
        "getCatalogueThumbnail",
        "/api/v1/catalogue/thumbnail",
        "Catalogue",
        "Its picture",
        asks=CatalogueThumbnailAsk,
        media=PICTURE_TYPES,
        errors=(404, 503),
        description="The one that the asset names, if it is PNG or JPEG and not too large; else one that is drawn now. "
        "The ETag is of its content.",
    ),
)
