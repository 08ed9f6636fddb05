"""Finished datasets below the folder that `serve --datasets` names. Read only; nothing outside of it is reached."""

from pathlib import Path
from typing import Annotated, Any, Protocol

from pydantic import Field

from twinstage.sync.api.operation import Model, Operation, Page, PageAsk

NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}$"
Name = Annotated[str, Field(pattern=NAME, examples=["parcels"])]
IMAGE_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".exr": "image/x-exr",
}


class Dataset(Model):
    """One dataset."""

    name: str = Field(description="Of its folder.", examples=["parcels"])
    frames: int | None = Field(description="That its manifest speaks of; null where it does not say.")
    seed: int | None
    files: int = Field(ge=0, description="Files that the manifest vouches for.")
    recipe_hash: str


class DatasetDetail(Dataset):
    """One dataset with what its manifest says, but for the hashes of the files."""

    manifest: dict[str, Any] = Field(description="manifest.json without `files` (docs/records.md).")


class Record(Model):
    """One record."""

    dataset: str
    record: str
    content: dict[str, Any] = Field(description="records/<record>.json (docs/records.md).")


class DatasetsAsk(PageAsk):
    """Which datasets: all."""


class DatasetAsk(Model):
    """Which dataset."""

    dataset: Name


class RecordsAsk(PageAsk):
    """Which records: all of a dataset."""

    dataset: Name


class RecordAsk(Model):
    """Which record."""

    dataset: Name
    record: Annotated[str, Field(pattern=r"^[0-9]{1,12}$", examples=["000123"])]


class ImageAsk(Model):
    """Which image."""

    dataset: Name
    image: Name = Field(description="Name of a file in images/.", examples=["000123_front_rgb.png"])


class DatasetPage(Page):
    """Datasets by name."""

    datasets: tuple[Dataset, ...]


class RecordPage(Page):
    """Names of records, rising."""

    dataset: str
    records: tuple[str, ...]


class DatasetSource(Protocol):
    """Who knows the datasets. Methods may be called on any thread, and raise Refused (404)."""

    def list_datasets(self, asked: DatasetsAsk) -> DatasetPage:
        """A page of datasets."""
        ...

    def get_dataset(self, asked: DatasetAsk) -> DatasetDetail:
        """One dataset."""
        ...

    def list_records(self, asked: RecordsAsk) -> RecordPage:
        """A page of names."""
        ...

    def get_record(self, asked: RecordAsk) -> Record:
        """One record."""
        ...

    def image_file(self, asked: ImageAsk) -> Path:
        """Where an image is."""
        ...


OPERATIONS = (
    Operation(
        "listDatasets",
        "/api/v1/datasets",
        "Datasets",
        "Finished datasets",
        asks=DatasetsAsk,
        answer=DatasetPage,
        errors=(404,),
    ),
    Operation(
        "getDataset",
        "/api/v1/datasets/{dataset}",
        "Datasets",
        "One dataset and its manifest",
        asks=DatasetAsk,
        answer=DatasetDetail,
        errors=(404,),
    ),
    Operation(
        "listRecords",
        "/api/v1/datasets/{dataset}/records",
        "Datasets",
        "Records of a dataset",
        asks=RecordsAsk,
        answer=RecordPage,
        errors=(404,),
    ),
    Operation(
        "getRecord",
        "/api/v1/datasets/{dataset}/records/{record}",
        "Datasets",
        "One record",
        asks=RecordAsk,
        answer=Record,
        errors=(404, 413),
    ),
    Operation(
        "getDatasetImage",
        "/api/v1/datasets/{dataset}/images/{image}",
        "Datasets",
        "One image",
        asks=ImageAsk,
        media=tuple(dict.fromkeys(IMAGE_TYPES.values())),
        errors=(404,),
    ),
)
