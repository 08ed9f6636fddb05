"""docs/exactness.md: the tables come from the log's rows and stand between their marks."""

from pathlib import Path
from typing import Any

from exactness.page import BEGIN, END, figures, summary, write_page
from exactness.survey import View

FIGURES = {"pixels": 9000.0, "wrong pixels away from edges": 0.0, "wrong pixels on edges": 3.0}


def _rows() -> list[dict[str, Any]]:
    good = View("front", 1000, 400, 2, agree=990, ties=10, depth=5e-8, surface=300).as_dict()
    bad = View("close", 1000, 500, 3, agree=980, edges=15, wrong=5).as_dict()
    blender = {"instances": 4, "compared": 9, "least": 0.9975, "ties": 0, "pixels": 12345, "views": []}
    return [
        {"file": "a/b/one.usda", "state": "equal", "views": [good], "problems": []},
        {
            "file": "a/b/two.usda",
            "state": "different",
            "views": [good, bad],
            "problems": ["two | close: 5 pixels"],
        },
        {"file": "a/c/none.usda", "state": "empty", "views": [], "problems": []},
        {"file": "analytic:flat, here, pinhole", "place": "here", "eye": "pinhole", "figures": FIGURES}
        | {"state": "equal", "views": [], "problems": []},
        {"file": "blender:a/b/one.usda", "state": "equal", "problems": []} | blender,
    ]


def test_tables_are_sums_of_rows(tmp_path: Path) -> None:
    text = figures(_rows())
    assert "| all | 3 | 2 | 3 | 1,300 | 99.33333% | 20 | 15 | 5 | 5.0e-08 |" in text
    assert "a/b/two.usda, close" in text and "98.0000%" in text and "- two | close: 5 pixels" in text
    assert "| all | 1 | 4 | 9 | 12,345 | 0.99750 |" in text
    assert "| flat | here | pinhole | 9000 | 0 | 3 |" in text
    page = tmp_path / "page.md"
    page.write_text(f"head\n{BEGIN}\nold\n{END}\ntail\n")
    for _ in range(2):
        write_page(page, _rows())
        assert page.read_text() == f"head\n{BEGIN}\n{text}\n{END}\ntail\n"


def test_the_summary_fails_where_anything_is_wrong(capsys) -> None:
    assert summary(_rows()) == 1
    assert "two | close: 5 pixels" in capsys.readouterr().out
    assert summary([row for row in _rows() if row["state"] != "different"]) == 0
    said = capsys.readouterr().out
    assert "2 files: 1 empty, 1 equal" in said and "1 stages against Blender: 1 equal" in said
