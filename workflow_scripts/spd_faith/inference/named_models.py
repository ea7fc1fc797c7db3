"""Resolves the model that a user names on the command line: a key, a folder or a hub id."""

from pathlib import Path

from spd_faith.core.config_errors import error_at
from spd_faith.core.errors import UserError
from spd_faith.core.gpus import visible_gpus
from spd_faith.inference.entries import MODELS, CheckpointModel, TransformersModel

_REFERENCE_MODELS = Path("resources/models")


def named_model(name: str, models_file: Path) -> TransformersModel:
    """The entry for a key in the models file, a local folder or an id on the Hugging Face hub.

    For a folder or id, uses the registry's entry if there is one, else a default entry. Raises `UserError` if there is
    no such model, or if it does not run in this process.
    """
    entries = MODELS.load(models_file)
    keys = [key for key, entry in entries.items() if name in (key, getattr(entry, "model", None))]
    entry = (
        MODELS.load_entry_of(CheckpointModel, models_file, keys[0]).as_transformers() if keys else _plain_entry(name)
    )
    if absent := entry.absent_file():
        keys = [key for key, one in entries.items() if one.can_be_probed]
        raise UserError(error_at(name, "no such model", absent.value, [*keys, absent.expected], nearest_to=name))
    return entry


def _plain_entry(name: str) -> TransformersModel:
    dtype, gpus = ("bfloat16", 1) if visible_gpus() else ("float32", 0)
    plain = {"backend": "transformers", "model": name, "dtype": dtype, "max_new_tokens": 1024}
    return TransformersModel.model_validate(plain | {"resources": {"gpu": gpus}})


def is_reference_model(entry: TransformersModel) -> bool:
    """Whether the model was trained to attend to the differences, which must be stated next to its maps."""
    return Path(entry.model).resolve().parent == _REFERENCE_MODELS.resolve()
