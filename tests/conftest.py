"""What the tests of several stages share."""

import pytest


def pytest_runtest_setup(item):
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("needs CUDA")


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory):
    """Folder of a very small untrained Qwen2-VL."""
    from tiny_models import save_tiny_qwen2_vl

    folder = tmp_path_factory.mktemp("checkpoints") / "tiny"
    save_tiny_qwen2_vl(folder)
    return folder
