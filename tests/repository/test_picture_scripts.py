"""Each picture of the docs has a script that draws it again: docs/images/README.md says which."""

import re
from fnmatch import fnmatch
from pathlib import Path


def test_each_picture_has_one_row_and_each_row_its_pictures_and_its_script(root: Path) -> None:
    folder = root / "docs" / "images"
    pictures = sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.suffix in (".jpg", ".png")
    )
    rows = (folder / "README.md").read_text("utf-8").splitlines()[6:]
    cells = [row.strip("|").split("|") for row in rows if row.startswith("|")]
    wanted = {pattern: by for names, by in cells for pattern in re.findall(r"`([^`]+)`", names)}
    assert len(pictures) > 80
    for picture in pictures:
        assert len([pattern for pattern in wanted if fnmatch(picture, pattern)]) == 1, picture
    for pattern, by in wanted.items():
        assert any(fnmatch(picture, pattern) for picture in pictures), pattern
        for script in re.findall(r"scripts/\w+\.py", by):
            assert (root / script).is_file(), script


def test_what_commands_make_is_in_that_script(root: Path) -> None:
    readme = (root / "docs/images/README.md").read_text("utf-8")
    (row,) = [line for line in readme.splitlines() if "command_pictures.py" in line]
    source = (root / "scripts/command_pictures.py").read_text("utf-8")
    made = set(re.findall(r'^    "([\w-]+)": \w+,$', source, re.M))
    assert made == {name.split(".")[0] for name in re.findall(r"`([\w-]+\.(?:jpg|png))`", row)}
    for name in made:
        assert f'out / "{name}.' in source
