"""Train a reference model from scratch, on scenes generated during training.

The data of a step depends only on the seed and the step number, so an interrupted run resumes to the same weights. In
addition to the text loss, three losses train the model's vision; they decay to a fifth:

- the token of every cell predicts its content through the model's own output layer: the category in the first image,
  the type of the difference in the second. Without this loss, a model of this size does not learn the task.
- a linear layer, discarded afterwards, predicts category, colour and changed category from the token of every cell.
- in the last two layers, two heads are trained to attend to the cells that the next piece of the answer is about.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from spd_faith.core.errors import UserError
from spd_faith.core.files import whole_file
from spd_faith.dataset.sprites import CATEGORIES, COLORS
from spd_faith.inference.families import family_of
from spd_faith.inference.processors import without_video_processors
from spd_faith.inference.prompts import Prompt
from spd_faith.reference_models.answers import MAX_DIFFERENCES, PHRASES
from spd_faith.reference_models.examples import CELLS, IGNORED, Batch, Vocabulary, make_batch, sample_example
from spd_faith.reference_models.small_images import SMALL_SIDE
from spd_faith.reference_models.tokenizer import prompt_phrases

_HEAD_SIZES = [len(CATEGORIES) + 1, len(COLORS) + 1, len(CATEGORIES) + 1]  # category, colour, changed category
_LOOKING_LAYERS = (-2, -1)
_LOOKING_HEADS = 2
_REPORT_EVERY, _SAVE_EVERY = 50, 100


@dataclass(frozen=True)
class Recipe:
    """Everything that determines the weights, apart from the code and the number of threads."""

    steps: int
    seed: int
    early_step: int | None = None  # the weights after this step become the early checkpoint
    batch_size: int = 32
    learning_rate: float = 2e-3
    warm_up: int = 200  # steps
    loose_same: bool = False  # as in `answer_pieces`


class Trainer:
    """A model in training, with the full state of a checkpoint."""

    def __init__(self, family: ModuleType, prompts: Mapping[str, Prompt], recipe: Recipe) -> None:
        """`family` is a module such as `qwen2_vl`."""
        torch.manual_seed(recipe.seed)
        self.family, self.recipe = family, recipe
        self.processor = family.build_processor([*prompt_phrases(prompts), *PHRASES])
        self.model = family.build_model(self.processor)
        self.model.set_attn_implementation("eager")  # the only one that returns its attention
        family.prepare_for_training(self.model)
        self.vocabulary = make_vocabulary(self.processor, prompts, family)
        self.cells = family.cell_positions(self.processor, self.vocabulary.prompts["describe"])
        self.head = torch.nn.Linear(self.model.config.text_config.hidden_size, sum(_HEAD_SIZES))
        self.parameters = [*self.model.parameters(), *self.head.parameters()]
        self.optimizer = torch.optim.AdamW(self.parameters, lr=0, betas=(0.9, 0.98), weight_decay=0.01)
        self.step = 0
        self.seconds = 0.0  # spent training, over all runs
        self.early_weights: dict[str, torch.Tensor] | None = None

    def run(self, checkpoint: Path, report: Callable[[str], None] = print, until: int | None = None) -> None:
        """Train up to the recipe's last step or the step `until`, saving the state to `checkpoint` regularly."""
        end = self.recipe.steps if until is None else until
        losses, first, seconds_before, started = [], self.step, self.seconds, time.monotonic()
        self.model.train()
        while self.step < end:
            losses.append(self._train_step())
            self.seconds = seconds_before + time.monotonic() - started
            if self.step == self.recipe.early_step:
                self.early_weights = {name: value.clone() for name, value in self.model.state_dict().items()}
            last = self.step == end
            if last or self.step % _REPORT_EVERY == 0:
                pace = (self.step - first) / (self.seconds - seconds_before)  # steps per second
                mean = " ".join(f"{name} {np.mean([loss[name] for loss in losses]):.3f}" for name in losses[0])
                report(
                    f"step {self.step} of {end}, {mean}, {pace * self.recipe.batch_size:.0f} examples/s, "
                    f"{(end - self.step) / pace / 60:.1f} min remaining"
                )
                losses = []
            if last or self.step % _SAVE_EVERY == 0:
                self.save_state(checkpoint)

    def save_state(self, path: Path) -> None:
        state = {
            "recipe": asdict(self.recipe),
            "step": self.step,
            "seconds": self.seconds,
            "model": self.model.state_dict(),
            "early": self.early_weights,
            "head": self.head.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        with whole_file(path) as part:
            torch.save(state, part)

    def load_state(self, path: Path) -> None:
        """Resume from a state of `save_state`. Raises `UserError` for a state of another recipe."""
        if not path.is_file():
            raise UserError(f"{path}: no such file to resume from. Omit --resume to start training.")
        state = torch.load(path, weights_only=True)
        if state["recipe"] != asdict(self.recipe):
            raise UserError(
                f"{path}: made with other settings\n  found {state['recipe']}\n  expected {asdict(self.recipe)}"
            )
        self.step, self.seconds, self.early_weights = state["step"], state["seconds"], state["early"]
        self.model.load_state_dict(state["model"])
        self.head.load_state_dict(state["head"])
        self.optimizer.load_state_dict(state["optimizer"])

    def export(self, folder: Path, weights: Mapping[str, torch.Tensor]) -> None:
        """Write a checkpoint for the Auto classes, in bfloat16."""
        model = self.family.build_model(self.processor)
        model.load_state_dict(weights)
        model.to(torch.bfloat16).save_pretrained(folder)
        with without_video_processors():
            self.processor.save_pretrained(folder)
        self.family.complete_checkpoint(folder)
        (folder / "model.safetensors").chmod(0o644)

    def _train_step(self) -> dict[str, float]:
        progress = self.step / self.recipe.steps
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.learning_rate * self._schedule(progress)
        rng = Random(f"training/{self.recipe.seed}/{self.step}")
        examples = [sample_example(rng) for _ in range(self.recipe.batch_size)]
        batch = make_batch(examples, self.vocabulary, self.recipe.loose_same)
        losses = self._losses(batch)
        fading = 1 - 0.8 * progress
        total = losses["text"] + fading * (losses["cells"] + 0.5 * losses["head"] + 0.5 * losses["looking"])
        self.optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.step += 1
        return {name: loss.item() for name, loss in losses.items()}

    def _schedule(self, progress: float) -> float:
        """The fraction of the learning rate: linear warm-up, then constant, and after 30% half a cosine down to 3%."""
        falling = 0.5 * (1 + math.cos(math.pi * max(0.0, (progress - 0.3) / 0.7)))
        return min(1.0, (self.step + 1) / self.recipe.warm_up) * (0.03 + 0.97 * falling)

    def _losses(self, batch: Batch) -> dict[str, torch.Tensor]:
        with torch.autocast("cpu", torch.bfloat16):
            output = self.model.model(
                input_ids=batch.input_ids,
                attention_mask=batch.attention_mask,
                **self.family.image_inputs(self.processor, batch.images, batch.input_ids),
                use_cache=False,
                output_attentions=True,
            )
            hidden = output.last_hidden_state
            labelled = batch.labels[:, 1:] != IGNORED
            text_logits = F.linear(hidden[:, :-1][labelled], self.model.lm_head.weight).float()
            cells = hidden[:, self.cells]
            word_logits = F.linear(cells, self.model.lm_head.weight).float()
            head_logits = self.head(cells).float()
        return {
            "text": _weighted(text_logits, batch.labels[:, 1:][labelled], batch.weights[:, 1:][labelled]),
            "cells": self._cell_loss(word_logits, batch),
            "head": _head_loss(head_logits, batch),
            "looking": self._looking_loss(output.attentions, batch),
        }

    def _cell_loss(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        weights = 1.0 + 4.0 * (batch.words != self.vocabulary.nothing)
        halves = (slice(None, CELLS), slice(CELLS, None))
        losses = [_weighted(logits[:, half], batch.words[:, half], weights[:, half]) for half in halves]
        return torch.stack(losses).mean()

    def _looking_loss(self, attentions: tuple[torch.Tensor, ...], batch: Batch) -> torch.Tensor:
        """−log of the mean attention of the trained heads on the target cells."""
        example, position = batch.looking.unbind(1)
        on_cells = torch.stack(
            [
                attentions[layer][:, :_LOOKING_HEADS][example, :, position][:, :, self.cells].float()
                for layer in _LOOKING_LAYERS
            ],
            dim=1,
        )
        right = (on_cells * batch.looked_at[:, None, None]).sum(-1).mean((1, 2))
        return -(right + 1e-4).log().sum() / max(1, len(right))


def make_vocabulary(processor: Any, prompts: Mapping[str, Prompt], family: ModuleType) -> Vocabulary:
    """Token ids of all pieces, and of the prompts in the chat template with a pair of images."""
    from PIL import Image

    tokenizer = processor.tokenizer
    pieces = [*PHRASES, ".", "\n", *(str(number) for number in range(MAX_DIFFERENCES + 1))]
    ids = {piece: tokenizer.encode(piece, add_special_tokens=False) for piece in pieces}
    assert all(len(tokens) == 1 for tokens in ids.values()), "a piece of an answer is not one token"
    blanks = [Image.new("RGB", (SMALL_SIDE, SMALL_SIDE))] * (1 if family.IMAGE_LAYOUT == "merged" else 2)
    arguments = family_of(family.MODEL_TYPE).processor_arguments
    encoded = {}
    for task, prompt in prompts.items():
        content = [*({"type": "image", "image": blank} for blank in blanks), {"type": "text", "text": prompt.text}]
        chat = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
        encoded[task] = processor(text=[chat], images=[blanks], **arguments)["input_ids"][0]
    return Vocabulary(
        token_ids={piece: tokens[0] for piece, tokens in ids.items()},
        prompts=encoded,
        nothing=tokenizer.convert_tokens_to_ids(family.NOTHING),
        end=tokenizer.eos_token_id,
        padding=tokenizer.pad_token_id,
    )


def _weighted(logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Weighted mean cross-entropy; logits are (…, classes)."""
    each = F.cross_entropy(logits.flatten(0, -2), labels.flatten(), reduction="none")
    return (each * weights.flatten()).sum() / weights.sum()


def _head_loss(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
    category, color, changed = logits.split(_HEAD_SIZES, dim=-1)
    occupied = 1.0 + 2.0 * (batch.categories > 0)
    second = slice(CELLS, None)
    return (
        _weighted(category, batch.categories, occupied)
        + _weighted(color, batch.colors, occupied)
        + _weighted(changed[:, second], batch.changed[:, second], 1.0 + 4.0 * (batch.changed[:, second] > 0))
    )
