"""Which files `edits export --force` replaces: its own layers, and no scene of a designer."""

from pathlib import Path

import pytest

from twinstage.base.errors import UserError
from twinstage.live.edit_files import check_replaced

HEAD = """#usda 1.0
(
    defaultPrim = "World"
    metersPerUnit = 1
    upAxis = "Z"
)

"""
PLACED = """over "World"
{
    over "Cell"
    {
        def Xform "World" (
            kind = "component"
            prepend references = @./parts/box.usda@
        )
        {
            double3 xformOp:translate = (1, 2, 3)
            uniform token[] xformOpOrder = ["xformOp:translate"]
        }
    }

    over "table" (
        variants = {
            string size = "small"
        }
    )
    {
    }
}
"""
DESIGNED = {
    "a mesh below an over": """over "World"
{
    def Mesh "table"
    {
    }
}
""",
    "sublayers": 'over "World"\n{\n}\n',
    "a variant set": """over "World"
{
    over "table" (
        prepend variantSets = "size"
    )
    {
        variantSet "size" = {
            "small" {
            }
        }
    }
}
""",
    "a class below an over": 'over "World"\n{\n    class "_paint"\n    {\n    }\n}\n',
}


def test_a_layer_of_edits_may_be_replaced(tmp_path: Path) -> None:
    out = tmp_path / "edits.usda"
    check_replaced(out)  # there is none yet
    out.write_text(HEAD + PLACED)
    check_replaced(out)


@pytest.mark.parametrize("name", DESIGNED)
def test_a_designers_layer_is_not_replaced(tmp_path: Path, name: str) -> None:
    out = tmp_path / "edits.usda"
    head = HEAD.replace("    upAxis", "    subLayers = [\n        @./base.usda@\n    ]\n    upAxis")
    out.write_text((head if name == "sublayers" else HEAD) + DESIGNED[name])
    with pytest.raises(UserError, match="is no layer of edits, so it is not replaced"):
        check_replaced(out)


def test_a_file_that_cannot_be_read_is_one_sentence() -> None:
    out = Path("/proc/self/mem")
    if not out.is_file():
        pytest.skip("a file that is there and cannot be read: Linux has one")
    with pytest.raises(UserError, match=r"^/proc/self/mem cannot be read: "):
        check_replaced(out)
