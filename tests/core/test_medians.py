import numpy as np
import pytest

from dashcamd.core.medians import middle

RNG = np.random.default_rng(3)


@pytest.mark.parametrize("shape", [(1,), (2,), (7,), (4, 5), (3, 5, 5)])
def test_the_median_is_that_of_numpy_and_leaves_its_values_in_order(shape):
    values = RNG.integers(0, 100, shape).astype(np.float32)
    before = values.copy()
    assert middle(values) == np.median(values)
    assert (values == before).all()
