"""Cost of patched runs compared with a plain loop: one forward pass of the whole model per patch, with a hook.

Models: those of `bench_probes.py`. On the CPU, a random Qwen2-VL with 12 layers of width 512 and images of 961 tokens;
on a GPU, one of the published 7B size (`published_size.py`) and images of 576 tokens.

Both copy states from (original, undone) into (original, modified): after the input and each layer, those of a box of
the second image, of as many random tokens, of another box, and of the whole image. They read the log-probabilities of a
claim of 12 tokens in the middle of the answer. The plain loop encodes the images each time, as a hook around a loaded
model does, and computes logits for the answer alone. It is timed on a few patches, because all take the same time.

Bounds: the patched runs take at most 1/4 of the time of the plain loop, and their peak memory is at most 5 times the
bound on their largest tensor. Time is printed by number of layers, of which it is a linear function.
Run: python benchmarks/bench_patching.py
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow_scripts"))

import published_size

from spd_faith.inference.checkpoint import load_checkpoint
from spd_faith.inference.entries import TransformersModel
from spd_faith.inference.transformers_answerer import TransformersAnswerer
from spd_faith.probes.patched_runs import Patch, teacher_forced
from spd_faith.probes.prepared import AnsweredPrompts, prepare_answered

MAX_TIME = 1 / 4
MAX_MEMORY = 5
PLAIN_PATCHES = 5
CLAIM = 12
BOX = 6  # tokens along a side
QUESTION = "How many differences are there?"


@dataclass(frozen=True)
class Case:
    """A model and its inputs."""

    answerer: TransformersAnswerer
    side: int
    """Width and height of an image in pixels."""
    tokens: int
    """Tokens of an answer."""

    @property
    def model(self) -> Any:
        return self.answerer.checkpoint.model

    @property
    def layers(self) -> nn.ModuleList:
        return self.model.get_decoder().layers

    @property
    def claim(self) -> list[int]:
        begin = (self.tokens - CLAIM) // 2
        return list(range(begin, begin + CLAIM))

    def prepared(self, rows: slice = slice(None)) -> AnsweredPrompts:
        random = np.random.default_rng(0)
        size = (self.side, self.side, 3)
        original, *seconds = (Image.fromarray(random.integers(0, 256, size, dtype=np.uint8)) for _ in range(3))
        shown = [(QUESTION, original, second) for second in seconds][rows]
        answer = (torch.arange(self.tokens) % 100 + 5).tolist()
        return prepare_answered(self.answerer.builder, shown, [answer] * len(shown), share_rows=False)

    def patches(self, number_of_layers: int) -> list[Patch]:
        """Patches after that many layers, spread over all."""
        row = self.prepared().rows[0]
        image = row.image_positions[row.image_tokens[0] :]
        side = int(len(image) ** 0.5)
        random = torch.randperm(len(image), generator=torch.Generator().manual_seed(0))
        box = (torch.arange(BOX)[:, None] * side + torch.arange(BOX)).flatten()
        middle = side // 2 - BOX // 2
        sets = [box + middle * side + middle, random[: BOX * BOX], box + side + 1, torch.arange(len(image))]
        layers = np.linspace(-1, len(self.layers) - 1, number_of_layers).round().astype(int).tolist()
        return [Patch(layer, 1, 0, image[positions]) for layer in layers for positions in sets]

    def plain(self, patches: Sequence[Patch]) -> torch.Tensor:
        """Patches × tokens of the claim: the change of their log-probabilities."""
        source: list[torch.Tensor] = []
        parts = [*self.layers, self.model.get_decoder().norm]
        hooks = [part.register_forward_pre_hook(lambda module, inputs: source.append(inputs[0])) for part in parts]
        self._log_probs(self.prepared(slice(1, 2)))
        for hook in hooks:
            hook.remove()
        unpatched = self._log_probs(self.prepared(slice(1)))
        changes = []
        for patch in patches:

            def put(module: nn.Module, inputs: tuple[Any, ...], patch: Patch = patch) -> tuple[Any, ...]:
                states = inputs[0].clone()
                states[:, patch.positions] = source[patch.layer + 1][:, patch.positions]
                return (states, *inputs[1:])

            hook = parts[patch.layer + 1].register_forward_pre_hook(put)
            changes.append(self._log_probs(self.prepared(slice(1))) - unpatched)
            hook.remove()
        return torch.stack(changes)

    @torch.inference_mode()
    def _log_probs(self, batch: AnsweredPrompts) -> torch.Tensor:
        inputs = batch.inputs.to(self.model.device, self.model.dtype)
        inputs["input_ids"] = batch.token_ids.to(self.model.device)  # the answer has no id of an image token
        logits = self.model(**inputs, use_cache=False, logits_to_keep=self.tokens).logits[0, self.claim].float().cpu()
        ids = batch.rows[0].answer_token_ids[self.claim]
        return logits.log_softmax(dim=-1).gather(-1, ids[:, None])[:, 0]

    def patched(self, patches: Sequence[Patch]) -> torch.Tensor:
        with teacher_forced(self.model, self.prepared()) as runs:
            return runs.patched(patches, self.claim)


def small_case(folder: Path) -> Case:
    """The model in a folder, on the CPU."""
    budget = {"min_pixels": 868 * 868, "max_pixels": 868 * 868}  # 31 × 31 tokens
    fields = {"model": str(folder), "dtype": "float32", "max_new_tokens": 64, "pixel_budget": budget}
    entry = TransformersModel.model_validate({"backend": "transformers", **fields})
    return Case(TransformersAnswerer(load_checkpoint(entry, "cpu")), side=868, tokens=64)


def published_case() -> Case:
    """The model of the published size, on a GPU."""
    answerer = TransformersAnswerer(published_size.published_checkpoint(max_new_tokens=128))
    return Case(answerer, side=published_size.SIDE, tokens=128)


def seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started
