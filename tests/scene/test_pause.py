"""The pause of the search for reference cycles ends, whatever happens in it."""

import gc

import pytest

from twinstage.scene.pause import no_cycle_search


def test_it_pauses_and_resumes() -> None:
    assert gc.isenabled()
    with no_cycle_search():
        assert not gc.isenabled()
        with no_cycle_search():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_resumes_after_an_exception_and_leaves_a_switched_off_search_off() -> None:
    with pytest.raises(ValueError, match="x"), no_cycle_search():
        raise ValueError("x")
    assert gc.isenabled()
    gc.disable()
    try:
        with no_cycle_search():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
