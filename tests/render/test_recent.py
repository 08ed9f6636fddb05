"""The cache that forgets what comes once."""

from twinstage.render.recent import Recent


def test_what_comes_back_is_made_once_and_what_comes_once_is_forgotten() -> None:
    cache: Recent[int, int] = Recent(10)
    made: list[int] = []

    def make(key: int) -> int:
        made.append(key)
        return key * key

    for frame in range(100):
        for still in (-1, -2, -3):
            assert cache.get(still, lambda still=still: make(still)) == still * still  # type: ignore[misc]
        assert cache.get(frame, lambda frame=frame: make(frame)) == frame * frame  # type: ignore[misc]
        assert len(cache) <= 2 * (10 + 3)
    assert [made.count(still) for still in (-1, -2, -3)] == [1, 1, 1]


def test_many_that_come_back_all_stay() -> None:
    cache: Recent[int, int] = Recent(10)
    made: list[int] = []
    for _ in range(5):
        for key in range(200):
            cache.get(key, lambda key=key: made.append(key) or key, room=200)  # type: ignore[misc]
    assert len(made) < 400, "a scene of more things than a generation must not be made anew each frame"
