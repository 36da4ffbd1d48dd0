"""Results, models, thresholds, files."""

import json
import pickle

import numpy
import pytest

import differnet
from conftest import scratch, surface


def test_a_result_has_the_fields_of_the_command(model, scratched):
    result = model.score(scratched)
    assert result.verdict == "defect" and result.score >= result.threshold == model.threshold
    assert result.p_value == pytest.approx(1 / 13)
    assert list(result.to_dict()) == [
        "path", "method", "score", "threshold", "p_value", "verdict", "transforms", "peak",
    ]
    json.dumps(result.to_dict())
    column, row = result.peak
    assert 26 <= column <= 38 and 36 <= row <= 74
    assert "verdict='defect'" in repr(result)


def test_the_map_shows_where(model, scratched):
    map = model.score(scratched).map
    assert map.shape == scratched.shape[:2] and map.dtype == numpy.float32
    inside = map[40:70, 30:34].mean()
    assert inside > model.map_threshold > map[:, 70:].mean()
    other = next(iter(model.maps([scratched]))).map
    numpy.testing.assert_array_equal(map, other)


def test_a_list_of_results_does_not_keep_images(model, scratched, tmp_path):
    result = next(iter(model.scores([scratched])))
    with pytest.raises(ValueError, match=r"model.maps\(images\)"):
        result.map
    from PIL import Image

    path = tmp_path / "part.png"
    Image.fromarray(scratched).save(path)
    result = next(iter(model.scores([path])))
    numpy.testing.assert_array_equal(result.map, model.score(scratched).map)
    result = next(iter(model.scores([path])))
    Image.fromarray(surface(3)).save(path)
    with pytest.raises(differnet.ImageError, match="changed since it was scored"):
        result.map


def test_unusable_images_raise_or_are_given(model, scratched):
    images = [scratched, b"broken", scratched]
    results = model.scores(images)
    next(results)
    with pytest.raises(differnet.ImageError):
        next(results)
    assert next(results).verdict == "defect"
    kinds = [type(found).__name__ for found in model.scores(images, on_error="yield")]
    assert kinds == ["Result", "ImageError", "Result"]
    results = list(model.scores(iter(["missing.png", scratched]), on_error="yield"))
    assert isinstance(results[0], FileNotFoundError)


def test_results_come_in_order_whatever_the_batch(model, good):
    expected = [model.score(image).score for image in good]
    for batch_size in (1, 5, 12, 100):
        assert [r.score for r in model.scores(iter(good), batch_size=batch_size)] == expected
    for batch_size in (0, -1):
        with pytest.raises((ValueError, OverflowError)):
            model.scores(good, batch_size=batch_size)
    with pytest.raises(ValueError, match="on_error"):
        model.scores(good, on_error="ignore")
    assert list(model.scores([])) == []


def test_images_are_pulled_a_batch_at_a_time(model, good):
    pulled = []

    def images():
        for image in good:
            pulled.append(image)
            yield image

    results = model.scores(images(), batch_size=3)
    next(results)
    assert len(pulled) == 3


def test_an_exception_of_the_iterable_comes_after_the_results_before_it(model, good):
    def images():
        yield good[0]
        raise KeyError("camera")

    results = model.scores(images())
    next(results)
    with pytest.raises(KeyError, match="camera"):
        next(results)
    assert list(results) == []


def test_files_and_pickles_score_as_the_model_does(model, scratched, tmp_path):
    path = tmp_path / "part.differnet"
    model.save(path)
    expected = model.score(scratched).score
    assert differnet.load(path, verify=True).score(scratched).score == expected
    assert pickle.loads(pickle.dumps(model)).score(scratched).score == expected
    assert path.read_bytes() == bytes(model)
    assert differnet.read_header(path) == model.header
    assert model.verify() == 0.0


def test_a_file_that_is_no_model_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no model file"):
        differnet.load(tmp_path / "missing.differnet")
    with pytest.raises(IsADirectoryError):
        differnet.load(tmp_path)
    path = tmp_path / "part.differnet"
    for content in (b"", b"text", bytes(1000)):
        path.write_bytes(content)
        with pytest.raises(differnet.ModelError, match="part.differnet"):
            differnet.load(path)


def test_a_truncated_model_is_refused(model, tmp_path):
    path = tmp_path / "part.differnet"
    path.write_bytes(bytes(model)[:-9])
    with pytest.raises(differnet.ModelError):
        differnet.load(path)


def test_a_closed_model_says_so(own_model, scratched):
    with own_model as model:
        results = model.scores([scratched] * 2, batch_size=1)
        next(results)
    assert own_model.closed and repr(own_model) == "Model(closed)"
    for use in (
        lambda: own_model.score(scratched),
        lambda: next(results),
        lambda: own_model.threshold,
        lambda: own_model.save("x"),
        lambda: bytes(own_model),
    ):
        with pytest.raises(ValueError, match="closed: load it again"):
            use()
    own_model.close()


def test_calibration_sets_and_resets_the_threshold(own_model):
    before = own_model.threshold
    images = [surface(seed) for seed in range(200, 260)]
    found = own_model.calibrate(images, false_alarm_rate=0.1, unsure_rate=0.3)
    assert found["threshold"] == own_model.threshold != before
    assert found["images"] == 60 and found["threshold_before"] == before
    assert own_model.unsure_threshold < own_model.threshold
    more = own_model.calibrate(images[:3] + [surface(900)], append=True)
    assert (more["images"], more["twice"]) == (61, 3)
    own_model.calibrate(reset=True)
    assert own_model.threshold == before and own_model.unsure_threshold is None


def test_calibration_counts_a_photograph_once_in_whatever_format(own_model, good, tmp_path):
    from PIL import Image

    for seed in range(200, 205):
        image = Image.fromarray(surface(seed))
        image.save(tmp_path / f"{seed}.png")
        image.save(tmp_path / f"{seed}.jpg", quality=90)
    Image.fromarray(good[0]).save(tmp_path / "trained.jpg", quality=90)
    Image.fromarray(255 - good[0] // 8).save(tmp_path / "bright.png")
    found = own_model.calibrate(tmp_path, false_alarm_rate=0.9, confidence=0.5)
    assert found["images"] == 5
    assert (found["seen_in_training"], found["twice"], found["invalid"]) == (1, 5, 1)


def test_calibration_by_cost_weighs_defects(own_model, scratched):
    images = [surface(seed) for seed in range(200, 220)]
    defects = [scratch(surface(seed)) for seed in range(300, 305)]
    costs = {"cost_escape": 100.0, "cost_false_alarm": 1.0, "defect_share": 0.01}
    found = own_model.calibrate(images, defects=[*defects, numpy.zeros_like(scratched)], **costs)
    assert own_model.score(scratched).verdict == "defect"
    threshold = own_model.threshold
    # What is not judged weighs nothing.
    assert found["invalid"] == 1
    own_model.calibrate(images, defects=defects, **costs)
    assert own_model.threshold == threshold


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "false_alarm_rate=0.01"),
        ({"false_alarm_rate": 0.1, "reset": True}, "false_alarm_rate=0.01"),
        ({"cost_escape": 1.0}, "cost_false_alarm"),
        ({"false_alarm_rate": 0.0001}, "images"),
        ({"false_alarm_rate": 1.5}, "1.5"),
        ({"false_alarm_rate": 0.1, "append": True}, "first argument"),
        ({"append": True, "unsure_rate": 0.2}, "belong to a false_alarm_rate"),
        ({"reset": True, "confidence": 0.9}, "belong to a false_alarm_rate"),
    ],
)
def test_calibration_that_cannot_be_is_refused_and_changes_nothing(own_model, arguments, words):
    before = own_model.threshold
    with pytest.raises(ValueError, match=words):
        own_model.calibrate(**arguments)
    assert own_model.threshold == before


def test_images_of_the_training_do_not_calibrate(own_model, good_folder):
    trained = differnet.train(good_folder, method="padim")
    with pytest.raises(ValueError, match="trained on all"):
        trained.calibrate(good_folder, false_alarm_rate=0.2)


def test_a_report_is_one_file_with_every_image(model, good, scratched, tmp_path):
    path = tmp_path / "r.html"
    found = model.report([*good[:2], scratched, b"broken"], path, title="Shift 3")
    assert (found["images"], found["defects"], found["failed"]) == (3, 1, 1)
    text = path.read_text()
    assert "Shift 3" in text and text.count("<img") >= 3 and "image 3" in text
    with pytest.raises(FileExistsError, match="overwrite=True"):
        model.report(good, path)
    model.report(good[:1], path, maps=False, overwrite=True)
    black = numpy.zeros_like(scratched)
    assert model.score(black).verdict == "invalid"
    found = model.report([good[0], black], path, overwrite=True)
    assert (found["ok"], found["defects"], found["invalid"]) == (1, 0, 1)
    assert "1 images judged" not in path.read_text()


def test_new_good_images_are_taken_in(good, scratched):
    model = differnet.train(good, method="patchcore", seed=1)
    added = model.update([surface(500), surface(501)])
    assert added["images"] == 2 and model.header["training_images"] == 14
    with pytest.raises(ValueError, match="seen all"):
        model.update([surface(500)])
    with pytest.raises(differnet.DiffernetError, match="takes in no new images"):
        differnet.train(good, method="ocsvm", transforms=2, score_transforms=2).update([scratched])
