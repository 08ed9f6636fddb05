"""Path patterns: `*` within an element, `**` across."""

import pytest

from twinstage.base.errors import UserError
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.paths import editable_prims, matching, pattern_regex


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("/World/*", "/World/A", True),
        ("/World/*", "/World/A/B", False),
        ("/World/**", "/World/A/B", True),
        ("/World/**", "/World", True),
        ("/World/**/B", "/World/B", True),
        ("/World/**/B", "/World/A/C/B", True),
        ("/World/Box_?", "/World/Box_1", True),
        ("/World/Box_?", "/World/Box_12", False),
        ("/World/Box_[12]", "/World/Box_2", True),
        ("/World/Box_[!12]", "/World/Box_2", False),
        ("/World/Box_[[]", "/World/Box_[", True),
        ("/World/A", "/World/AB", False),
        ("/World/A.B", "/World/AxB", False),
        ("**/Bolt*", "/A/B/Bolt7", True),
    ],
)
def test_patterns(pattern: str, path: str, matches: bool) -> None:
    assert bool(pattern_regex(pattern).match(path)) is matches


def test_indices_are_ascending_and_unique() -> None:
    assert matching(["/B", "/*"], ["/A", "/B", "/C/D"]) == [0, 1]


def test_prims_inside_native_instances_are_left_out(snapshot: Snapshot) -> None:
    prims = editable_prims(snapshot, ["/Yard/Pallet_1/**"], who="test")
    assert [snapshot.prims.path[i] for i in prims] == ["/Yard/Pallet_1"]


def test_a_pattern_inside_an_instance_names_its_root(snapshot: Snapshot) -> None:
    with pytest.raises(
        UserError, match=r"lies inside the native instance /Yard/Pallet_1 .* name /Yard/Pallet_1"
    ):
        editable_prims(snapshot, ["/Yard/Pallet_1/Deck"], who="randomizer 'x'")


def test_a_pattern_without_a_match_says_what_was_meant(snapshot: Snapshot) -> None:
    with pytest.raises(UserError, match="no prim matches '/Yard/Box_D'; did you mean '/Yard/Box_"):
        editable_prims(snapshot, ["/Yard/Box_D"], who="randomizer 'x'")


@pytest.mark.parametrize("pattern", ["/A[z-a]", "/A/**/B[9-0]*"])
def test_a_pattern_that_is_none_is_told(pattern: str) -> None:
    with pytest.raises(UserError, match=r"is no path pattern: bad character range"):
        pattern_regex(pattern)
