"""Training: what it takes, refuses and reports, and how it is interrupted."""

import hashlib
import io
import os
import signal
import threading

import numpy
import pytest
from PIL import Image

import differnet
from differnet import ProgressBar
from networks import write_network

SMALL = {"transforms": 2, "score_transforms": 2, "hidden": 8, "updates": 30}


def test_arrays_paths_and_a_folder_give_the_same_model(good, good_folder, scratched):
    paths = sorted(good_folder.iterdir())
    of_folder = differnet.train(good_folder, method="padim", seed=1)
    of_paths = differnet.train(paths, method="padim", seed=1)
    of_arrays = differnet.train(good, method="padim", seed=1)
    scores = {model.score(scratched).score for model in (of_folder, of_paths, of_arrays)}
    assert len(scores) == 1
    assert bytes(of_folder) == bytes(of_paths)


def test_settings_are_stored(good):
    model = differnet.train(good, method="padim", seed=7, quantile=0.9)
    settings = model.header["config"]
    assert (settings["seed"], settings["quantile"], settings["method"]) == (7, 0.9, "padim")


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"method": "best"}, ValueError, "best"),
        ({"preset": "slow"}, ValueError, "slow"),
        ({"hiden": 3}, ValueError, "hiden"),
        ({"quantile": 2.0}, ValueError, "quantile must be in"),
        ({"quantile": "high"}, ValueError, "quantile"),
        ({"quantile": [1]}, ValueError, "quantile"),
        ({"quantile": None}, TypeError, "setting quantile must be"),
        ({"seed": -1}, ValueError, "seed"),
        ({"threads": 0}, ValueError, "threads must be between 1"),
        ({"progress": "yes"}, TypeError, "progress must be"),
        ({"checkpoints": "state"}, ValueError, "has no checkpoints: .*local-flow"),
        ({"roi": "missing.png"}, ValueError, "missing.png"),
        ({"backbone": "resnet18"}, ValueError, "resnet18 needs its weights"),
        ({"backbone": "resnet18", "weights": "missing"}, ValueError, "missing is no file of resnet18's weights"),
        ({"backbone": "alexnet", "weights": "missing"}, ValueError, "weights are for backbone=\"resnet18\""),
    ],
)
def test_settings_that_cannot_be_are_named(good, arguments, error, words):
    with pytest.raises(error, match=words):
        differnet.train(good, **{"method": "padim", **arguments})


def test_settings_may_be_lists(good):
    model = differnet.train(good, method="padim", stages=[1, 2], components=4)
    assert model.header["config"]["stages"] == [1, 2]


def test_the_papers_preset_names_its_method_and_others_of_one_preset_say_so(good):
    model = differnet.train(good, preset="paper", rounds=1, **SMALL)
    assert (model.method, model.header["config"]["preset"]) == ("differnet", "paper")
    with pytest.warns(UserWarning, match="no preset changes it"):
        differnet.train(good, method="padim", preset="standard")


def test_folders_of_defects_are_not_trained_on(good_folder, scratched, model, tmp_path):
    (tmp_path / "ok").mkdir()
    (tmp_path / "bad").mkdir()
    for path in good_folder.iterdir():
        (tmp_path / "ok" / path.name).write_bytes(path.read_bytes())
    Image.fromarray(scratched).save(tmp_path / "bad" / "0.png")
    for attempt in (
        lambda: differnet.train(tmp_path, method="padim"),
        lambda: model.calibrate(tmp_path, false_alarm_rate=0.2),
        lambda: model.update(tmp_path),
    ):
        with pytest.raises(ValueError, match=r"bad \(1 image\) looks like defects.*differnet.find_images"):
            attempt()
    assert differnet.train(tmp_path / "ok", method="padim").header["training_images"] == 12
    assert len(list(model.scores(tmp_path))) == 13


def test_weights_of_another_network_are_loaded_and_carried(good, tmp_path):
    weights = tmp_path / "resnet18.safetensors"
    write_network(weights, "resnet18", seed=1)
    model = differnet.train(good, method="padim", backbone="resnet18", weights=weights, pixels=9216, components=4)
    assert model.header["weights_sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    model.save(tmp_path / "part.differnet")
    weights.unlink()
    assert differnet.load(tmp_path / "part.differnet").score(good[0]).score == model.score(good[0]).score


def test_images_that_cannot_be_used_are_named(good, tmp_path):
    for images in ([], iter([])):
        with pytest.raises(ValueError, match="no images"):
            differnet.train(images)
    with pytest.raises(FileNotFoundError):
        differnet.train(tmp_path / "missing")
    with pytest.raises(ValueError, match="image"):
        differnet.train(tmp_path)
    with pytest.raises(TypeError):
        differnet.train(5)
    with pytest.raises(differnet.ImageError, match="1 of the good images"):
        differnet.train([*good, b"broken"], method="padim")
    model = differnet.train([*good, b"broken"], method="padim", skip_bad=True)
    assert model.header["training_images"] == 12
    with pytest.raises(ValueError, match="too few"):
        differnet.train(good[:1], method="ocsvm")


def test_the_observer_hears_every_stage_to_its_end(good):
    heard = []
    differnet.train(good, method="differnet", progress=lambda *report: heard.append(report), **SMALL)
    last = {stage: (done, total) for stage, done, total, _ in heard}
    assert last["training"] == (30, 30) and last["checking images"] == (12, 12)
    assert all(loss is None or isinstance(loss, float) for *_, loss in heard)
    assert any(loss is not None for *_, loss in heard)


def test_an_exception_of_the_observer_ends_the_training(good):
    def observer(stage, done, total, loss):
        raise LookupError(stage)

    with pytest.raises(LookupError):
        differnet.train(good, method="padim", progress=observer)


def test_the_bar_fills():
    seconds = iter(range(100))
    out = io.StringIO()
    bar = ProgressBar(out, lambda: next(seconds))
    bar("training", 1, 4, 0.5)
    bar("training", 4, 4, 0.25)
    bar.close()
    lines = out.getvalue().split("\r")
    assert lines[1] == "training:  25%|######                  | 1/4 [00:01<00:03, loss=0.5]"
    assert lines[2].rstrip() == "training: 100%|########################| 4/4 [00:02<00:00, loss=0.25]"
    assert out.getvalue().endswith("\n")


@pytest.fixture
def ctrl_c():
    """Ctrl-C as Python handles it, also where it was started with it ignored, as shells do in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_saves_a_training_that_goes_on_to_the_same_model(good, tmp_path):
    settings = {**SMALL, "method": "differnet", "seed": 3, "updates": 400}
    whole = differnet.train(good, **settings)
    folder = tmp_path / "state"

    def interrupt(stage, done, total, loss):
        if stage == "training":
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        differnet.train(good, checkpoints=folder, progress=interrupt, **settings)
    assert any(folder.iterdir())
    resumed = differnet.train(good, checkpoints=folder, **settings)
    assert not folder.exists()
    assert resumed.score(good[0]).score == whole.score(good[0]).score


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_ends_a_flow():
    rows = numpy.random.default_rng(0).normal(size=(500, 4))

    def interrupt(*_):
        os.kill(os.getpid(), signal.SIGINT)

    flow = differnet.NormalizingFlow(4)
    with pytest.raises(KeyboardInterrupt):
        flow.fit(rows, updates=10**9, progress=interrupt)
    with pytest.raises(ValueError, match="not fitted"):
        flow.log_prob(rows)


def test_other_threads_run_while_a_model_trains(good):
    # Each observer waits for the other: with the lock held in the long call, neither would come.
    meeting = threading.Barrier(2, timeout=600)
    models, met = [], set()

    def train(name):
        def observer(*_):
            if name not in met:
                met.add(name)
                meeting.wait()

        models.append(differnet.train(good, method="padim", progress=observer))

    threads = [threading.Thread(target=train, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(models) == 2
    assert models[0].score(good[0]).score == models[1].score(good[0]).score


def test_the_number_of_threads_changes_no_score(model, good, scratched):
    alone = differnet.train(good, method="padim", seed=1, threads=1)
    assert alone.score(scratched).score == model.score(scratched).score
