"""Opens the engine of an entry on demand. Importing this module imports no engine."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spd_faith.core.entries import ModelEntry, identity
from spd_faith.core.errors import UserError
from spd_faith.core.gpus import claimed_gpus
from spd_faith.endpoints.charges import Charges, ledger_of
from spd_faith.inference.answers import Answerer
from spd_faith.inference.entries import OpenAIModel, TransformersModel, VllmModel

if TYPE_CHECKING:
    from spd_faith.inference.checkpoint import Checkpoint, Device
    from spd_faith.inference.openai_answerer import OpenAIAnswerer
    from spd_faith.inference.transformers_answerer import TransformersAnswerer
    from spd_faith.inference.vllm_answerer import VllmAnswerer


@contextmanager
def open_checkpoint(entry: TransformersModel, threads: int, device: "Device | None" = None) -> Iterator["Checkpoint"]:
    """The loaded checkpoint, with exclusive use of its GPUs among the jobs of this machine.

    `threads` is torch's number of CPU threads. Raises `UserError` if the checkpoint cannot be loaded.
    """
    with claimed_gpus(entry.resources.gpu):
        import torch
        import transformers

        from spd_faith.core.hub_locks import use_own_hub_locks
        from spd_faith.inference.checkpoint import load_checkpoint

        use_own_hub_locks()
        torch.set_num_threads(threads)
        without_bars: Any = transformers.utils.logging
        without_bars.disable_progress_bar()
        yield load_checkpoint(entry, device)


@contextmanager
def open_transformers(
    entry: TransformersModel, threads: int, device: "Device | None" = None
) -> Iterator["TransformersAnswerer"]:
    """An engine for the checkpoint loaded by `open_checkpoint`."""
    with open_checkpoint(entry, threads, device) as checkpoint:
        from spd_faith.inference.transformers_answerer import TransformersAnswerer

        yield TransformersAnswerer(checkpoint)


@contextmanager
def open_vllm(entry: VllmModel, journal: Path, threads: int) -> Iterator["VllmAnswerer"]:
    """A client of the entry's engine, which runs on the GPUs of this job until the block ends.

    The folder `journal` keeps what the engine prints and reports. Raises `UserError` if it does not start.
    """
    with claimed_gpus(entry.resources.gpu) as gpus:
        from spd_faith.core.hub_locks import use_own_hub_locks
        from spd_faith.endpoints.engine.entry import serve_command
        from spd_faith.endpoints.engine.process import Launch, running_engine
        from spd_faith.inference.engine_sessions import Sessions
        from spd_faith.inference.preparation import prepare
        from spd_faith.inference.vllm_answerer import VllmAnswerer

        use_own_hub_locks()
        prepared = prepare(entry)
        command = serve_command(
            entry,
            entry.model,
            prepared.entry.revision,
            entry.dtype,
            entry.resources.gpu,
            images=1 if entry.image_layout == "merged" else 2,
            processor_arguments=prepared.prompt_builder().processor_arguments(),
        )
        launch = Launch(entry.model, command, entry.start_timeout, journal / "engine", gpus.descriptors)
        with running_engine(launch) as engine:
            device = "cuda" if gpus else "cpu"
            yield VllmAnswerer(entry, prepared, engine, Sessions(journal, identity(entry)), device, threads)


@contextmanager
def open_openai(
    entry: OpenAIModel, ledger: Path, slots: Path, environment: Mapping[str, str] = os.environ
) -> Iterator["OpenAIAnswerer"]:
    """A client for the entry's endpoint.

    The folder `ledger` keeps the cost of calls across restarts; the folder `slots` limits concurrent calls across jobs.
    Raises `UserError` if the environment variable for the API key is not set.
    """
    if entry.key_variable and not environment.get(entry.key_variable):
        raise UserError(f"{entry.model}: no API key; set the environment variable {entry.key_variable}")
    from spd_faith.inference.openai_answerer import OpenAIAnswerer

    key = environment[entry.key_variable] if entry.key_variable else None
    with Charges(ledger) as charges:
        yield OpenAIAnswerer(entry, key, charges.spent_usd(), slots, environment, charges)


@dataclass(frozen=True)
class Job:
    """What an inference job passes to its engine."""

    journal: Path
    """Folder for the answers and the engine's own records."""
    slots: Path
    """Folder that limits concurrent calls across jobs."""
    threads: int = 1
    """CPU threads of torch."""
    device: "Device | None" = None
    """None: chosen by the entry."""


Opened = AbstractContextManager[Answerer]
_OPENERS: Mapping[type[ModelEntry], Callable[[Any, Job], Opened]] = {
    TransformersModel: lambda entry, job: open_transformers(entry, job.threads, job.device),
    VllmModel: lambda entry, job: open_vllm(entry, job.journal, job.threads),
    OpenAIModel: lambda entry, job: open_openai(entry, ledger_of(job.journal), job.slots),
}


def open_answerer(name: str, entry: ModelEntry, job: Job) -> Opened:
    """The engine of the entry `name`. Raises `UserError` if it has none."""
    if type(entry) not in _OPENERS:
        raise UserError(f"{name}: the backend {entry.backend} cannot run a model; use import_responses.py")
    return _OPENERS[type(entry)](entry, job)
