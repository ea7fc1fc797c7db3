"""Which backend answers for an entry, opened when there is something to ask."""

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from spd_faith.core.config_errors import error_at
from spd_faith.core.errors import UserError
from spd_faith.core.gpus import claimed_gpus, visible_gpus
from spd_faith.endpoints.charges import Charges
from spd_faith.inference.answers import Backend
from spd_faith.inference.entries import MODELS, OpenAIModel, TransformersModel

_REFERENCE_MODELS = Path("resources/models")

Opened = AbstractContextManager[tuple[Backend, dict[str, Any]]]


def named_model(name: str, models_file: Path) -> TransformersModel:
    """The entry of a key of the models file, or of a local folder or an id on the Hugging Face hub.

    The registry's entry counts where it has one of that folder or id, else a plain one. Raises `UserError` where there
    is no such model, or it does not run in this process.
    """
    entries = MODELS.load(models_file)
    known = [entry for key, entry in entries.items() if name in (key, getattr(entry, "model", None))]
    if not known:
        dtype, gpus = ("bfloat16", 1) if visible_gpus() else ("float32", 0)
        plain = {"backend": "transformers", "model": name, "dtype": dtype, "max_new_tokens": 1024}
        known = [TransformersModel.model_validate(plain | {"resources": {"gpu": gpus}})]
    entry = known[0]
    if not isinstance(entry, TransformersModel):
        raise UserError(f"{name}: its entry is answered by {entry.backend}, and this command runs open models alone")
    if absent := entry.absent_file():
        keys = [key for key, one in entries.items() if isinstance(one, TransformersModel)]
        raise UserError(error_at(name, "no such model", absent.value, [*keys, absent.expected], nearest_to=name))
    return entry


def is_reference_model(entry: TransformersModel) -> bool:
    """Whether its attention and maps were trained to point at what differs, which whoever shows them says."""
    return Path(entry.model).resolve().parent == _REFERENCE_MODELS.resolve()


@contextmanager
def transformers_backend(
    entry: TransformersModel, threads: int, device: str | None = None
) -> Iterator[tuple[Backend, dict[str, Any]]]:
    """The loaded checkpoint and its provenance, on GPUs that no other job of this machine holds meanwhile."""
    with claimed_gpus(entry.resources.gpu):
        import torch
        import transformers

        from spd_faith.core.hub_locks import use_own_hub_locks
        from spd_faith.inference.transformers_backend import TransformersBackend

        use_own_hub_locks()
        torch.set_num_threads(threads)
        transformers.utils.logging.disable_progress_bar()
        backend = TransformersBackend(entry, device)
        yield (
            backend,
            {
                "model": entry.model,
                "dtype": entry.dtype,
                "pixel_backend": backend.pixel_backend,
                "device": backend.device,
                "torch": torch.__version__,
                "transformers": transformers.__version__,
            },
        )


@contextmanager
def openai_backend(
    entry: OpenAIModel, ledger: Path, slots: Path, answered: int = 0, environment: Mapping[str, str] = os.environ
) -> Iterator[tuple[Backend, dict[str, Any]]]:
    """A client of the endpoint and its provenance.

    The folder `ledger` keeps what calls cost for a later start; the folder `slots` bounds calls over jobs; `answered`
    is how many of the job's questions are answered already.
    Raises `UserError` where the variable that should hold the key is not set.
    """
    if entry.key_variable and not environment.get(entry.key_variable):
        raise UserError(f"{entry.model}: no key; set the environment variable {entry.key_variable}")
    from spd_faith.inference.openai_backend import OpenAIBackend

    key = environment[entry.key_variable] if entry.key_variable else None
    with Charges(ledger) as charges:
        backend = OpenAIBackend(entry, key, charges.spent_usd(), slots, environment, charges, answered)
        yield (
            backend,
            {
                "model": entry.model,
                "dtype": None,
                "pixel_backend": backend.pixel_backend,
                "endpoint": entry.base_url,
                "openai": version("openai"),
            },
        )
