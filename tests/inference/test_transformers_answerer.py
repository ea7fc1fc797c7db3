"""What the engine `transformers` says of itself, and which journalled answers it takes for its own."""

from dataclasses import replace

import pytest
import torch
import transformers

from spd_faith.core.machine import hardware
from spd_faith.inference.checkpoint import load_checkpoint
from spd_faith.inference.entries import TransformersModel
from spd_faith.inference.preparation import LOCAL
from spd_faith.inference.transformers_answerer import TransformersAnswerer

pytestmark = pytest.mark.usefixtures("one_thread")
COMMIT, OTHER = "1" * 40, "a" * 40


@pytest.fixture(scope="module")
def checkpoint(tiny_checkpoint):
    fields = {"backend": "transformers", "model": str(tiny_checkpoint), "dtype": "float32", "max_new_tokens": 1}
    return load_checkpoint(TransformersModel.model_validate(fields))


def test_provenance_is_stored_flat_and_in_order(checkpoint):
    answerer = TransformersAnswerer(replace(checkpoint, revision=COMMIT))
    assert list(answerer.provenance.to_json().items()) == [
        ("model", checkpoint.entry.model),
        ("dtype", "float32"),
        ("pixel_backend", answerer.builder.pixel_backend),
        ("device", "cpu"),
        ("hardware", hardware()),
        ("torch", torch.__version__),
        ("transformers", transformers.__version__),
        ("revision", COMMIT),
    ]


@pytest.mark.parametrize(
    ("loaded", "journalled", "is_same"),
    [
        (COMMIT, COMMIT, True),
        (COMMIT, OTHER, False),  # the branch has moved
        (COMMIT, LOCAL, True),  # early journals of version 0.1, which did not know the commit of a model of the hub
        (LOCAL, LOCAL, True),
        (LOCAL, COMMIT, False),
        (COMMIT, None, False),
    ],
)
def test_answers_are_of_the_same_model(checkpoint, loaded, journalled, is_same):
    answerer = TransformersAnswerer(replace(checkpoint, revision=loaded))
    assert answerer.is_of_same_model({"revision": journalled} if journalled else {}) is is_same
