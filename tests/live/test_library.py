"""The library roots: names of assets and files, and nothing outside of the roots."""

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from twinstage.base.errors import UserError
from twinstage.live.library import AssetLibrary, open_library, split


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[AssetLibrary, Path]:
    """A library `plant` with two assets, and something beside it that is none of its business."""
    top = tmp_path_factory.mktemp("library")
    folder = top / "plant"
    (folder / "pumps").mkdir(parents=True)
    for name in ("table.usda", "pumps/big.usdc"):
        (folder / name).write_text("#usda 1.0\n")
    (top / "secret.usda").write_text("#usda 1.0\n")
    (folder / "way.usda").symlink_to(top / "secret.usda")
    (folder / "up").symlink_to(top)
    (folder / "round.usda").symlink_to(folder / "round.usda")
    (folder / "notes.txt").write_text("no asset")
    (folder / "folder.usda").mkdir()
    return open_library([folder]), folder


def test_assets_and_their_files(made: tuple[AssetLibrary, Path]) -> None:
    library, folder = made
    assert [*library.roots] == ["starter", "plant"]
    assert library.file("plant/table.usda") == folder / "table.usda"
    assert library.file("starter/pump.usda").name == "pump.usda"
    for asset in ("plant/table.usda", "plant/pumps/big.usdc", "starter/robot_arm.usda"):
        assert library.asset(library.file(asset)) == asset
    assert library.asset(folder.parent / "secret.usda") is None


@pytest.mark.parametrize(
    ("asset", "sentence"),
    [
        ("plant/tabel.usda", "library 'plant' has no asset 'tabel.usda'; did you mean 'table.usda'"),
        ("plnt/table.usda", "there is no library 'plnt'; did you mean 'plant'"),
        ("plant/way.usda", "leads out of its library"),
        ("plant/up/secret.usda", "leads out of its library"),
        ("plant/round.usda", "has no asset"),
        ("plant/folder.usda", "has no asset"),
        ("plant/notes.txt", "is no USD file"),
        ("plant/../secret.usda", "names no asset"),
        ("plant", "names no asset"),
        ("/etc/passwd", "names no asset"),
        ("plant\\table.usda", "names no asset"),
        ("plant/\0.usda", "names no asset"),
        ("plant/./table.usda", "names no asset"),
    ],
)
def test_every_other_name_is_refused_with_a_sentence(
    made: tuple[AssetLibrary, Path], asset: str, sentence: str
) -> None:
    with pytest.raises(UserError) as told:
        made[0].file(asset)
    assert sentence in str(told.value) and "\n" not in str(told.value)


def test_two_libraries_of_one_name_are_refused(tmp_path: Path) -> None:
    one, other = tmp_path / "a" / "parts", tmp_path / "b" / "parts"
    one.mkdir(parents=True)
    other.mkdir(parents=True)
    assert [*open_library([one, one], starter=False).roots] == ["parts"]
    with pytest.raises(UserError, match="another library is called 'parts'"):
        open_library([one, other])
    with pytest.raises(UserError, match="there is no such folder"):
        open_library([tmp_path / "nothing"])


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.text(st.characters(codec="utf-8"), max_size=40)
    | st.from_regex(r"(plant|starter)/[./\\a-z~]{0,20}usda")
)
def test_no_name_leads_out(made: tuple[AssetLibrary, Path], asset: str) -> None:
    """Whatever is asked for: a sentence, or a file of that library."""
    library, _ = made
    try:
        file = library.file(asset)
    except UserError as error:
        assert "\n" not in str(error)
        return
    name, relative = split(asset)
    assert ".." not in PurePosixPath(relative).parts
    assert file.resolve().is_relative_to(library.roots[name].resolve())
