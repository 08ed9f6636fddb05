"""What a writer is: a frozen model with a `kind` that turns records into another format, in a folder of its own."""

from collections.abc import Mapping

from twinstage.base.registry import Registry
from twinstage.synth.dataset import Dataset
from twinstage.synth.model import Model


class Writer(Model):
    """One export. `folder`: where its files go inside the dataset."""

    kind: str
    folder: str = ""

    def files(self, dataset: Dataset) -> Mapping[str, bytes]:
        """The bytes of each file by its path inside the dataset; deterministic, made from records and labels only."""
        raise NotImplementedError


WRITERS: Registry[Writer] = Registry("writer", group="twinstage.writers")
