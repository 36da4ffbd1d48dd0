"""Examples of the documentation run."""

import pytest

import differnet
import differnet.metrics
import differnet.sklearn
from conftest import run_doctests


@pytest.mark.parametrize(
    ("name", "fewest"), [("differnet", 10), ("differnet._flow", 5), ("differnet.metrics", 8), ("differnet.sklearn", 8)]
)
def test_the_examples_give_what_they_show(name, fewest, model, good, scratched, tmp_path, monkeypatch):
    import importlib

    monkeypatch.chdir(tmp_path)
    results = run_doctests(importlib.import_module(name), model, good, scratched)
    assert results.failed == 0
    assert results.attempted >= fewest
