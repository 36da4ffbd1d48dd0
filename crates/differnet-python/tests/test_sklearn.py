"""The contract of scikit-learn."""

import pickle

import numpy
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.utils.estimator_checks import (
    check_get_params_invariance, check_no_attributes_set_in_init, check_parameters_default_constructible,
    check_set_params, parametrize_with_checks,
)

from conftest import scratch, surface
from differnet.sklearn import (
    CHECKS_THAT_CANNOT_APPLY, DefectDetector, FlowOutlierDetector, OneClassSvm, OneNearestNeighbour,
)

ROW_DETECTORS = [OneClassSvm(), OneNearestNeighbour(), FlowOutlierDetector(updates=50)]


@parametrize_with_checks(ROW_DETECTORS)
def test_row_detectors_pass_every_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize("detector", ROW_DETECTORS, ids=lambda detector: type(detector).__name__)
def test_row_detectors_find_what_lies_apart(detector):
    random = numpy.random.default_rng(0)
    rows, far = random.normal(size=(300, 4)), random.normal(size=(50, 4)) + 5
    fitted = clone(detector).fit(rows)
    scores = numpy.concatenate([fitted.score_samples(random.normal(size=(50, 4))), fitted.score_samples(far)])
    assert roc_auc_score([1] * 50 + [0] * 50, scores) > 0.99
    copy = pickle.loads(pickle.dumps(fitted))
    numpy.testing.assert_array_equal(copy.score_samples(far), fitted.score_samples(far))
    assert (fitted.predict(rows) == -1).mean() == pytest.approx(0.1, abs=0.02)


def test_the_support_vector_machine_is_scikit_learns():
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import OneClassSVM

    rows = numpy.random.default_rng(3).normal(size=(200, 5)) * [1, 2, 3, 4, 5]
    ours = OneClassSvm(nu=0.2, tol=1e-6).fit(rows).score_samples(rows)
    scaled = StandardScaler().fit_transform(rows)
    theirs = OneClassSVM(nu=0.2, tol=1e-6).fit(scaled).decision_function(scaled)
    # Rows are kept in single precision.
    numpy.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_a_training_row_is_scored_by_the_nearest_other_row():
    rows = numpy.array([[0.0, 0.0], [1.0, 1.0], [5.0, -3.0], [0.5, 2.0]])
    detector = OneNearestNeighbour(contamination=0.25).fit(rows)
    assert (detector.score_samples(rows) < 0).all()
    assert detector.score_samples([[0.0, 1e-6]])[0] > detector.score_samples([[0.0, 0.0]])[0]


@pytest.fixture(scope="module")
def detector(good):
    return DefectDetector(method="padim", random_state=1).fit(good)


def test_the_image_detector_tells_defects(detector, model, good, scratched):
    images = [good[0], scratched]
    numpy.testing.assert_array_equal(detector.score_samples(images), [-model.score(image).score for image in images])
    assert detector.predict(images).tolist() == [1, -1]
    assert detector.decision_function(images)[1] < 0 < detector.decision_function(images)[0]
    black = numpy.zeros_like(scratched)
    assert model.score(black).verdict == "invalid" and detector.predict([good[0], black]).tolist() == [1, -1]
    stack = numpy.stack(images)
    numpy.testing.assert_array_equal(detector.score_samples(stack), detector.score_samples(images))


def test_the_image_detector_is_cloned_and_pickled(detector, scratched):
    copy = pickle.loads(pickle.dumps(detector))
    assert copy.score_samples([scratched]) == detector.score_samples([scratched])
    assert copy.offset_ == detector.offset_
    fresh = clone(detector)
    assert fresh.get_params() == detector.get_params()
    with pytest.raises(NotFittedError):
        fresh.predict([scratched])


def test_the_checks_that_can_apply_to_images_pass():
    assert CHECKS_THAT_CANNOT_APPLY
    for check in (
        check_get_params_invariance, check_no_attributes_set_in_init, check_parameters_default_constructible,
        check_set_params,
    ):
        check("DefectDetector", DefectDetector())


def test_the_image_detector_works_in_model_selection(good):
    from sklearn.model_selection import GridSearchCV

    images = numpy.stack([*good, *(scratch(surface(seed)) for seed in range(50, 56))])
    labels = numpy.array([1] * len(good) + [-1] * 6)

    class Splits:
        """Trains on good images alone."""

        def split(self, X, y=None, groups=None):
            yield numpy.arange(8), numpy.arange(8, 18)

        def get_n_splits(self, *_, **__):
            return 1

    search = GridSearchCV(DefectDetector(), {"method": ["padim", "patchcore"]}, scoring="roc_auc", cv=Splits(), refit=False)
    search.fit(images, labels)
    assert (search.cv_results_["mean_test_score"] == 1.0).all()


def test_settings_that_cannot_be_are_refused(good):
    for settings in ({"random_state": None}, {"random_state": -1}, {"settings": {"quantile": 3}}):
        with pytest.raises(ValueError):
            DefectDetector(method="padim", **settings).fit(good)
    rows = numpy.zeros((5, 3))
    for estimator in (
        OneClassSvm(nu=2), OneClassSvm(gamma="auto"), OneNearestNeighbour(components=0),
        FlowOutlierDetector(contamination=0.9), FlowOutlierDetector(random_state="x"),
    ):
        with pytest.raises(ValueError):
            estimator.fit(rows)
