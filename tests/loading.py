"""Checkpoints loaded for tests."""

from spd_faith.inference.checkpoint import load_checkpoint
from spd_faith.inference.transformers_answerer import TransformersAnswerer


def load_answerer(entry, device=None):
    """What answers for the entry, in this process."""
    return TransformersAnswerer(load_checkpoint(entry, device))
