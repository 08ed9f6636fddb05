"""What several sensor tests look at."""

import pytest


@pytest.fixture(scope="session")
def workcell(root):
    """The snapshot of the bundled work cell."""
    from twinstage.scene.read import read_snapshot
    from twinstage.scene.stage import open_stage

    return read_snapshot(open_stage(root / "assets/library/workcell/workcell.usda"))
