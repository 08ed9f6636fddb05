"""`--fix` on broken copies of real assets: the fault is gone, nothing is new, the picture is that of the asset."""

from dataclasses import replace
from pathlib import Path

import pytest
from mend_judge import judge
from mend_product import PRODUCT
from mendable import MENDABLE

pytestmark = pytest.mark.timeout(300)
SEEDS = range(len(MENDABLE))


@pytest.mark.parametrize("seed", SEEDS, ids=[operator.name for operator in MENDABLE])
def test_what_is_mended_is_as_promised(seed: int, shared: Path) -> None:
    done = judge(seed, shared, PRODUCT)
    assert done.named and done.mended and done.seen, done
    assert done.wrong == (), (done.base, done.text)


def test_the_judge_can_say_no(shared: Path) -> None:
    """A mender that writes an empty layer over the file, and says that it mended all."""

    def pretend(
        file: Path, out: Path, home: Path, codes: frozenset[str]
    ) -> tuple[Path, set[tuple[str, str]]]:
        out.mkdir()
        layer = out / "nothing.usda"
        layer.write_text(f"#usda 1.0\n(\n    subLayers = [@../{file.relative_to(home)}@]\n)\n")
        return layer, PRODUCT.check(file, home)

    words = judge(0, shared, replace(PRODUCT, mend=pretend)).wrong
    assert any(word.startswith("told again") for word in words), words
