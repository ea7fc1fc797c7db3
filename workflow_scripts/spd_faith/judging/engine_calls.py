"""Starts the engine of a judge for the calls of one job."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from spd_faith.core.gpus import claimed_gpus
from spd_faith.endpoints.client import Endpoint
from spd_faith.endpoints.engine.entry import serve_command
from spd_faith.endpoints.engine.process import Launch, running_engine
from spd_faith.judging.endpoint_calls import NEEDS, Calls
from spd_faith.judging.judge import JudgeJob

if TYPE_CHECKING:
    from spd_faith.judging.entries import VllmJudge

_IMAGES = 2  # in a prompt, if any are sent


@contextmanager
def opened_engine(entry: "VllmJudge", job: JudgeJob, answered: int = 0) -> Iterator[Calls]:
    """An engine on the job's GPUs, until the block ends. Raises `UserError` if it does not come up.

    `answered` is the number of the job's judgements that already exist. The engine's output is kept beside the journal.
    """
    assert job.journal
    with claimed_gpus(entry.resources.gpu) as gpus:
        images = _IMAGES if entry.images else 0
        command = serve_command(entry, entry.model, entry.revision, entry.dtype, entry.resources.gpu, images)
        launch = Launch(job.name, command, entry.start_timeout, job.journal / "engine", gpus.descriptors)
        with running_engine(launch) as engine:
            endpoint = Endpoint.of_engine(entry.as_endpoint(), engine, answered, NEEDS)
            where = {**entry.where_asked(), "model": entry.model, "gpus": len(gpus)}
            yield Calls(endpoint, {**where, "version": engine.version()})
