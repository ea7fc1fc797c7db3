"""Models and questions of the tests of probes: every family, tiny and untrained, and the reference models."""

from pathlib import Path

import torch
from tiny_models import FAMILIES, UNGATED, UNLISTED, noise, save_tiny

from spd_faith.inference.checkpoint import load_checkpoint
from spd_faith.inference.entries import TransformersModel
from spd_faith.inference.model_parts import attends_to_all
from spd_faith.inference.transformers_answerer import TransformersAnswerer
from spd_faith.probes.prepared import prepare_answered

ROOT = Path(__file__).parents[2]
LAYOUTS = ("pair", "merged")
TOKENS = 24


QUESTIONS = [  # prompts and images of several sizes
    ("Same?", noise(112, 112, 1), noise(112, 112, 2)),
    ("How many differences are there?", noise(56, 112, 3), noise(60, 100, 4)),
    ("Different?", noise(56, 56, 7), noise(112, 56, 8)),
]
# (model, layout); the reference models as config/models.yaml has them
TINY = [(family, layout) for family in [*FAMILIES, *UNLISTED, *UNGATED] for layout in LAYOUTS]
REFERENCE = [
    ("tiny-qwen2-vl", "pair"),
    ("tiny-qwen2-vl-early", "pair"),
    ("tiny-qwen2-vl-loose", "pair"),
    ("tiny-internvl", "pair"),
    ("tiny-internvl-loose", "pair"),
    ("tiny-llava", "merged"),
]


def entry(folder, layout="pair", dtype="float32", **fields):
    fields = {"backend": "transformers", "model": str(folder), "dtype": dtype, "image_layout": layout} | fields
    return TransformersModel.model_validate({"max_new_tokens": TOKENS} | fields)


class Probed(TransformersAnswerer):
    """A loaded model that the tests probe."""

    @property
    def model(self):
        return self.checkpoint.model

    @property
    def tokenizer(self):
        return self.checkpoint.tokenizer

    def prepared(self, questions, answers):
        """The questions with the token ids of their answers, as one batch."""
        share_rows = attends_to_all(self.model)
        return prepare_answered(self.builder, questions, answers, share_rows=share_rows)


def load_probed(entry):
    return Probed(load_checkpoint(entry))


class Loader:
    """Loaded models by name, each loaded once."""

    def __init__(self, folder):
        self._folder = folder
        self._loaded = {}

    def __call__(self, name, layout="pair", dtype="float32"):
        key = (name, layout, dtype)
        if key not in self._loaded:
            self._loaded[key] = load_probed(entry(self.checkpoint(name), layout, dtype))
        return self._loaded[key]

    def checkpoint(self, name):
        if name.startswith("tiny-"):
            return ROOT / "resources" / "models" / name
        if not (self._folder / name).exists():
            save_tiny(name, self._folder / name)
        return self._folder / name


def text_ids(count, seed=0):
    """Token ids of some text that no model wrote: bytes in the tokenizers of the tiny models."""
    return torch.randint(0, 200, (count,), generator=torch.Generator().manual_seed(seed)).tolist()


def read_along(probed, question, answer):
    """The model's inputs for one question and all but the last token of its answer, assembled independently."""
    inputs = probed.builder.build([question])
    more = torch.tensor([answer[:-1]])
    inputs["input_ids"] = torch.cat([inputs["input_ids"], more], dim=1)
    inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    if "mm_token_type_ids" in inputs:
        inputs["mm_token_type_ids"] = torch.cat([inputs["mm_token_type_ids"], torch.zeros_like(more)], dim=1)
    return inputs.to(probed.model.device, probed.model.dtype)
