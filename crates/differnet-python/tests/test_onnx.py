"""Exported models in onnxruntime: the same scores, maps, p-values and verdicts at any size of image."""

import json

import numpy
import pytest

import differnet
from conftest import scratch, surface
from networks import write_network

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

import differnet.onnx  # noqa: E402

SETTINGS = {
    "padim": {},
    "patchcore": {"bank": 200},
    "local-flow": {"updates": 20, "bank": 200},
    "differnet": {
        "transforms": 2, "pool": 2, "score_transforms": 3, "hidden": 16, "blocks": 2, "batch_size": 6, "updates": 12,
    },
    "1nn": {"transforms": 2, "score_transforms": 3, "components": 8},
    "ocsvm": {"transforms": 2, "score_transforms": 3},
}
#: Methods whose graphs have no map.
ROWS = ["differnet", "1nn", "ocsvm"]
VERDICTS = ["ok", "unsure", "defect", "invalid"]
#: Heights and widths, of which the last is no part's.
SIZES = [(96, 96), (131, 127), (85, 90), (203, 191), (60, 130)]


def sized(seed, height, width):
    """A scratched surface of another size, of the same brightness and detail."""
    image = numpy.tile(scratch(surface(seed)), (3, 3, 1))
    return numpy.ascontiguousarray(image[:height, :width])


def batch(*images):
    return numpy.stack([image.transpose(2, 0, 1) for image in images])


def run(path, images, **thresholds):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    given = {name: numpy.array([value], numpy.float32) for name, value in thresholds.items()}
    return dict(zip(names, session.run(names, {"image": images, **given})))


@pytest.fixture(scope="module", params=SETTINGS)
def exported(request, good, tmp_path_factory):
    """A model, and the file that it was exported to."""
    model = differnet.train(good, method=request.param, seed=1, **SETTINGS[request.param])
    path = tmp_path_factory.mktemp("onnx") / "part.onnx"
    model.export(path)
    return model, path


def test_the_file_keeps_to_the_standard(exported):
    model, path = exported
    loaded = onnx.load(path)
    onnx.checker.check_model(loaded, full_check=True)
    assert loaded.opset_import[0].version == 13
    assert [value.name for value in loaded.graph.input] == ["image", "threshold", "unsure_threshold"]
    names = [value.name for value in loaded.graph.output]
    assert names == ["score"] + ["map"] * (model.method not in ROWS) + ["p_value", "verdict"]
    about = {entry.key: entry.value for entry in loaded.metadata_props}
    assert float(about["differnet.threshold"]) == model.threshold
    record = json.loads(about["differnet"])
    assert record == differnet.onnx.record(path)
    assert record["method"] == model.method and len(record["self_test"]) == 3


@pytest.mark.parametrize("size", SIZES)
def test_results_are_the_models_at_any_size(exported, size):
    model, path = exported
    image = sized(7, *size)
    result, found = model.score(image), run(path, batch(image))
    scale = max(abs(result.score), abs(model.threshold))
    assert abs(found["score"][0] - result.score) <= 1e-4 * scale
    assert VERDICTS[found["verdict"][0]] == result.verdict
    assert result.verdict != "ok" and (result.verdict == "invalid" or size != SIZES[-1])
    if result.p_value is None:
        assert numpy.isnan(found["p_value"][0])
    else:
        assert found["p_value"][0] == pytest.approx(result.p_value, rel=1e-6)
    if "map" in found:
        assert found["map"].shape == (1, *size)
        numpy.testing.assert_allclose(found["map"][0], result.map, atol=1e-4 * result.map.max())


@pytest.mark.parametrize("side", [96, 903])
def test_images_that_the_guard_refuses_are_invalid_in_the_graph(exported, side):
    model, path = exported
    surface_of_side = numpy.tile(surface(3), (10, 10, 1))[:side, :side]
    grey = surface_of_side.astype(float)
    faint = grey.mean() + 0.1 * (grey - grey.mean())
    blurred = sum(numpy.roll(grey, (y, x), (0, 1)) for y in range(-3, 4) for x in range(-3, 4)) / 49
    for name, image in {"as it is": grey, "faint": faint, "blurred": blurred, "dark": 0.2 * grey}.items():
        image = image.round().astype(numpy.uint8)
        result, found = model.score(image), run(path, batch(image))
        assert VERDICTS[found["verdict"][0]] == result.verdict, name
        assert result.verdict == "invalid" or name == "as it is"


def test_images_of_a_batch_have_the_scores_that_they_have_alone(exported, good):
    model, path = exported
    images = [good[0], scratch(surface(100)), good[5]]
    found = run(path, batch(*images))
    for index, image in enumerate(images):
        alone = run(path, batch(image))
        for name, values in found.items():
            numpy.testing.assert_allclose(values[index], alone[name][0], rtol=1e-4, atol=1e-4)


def test_thresholds_can_be_given_instead_of_the_models(exported, good):
    model, path = exported
    score = model.score(good[0]).score
    verdict = lambda **thresholds: VERDICTS[run(path, batch(good[0]), **thresholds)["verdict"][0]]
    assert verdict(threshold=score - 1) == "defect"
    assert verdict(threshold=score + 2) == "ok"
    assert verdict(threshold=score + 2, unsure_threshold=score - 1) == "unsure"


@pytest.mark.parametrize(
    ("method", "backbone"),
    [("padim", "resnet18"), ("padim", "resnet50"), ("padim", "vgg16"), ("differnet", "resnet18")],
)
def test_networks_whose_weights_were_loaded_are_in_the_graph(method, backbone, good, tmp_path):
    weights, path = tmp_path / "weights.safetensors", tmp_path / "part.onnx"
    write_network(weights, backbone, seed=1)
    own = {"pixels": 9216, "components": 8} if method == "padim" else {
        **SETTINGS["differnet"], "pool": 1, "transforms": 1, "score_transforms": 1, "updates": 2,
    }
    model = differnet.train(good[:4], method=method, backbone=backbone, weights=weights, seed=1, **own)
    model.export(path)
    onnx.checker.check_model(onnx.load(path), full_check=True)
    for image in [good[5], scratch(surface(100))]:
        result, found = model.score(image), run(path, batch(image))
        assert found["score"][0] == pytest.approx(result.score, rel=1e-4)
        assert VERDICTS[found["verdict"][0]] == result.verdict


def test_graphs_of_one_size_and_of_resized_images_give_the_same(exported, tmp_path):
    model, path = exported
    image = sized(3, 131, 127)
    expected = run(path, batch(image))
    model.export(tmp_path / "sized.onnx", size=(127, 131))
    found = run(tmp_path / "sized.onnx", batch(image))
    for name, values in expected.items():
        numpy.testing.assert_allclose(found[name], values, rtol=1e-4, atol=1e-4)
    # At 448 x 448 resizing changes nothing.
    image = sized(3, 96, 96).repeat(5, 0).repeat(5, 1)[:448, :448]
    model.export(tmp_path / "seen.onnx", resized=True)
    onnx.checker.check_model(onnx.load(tmp_path / "seen.onnx"), full_check=True)
    found, expected = run(tmp_path / "seen.onnx", batch(image)), run(path, batch(image))
    numpy.testing.assert_allclose(found["score"], expected["score"], rtol=1e-4)


def test_the_files_own_images_are_scored_as_where_it_was_exported(exported, tmp_path, capsys):
    model, path = exported
    result = differnet.onnx.self_test(path)
    assert len(result.found) == 3 and result.deviation <= 1e-3
    assert differnet.onnx.main([str(path)]) == 0
    if model.method == "ocsvm":
        # No kernel reaches the generated images: whatever the features, their score is the offset.
        return
    loaded = onnx.load(path)
    for tensor in loaded.graph.initializer:
        if len(tensor.dims) == 4:
            weights = 1.1 * onnx.numpy_helper.to_array(tensor)
            tensor.CopyFrom(onnx.numpy_helper.from_array(weights.astype(numpy.float32), tensor.name))
    onnx.save(loaded, tmp_path / "changed.onnx")
    assert differnet.onnx.main([str(tmp_path / "changed.onnx")]) == 1
    assert "DOES NOT SCORE" in capsys.readouterr().out


def test_errors_say_what_to_do(model, tmp_path):
    with pytest.raises(FileNotFoundError):
        model.export(tmp_path / "missing" / "part.onnx")
    with pytest.raises(ValueError, match="size"):
        model.export(tmp_path / "part.onnx", size=(0, 5))
    make = onnx.helper
    ports = [make.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in "xy"]
    graph = make.make_graph([make.make_node("Identity", ["x"], ["y"])], "plain", ports[:1], ports[1:])
    opset = make.make_opsetid("", 13)
    onnx.save(make.make_model(graph, opset_imports=[opset], ir_version=7), tmp_path / "plain.onnx")
    with pytest.raises(differnet.ModelError, match="no export of a model"):
        differnet.onnx.record(tmp_path / "plain.onnx")
