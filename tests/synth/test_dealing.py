"""Items belong to one split each, whatever the order, and frames choose among those of theirs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinstage.base.errors import UserError
from twinstage.synth.dealing import Dealing, dealt_counts
from twinstage.synth.draws import Draws

SHARES = {"train": 0.8, "val": 0.2}
ITEMS = [f"hdri/{n}.exr" for n in range(10)]
DEALING = Dealing(5, SHARES, frozenset({"hdri"}))


def test_every_item_has_one_split_and_shares_are_exact() -> None:
    train, val = (DEALING.allowed("hdri", ITEMS, split) for split in SHARES)
    assert len(train) == 8 and len(val) == 2 and sorted(train + val) == sorted(ITEMS)


@given(st.permutations(ITEMS))
def test_the_order_of_items_does_not_matter(items: list[str]) -> None:
    assert set(DEALING.allowed("hdri", items, "val")) == set(DEALING.allowed("hdri", ITEMS, "val"))


def test_groups_that_are_not_split_by_and_frames_of_no_split_may_take_all() -> None:
    assert DEALING.allowed("texture", ITEMS, "val") == ITEMS
    assert DEALING.allowed("hdri", ITEMS, None) == ITEMS


def test_lists_that_overlap_agree_where_all_items_are_known() -> None:
    dealing = Dealing(5, SHARES, frozenset({"asset"}), {"asset": tuple(ITEMS)})
    whole = dealing.allowed("asset", ITEMS, "train")
    for part in (ITEMS[:6], ITEMS[3:]):
        assert dealing.allowed("asset", part, "train") == [item for item in part if item in whole]


def test_one_content_under_two_names_has_one_owner() -> None:
    copies = {f"copy/{n}.exr": f"hdri/{n}.exr" for n in range(10)}
    contents = {name: name for name in ITEMS} | copies
    dealing = Dealing(5, SHARES, frozenset({"hdri"}), contents=contents)
    of_split = {split: set(dealing.allowed("hdri", [*ITEMS, *copies], split)) for split in SHARES}
    assert len(of_split["train"]) == 16 and len(of_split["val"]) == 4
    for copy, original in copies.items():
        assert (copy in of_split["val"]) == (original in of_split["val"])
    # What has no copy is dealt out as it would be without hashes.
    plain = Dealing(5, SHARES, frozenset({"hdri"}), contents={name: name for name in ITEMS})
    assert plain.allowed("hdri", ITEMS, "val") == DEALING.allowed("hdri", ITEMS, "val")
    with pytest.raises(UserError, match=r"split_by hdri: there is 1 item \(a\) for 2 splits"):
        Dealing(5, SHARES, frozenset({"hdri"}), contents={"a": "x", "b": "x"}).allowed(
            "hdri", ["a", "b"], "val"
        )


def test_too_few_items_are_one_clear_error() -> None:
    with pytest.raises(
        UserError, match=r"split_by hdri: there is 1 item \(a\) for 2 splits, and 'val' gets none"
    ):
        DEALING.allowed("hdri", ["a"], "val")


@given(st.lists(st.floats(0.01, 5), min_size=1, max_size=5), st.integers(0, 200))
def test_all_are_dealt_and_no_split_is_left_out(weights: list[float], total: int) -> None:
    counts = dealt_counts(total, {str(i): w for i, w in enumerate(weights)})
    assert sum(counts.values()) == total and min(counts.values()) >= 0
    assert total < len(weights) or min(counts.values()) >= 1


def test_picks_follow_the_split_and_are_told() -> None:
    for split in SHARES:
        allowed = DEALING.allowed("hdri", ITEMS, split)
        picked = set()
        for frame in range(60):
            draws = Draws(5, frame, "sky", split=split, dealing=DEALING)
            item = draws.pick("file", ITEMS, "hdri")
            assert draws.log == {"file": item} and draws.picked == {"hdri": [item]}
            picked.add(item)
        assert picked == set(allowed)


def test_picks_follow_their_weights() -> None:
    counts = dict.fromkeys("abc", 0)
    for frame in range(4000):
        counts[Draws(1, frame, "p").pick("x", ["a", "b", "c"], "asset", weights=[1, 0, 3])] += 1
    assert counts["b"] == 0 and counts["a"] / 4000 == pytest.approx(0.25, abs=0.025)
