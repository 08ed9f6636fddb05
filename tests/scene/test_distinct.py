"""Numbers of equal rows: as numpy's own unique gives them."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from twinstage.scene.distinct import combine, distinct, distinct_integers, distinct_rows

rows = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 40), st.integers(1, 4)),
    elements=st.sampled_from([0.0, -0.0, 1.5, -1.5, 1e-30, -1e-30, 3e38, -3e38, 0.25, -7.0]),
)


@settings(deadline=None)
@given(rows)
def test_rows(values: np.ndarray) -> None:
    expected, number = np.unique(values, axis=0, return_inverse=True)
    place, found = distinct_rows(values)
    assert (values[place] == expected).all()
    assert (found == number.reshape(-1)).all()


@settings(deadline=None)
@given(hnp.arrays(np.int64, st.integers(1, 50), elements=st.integers(0, 9)))
def test_integers(values: np.ndarray) -> None:
    expected, number = np.unique(values, return_inverse=True)
    place, found = distinct(values)
    assert (found == number).all()
    assert (values[place] == expected).all()
    there, found = distinct_integers(values, 10)
    assert (found == number).all()
    assert (there == expected).all()


@settings(deadline=None)
@given(
    hnp.arrays(np.int64, st.tuples(st.integers(1, 30), st.just(3)), elements=st.integers(0, 4)), st.booleans()
)
def test_combinations_keep_their_order(values: np.ndarray, huge: bool) -> None:
    factor = 2**40 if huge else 1  # products that do not fit 64 bits
    key = combine([values[:, k] * factor for k in range(3)])
    _, expected = np.unique(values, axis=0, return_inverse=True)
    assert (distinct(key)[1] == expected.reshape(-1)).all()
