"""What the tests of inference share."""

import pytest


@pytest.fixture(scope="module")
def one_thread():
    """One thread of torch: more only wait for each other in a model this small."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def passed_to_model(monkeypatch):
    """The keyword arguments of each call of the model's `generate`."""
    from transformers import Qwen2VLForConditionalGeneration

    calls = []
    generate = Qwen2VLForConditionalGeneration.generate

    def record(self, **arguments):
        calls.append(arguments)
        return generate(self, **arguments)

    monkeypatch.setattr(Qwen2VLForConditionalGeneration, "generate", record)
    return calls
