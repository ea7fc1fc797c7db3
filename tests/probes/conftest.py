"""Fixtures for the tests of probes."""

import pytest


@pytest.fixture(scope="session")
def load(tmp_path_factory):
    """Load a model by name, layout and dtype: `load("qwen2_vl", "merged")`, `load("tiny-qwen2-vl")`."""
    from probes.probed import Loader

    return Loader(tmp_path_factory.mktemp("probed"))


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """One thread of torch: more only wait for each other in a model this small."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
