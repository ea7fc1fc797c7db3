"""What answers for an entry, opened when there is something to ask. Importing this module imports no engine."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spd_faith.core.entries import ModelEntry
from spd_faith.core.errors import UserError
from spd_faith.core.gpus import claimed_gpus
from spd_faith.endpoints.charges import Charges
from spd_faith.inference.answers import Answerer
from spd_faith.inference.entries import OpenAIModel, TransformersModel

if TYPE_CHECKING:
    from spd_faith.inference.checkpoint import Checkpoint, Device
    from spd_faith.inference.openai_answerer import OpenAIAnswerer
    from spd_faith.inference.transformers_answerer import TransformersAnswerer


@contextmanager
def open_checkpoint(entry: TransformersModel, threads: int, device: "Device | None" = None) -> Iterator["Checkpoint"]:
    """The loaded checkpoint, on GPUs that no other job of this machine holds meanwhile.

    `threads` are torch's, on the CPU. Raises `UserError` where the checkpoint cannot be loaded.
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
    """What answers with the checkpoint that `open_checkpoint` loads."""
    with open_checkpoint(entry, threads, device) as checkpoint:
        from spd_faith.inference.transformers_answerer import TransformersAnswerer

        yield TransformersAnswerer(checkpoint)


@contextmanager
def open_openai(
    entry: OpenAIModel, ledger: Path, slots: Path, environment: Mapping[str, str] = os.environ
) -> Iterator["OpenAIAnswerer"]:
    """A client of the entry's endpoint.

    The folder `ledger` keeps what calls cost for a later start; the folder `slots` bounds calls over jobs.
    Raises `UserError` where the variable that should hold the key is not set.
    """
    if entry.key_variable and not environment.get(entry.key_variable):
        raise UserError(f"{entry.model}: no key; set the environment variable {entry.key_variable}")
    from spd_faith.inference.openai_answerer import OpenAIAnswerer

    key = environment[entry.key_variable] if entry.key_variable else None
    with Charges(ledger) as charges:
        yield OpenAIAnswerer(entry, key, charges.spent_usd(), slots, environment, charges)


@dataclass(frozen=True)
class Job:
    """What a job that asks a model gives its engine."""

    journal: Path
    """Folder of the answers, and of what an engine keeps beside them."""
    slots: Path
    """Folder that bounds calls over jobs."""
    threads: int = 1
    """CPU threads of torch."""
    device: "Device | None" = None
    """None: the entry decides."""


Opened = AbstractContextManager[Answerer]
_OPENERS: Mapping[type[ModelEntry], Callable[[Any, Job], Opened]] = {
    TransformersModel: lambda entry, job: open_transformers(entry, job.threads, job.device),
    OpenAIModel: lambda entry, job: open_openai(entry, job.journal / "charges", job.slots),
}


def open_answerer(name: str, entry: ModelEntry, job: Job) -> Opened:
    """What answers for the entry called `name`. Raises `UserError` where nothing does."""
    if type(entry) not in _OPENERS:
        raise UserError(f"{name}: the backend {entry.backend} answers nothing; see import_responses.py")
    return _OPENERS[type(entry)](entry, job)
