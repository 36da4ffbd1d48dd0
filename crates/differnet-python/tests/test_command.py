"""Python and the command agree to the last bit."""

import json
import subprocess

import pytest

import differnet


def command_scores(command, model_file, images):
    """What `differnet score --json` prints, by path."""
    run = subprocess.run(
        [command, "score", "--json", "--no-cache", "--model", model_file, images],
        check=True, capture_output=True, text=True,
    )
    return [json.loads(line) for line in run.stdout.splitlines()]


@pytest.mark.parametrize(
    "settings",
    [
        {"method": "padim"},
        {"method": "patchcore"},
        {"method": "differnet", "transforms": 2, "score_transforms": 4, "hidden": 8, "updates": 20},
        {"method": "1nn", "transforms": 2, "score_transforms": 2},
    ],
    ids=lambda settings: settings["method"],
)
def test_scores_are_those_of_the_command(command, good_folder, scratched, tmp_path, settings):
    model = differnet.train(good_folder, seed=1, **settings)
    path = tmp_path / "part.differnet"
    model.save(path)
    printed = command_scores(command, path, good_folder)
    assert [result.to_dict() | {"peak": result.peak and list(result.peak)} for result in model.scores(good_folder)] == printed


def test_a_model_of_the_command_is_the_model_of_python(command, good_folder, tmp_path):
    path = tmp_path / "part.differnet"
    subprocess.run(
        [command, "train", "--data", good_folder, "--method", "padim", "--seed", "1", "--out", path],
        check=True, capture_output=True,
    )
    assert path.read_bytes() == bytes(differnet.train(good_folder, method="padim", seed=1))
