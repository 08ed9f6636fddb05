"""The contact sheet: the same bytes for the same files, and something on it."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from twinstage.synth.contact_sheet import PALETTE, contact_sheet
from twinstage.synth.dataset import Dataset


def test_the_sheet_shows_masks_in_the_colours_of_their_classes(yard_dataset: Path) -> None:
    data = contact_sheet(Dataset(yard_dataset))
    assert data == (yard_dataset / "contact_sheet.png").read_bytes()
    assert data is not None
    pixels = np.array(Image.open(io.BytesIO(data)))
    colours = {tuple(c) for c in pixels.reshape(-1, 3).tolist()}
    assert set(PALETTE[:3]) <= colours and PALETTE[5] not in colours


@pytest.mark.parametrize("most", [1, 4])
def test_it_holds_no_more_images_than_asked_for(yard_dataset: Path, most: int) -> None:
    data = contact_sheet(Dataset(yard_dataset), most=most)
    assert data is not None
    width, height = Image.open(io.BytesIO(data)).size
    assert (width, height) == ((528, 510) if most == 1 else (1022, 910))


def test_no_image_no_sheet(tmp_path: Path) -> None:
    assert contact_sheet(Dataset(tmp_path)) is None
