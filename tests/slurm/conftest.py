"""A Slurm for the tests of this folder, started for them and stopped after them."""

from collections.abc import Iterator

import pytest
from slurm.cluster import Cluster, running_cluster


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster
