"""Normalizing flows as densities."""

import pickle

import numpy
import pytest

from differnet import NormalizingFlow

ROWS = numpy.random.default_rng(0).normal(size=(600, 3)) @ numpy.array([[1, 0.5, 0], [0, 1, 0], [0, 0, 0.5]])


@pytest.fixture(scope="module")
def flow():
    return NormalizingFlow(3, blocks=4, hidden=32, seed=1).fit(ROWS, updates=400)


def test_the_density_is_that_of_the_latents_and_the_determinant(flow):
    latents = flow.transform(ROWS[:50])
    by_hand = -0.5 * (latents.astype(float) ** 2).sum(1) - 1.5 * numpy.log(2 * numpy.pi) + flow.log_det(ROWS[:50])
    numpy.testing.assert_allclose(flow.log_prob(ROWS[:50]), by_hand, atol=1e-9)


def test_the_determinant_is_that_of_the_jacobian(flow):
    row, step = ROWS[0], 1e-2
    moved = [(flow.transform([row + step * axis]) - flow.transform([row - step * axis]))[0] for axis in numpy.eye(3)]
    jacobian = numpy.array(moved, dtype=float) / (2 * step)
    # Central differences of single precision: the error is of the order of step².
    assert flow.log_det([row])[0] == pytest.approx(numpy.linalg.slogdet(jacobian)[1], abs=2e-2)


def test_the_inverse_undoes_the_transform(flow):
    numpy.testing.assert_allclose(flow.inverse(flow.transform(ROWS)), ROWS, atol=1e-4)


def test_the_fit_comes_close_to_the_entropy(flow):
    covariance = numpy.cov(ROWS.T)
    entropy = 0.5 * numpy.linalg.slogdet(2 * numpy.pi * numpy.e * covariance)[1]
    assert -flow.log_prob(ROWS).mean() == pytest.approx(entropy, abs=0.2)


def test_samples_have_the_spread_of_the_rows(flow):
    samples = flow.sample(2000, seed=2)
    numpy.testing.assert_allclose(numpy.cov(samples.T), numpy.cov(ROWS.T), atol=0.25)
    numpy.testing.assert_array_equal(samples, flow.sample(2000, seed=2))
    assert flow.sample(0).shape == (0, 3)


def test_a_condition_moves_the_density():
    random = numpy.random.default_rng(1)
    condition = random.integers(0, 2, (800, 1))
    rows = random.normal(size=(800, 2)) * 0.3 + 2 * condition - 1
    flow = NormalizingFlow(2, condition=1, blocks=4, hidden=32, seed=1)
    flow.fit(rows, condition=condition, updates=400)
    given = lambda side: flow.log_prob([[1.0, 1.0]], condition=[[side]])[0]  # noqa: E731
    assert given(1) > given(0) + 3
    samples = flow.sample(condition=numpy.ones((200, 1)))
    assert numpy.abs(samples.mean(0) - 1).max() < 0.3
    rows = flow.inverse(flow.transform(rows, condition=condition), condition=condition)
    assert numpy.isfinite(rows).all()
    for wrong in (None, [[1.0, 2.0]], [[1.0], [1.0]]):
        with pytest.raises(ValueError, match=r"condition must have the shape \[1, 1\]"):
            flow.log_prob([[0.0, 0.0]], condition=wrong)


def test_files_and_pickles_keep_every_bit(flow, tmp_path):
    path = tmp_path / "rows.flow"
    flow.save(path)
    for copy in (NormalizingFlow.load(path), pickle.loads(pickle.dumps(flow))):
        numpy.testing.assert_array_equal(copy.log_prob(ROWS), flow.log_prob(ROWS))
    with pytest.raises(FileNotFoundError):
        NormalizingFlow.load(tmp_path / "missing")
    path.write_bytes(b"no flow")
    with pytest.raises(ValueError):
        NormalizingFlow.load(path)
    unfitted = pickle.loads(pickle.dumps(NormalizingFlow(3)))
    with pytest.raises(ValueError, match="call fit"):
        unfitted.sample(3)


def test_the_fit_is_a_function_of_the_seed():
    fitted = [NormalizingFlow(3, seed=seed, hidden=8, threads=threads).fit(ROWS, updates=20) for seed, threads in ((1, 1), (1, 2), (2, 1))]
    first, same, other = (flow.log_prob(ROWS[:5]) for flow in fitted)
    numpy.testing.assert_array_equal(first, same)
    assert (first != other).any()


@pytest.mark.parametrize(
    ("rows", "error", "words"),
    [
        (numpy.full((4, 3), numpy.nan), ValueError, "nan_to_num"),
        (numpy.full((4, 3), 1e300), ValueError, "single precision"),
        (numpy.zeros(3), ValueError, "reshape"),
        (numpy.zeros((4, 2)), ValueError, "2 features, the flow has 3"),
        (numpy.zeros((0, 3)), ValueError, "no rows"),
        ([["a", "b", "c"]], TypeError, "numbers"),
        ([[None, 1, 2]], TypeError, "numbers"),
    ],
)
def test_rows_that_cannot_be_fitted_are_refused(rows, error, words):
    with pytest.raises(error, match=words):
        NormalizingFlow(3).fit(rows)


@pytest.mark.parametrize(
    "arguments", [{"batch_size": 0}, {"learning_rate": -1.0}, {"noise": numpy.nan}, {"updates": -1}]
)
def test_settings_out_of_range_are_refused(arguments):
    with pytest.raises((ValueError, OverflowError)):
        NormalizingFlow(3, hidden=8).fit(ROWS, **{"updates": 1, **arguments})
    with pytest.raises(ValueError, match="at least 2"):
        NormalizingFlow(1)
    with pytest.raises(ValueError, match="hidden"):
        NormalizingFlow(3, hidden=0).fit(ROWS)
