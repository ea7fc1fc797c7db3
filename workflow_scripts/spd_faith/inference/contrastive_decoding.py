"""Greedy decoding against a second run of the model over the same generated tokens, which sees less of the images.

A token's score is (1 + s) · main − s · contrast. Both are logits, which differ from log-probabilities by one number per
run, so the choice is the same; at s = 0 the scores are the main run's exactly. Only tokens with at least `plausibility`
times the probability of the main run's likeliest one can be chosen.

Visual Contrastive Decoding (arXiv 2311.16922) has s = α and plausibility = β. PAI (arXiv 2407.21771) writes
γ · main − (γ − 1) · contrast, so s = γ − 1, and its released code has the same restriction with β = 0.1.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn
from transformers import BatchFeature, LogitsProcessor, LogitsProcessorList, PreTrainedModel

from spd_faith.core.errors import UserError
from spd_faith.inference.batches import Shown
from spd_faith.inference.image_noise import content_of, noised, random_generator
from spd_faith.inference.intervention import Contrast, Intervention
from spd_faith.inference.intervention_hooks import Hooks, SecondRun
from spd_faith.inference.key_value_cache import preallocated_cache
from spd_faith.inference.prompt_builder import PromptBuilder
from spd_faith.inference.prompt_places import lowest

Arguments = dict[str, Any]
"""Named arguments of a forward pass."""
_OF_ANY_PROMPT = ("input_ids", "attention_mask", "position_ids", "use_cache", "return_dict", "logits_to_keep")


@dataclass(frozen=True)
class Asked:
    """A batch of questions."""

    questions: Sequence[Shown]
    inputs: BatchFeature
    """The main run's, left-padded, on the model's device."""
    hooks: Hooks
    """Of the intervention that is installed in the model, which changes both runs."""


def why_not_contrasted(model: PreTrainedModel, builder: PromptBuilder, intervention: Intervention | None) -> str | None:
    """Why the model cannot be decoded against the contrast run of the intervention; None if it can, or has none."""
    if intervention is None or intervention.contrast is None:
        return None
    if model.config.is_encoder_decoder:
        return f"contrast: {type(model).__name__} has an encoder for text"
    return CONTRAST_RUNS[intervention.contrast.mask].why_unsupported(builder)


@contextmanager
def contrasted(
    model: PreTrainedModel, builder: PromptBuilder, intervention: Intervention | None, asked: Asked
) -> Iterator[LogitsProcessorList]:
    """What `generate` needs, within the block, to decode the questions against a contrast run; empty without one."""
    if intervention is None or intervention.contrast is None:
        yield LogitsProcessorList()
        return
    run = CONTRAST_RUNS[intervention.contrast.mask](model, builder, intervention, asked)
    hook = model.register_forward_pre_hook(run.follow, with_kwargs=True)
    try:
        yield LogitsProcessorList([ContrastiveDecoding(intervention.contrast, run)])
    finally:
        hook.remove()


class ContrastRun(ABC):
    """A run beside the main run, pass by pass, with its own key-value cache: one kind of `Contrast.mask`."""

    def __init__(
        self, model: PreTrainedModel, builder: PromptBuilder, intervention: Intervention, asked: Asked
    ) -> None:
        assert intervention.contrast
        self._model: Any = model
        self._builder = builder
        self._settings: Contrast = intervention.contrast
        self._is_placebo = intervention.placebo
        self._seed = intervention.seed
        self._asked = asked
        self._hooks = asked.hooks
        self._cache = preallocated_cache(model)
        self._main: Arguments = {}
        self._is_running = False
        self._run: SecondRun | None = None
        self._generators = generators(intervention.seed, asked.questions) if intervention.placebo else []

    @staticmethod
    def why_unsupported(builder: PromptBuilder) -> str | None:
        """Why there is no such run beside one of the builder's prompts; None if there is."""
        return None

    def follow(self, module: nn.Module, inputs: tuple[Any, ...], named: Arguments) -> None:
        """Remember what the main run reads: a hook of its forward passes."""
        if not self._is_running:
            self._main = named

    def logits(self) -> torch.Tensor:
        """Of the token after those that the main run has read: rows × vocabulary, float32."""
        if self._run is None:
            read, self._run = self._begin(self._main)
        else:
            read = self._step(self._main)
        self._is_running = True
        try:
            with self._run:
                found = self._model(**read | {"past_key_values": self._cache})
        finally:
            self._is_running = False
        logits: torch.Tensor = found.logits[:, -1].float()
        return logits

    def subtracted(self, logits: torch.Tensor, can_be_chosen: torch.Tensor) -> torch.Tensor:
        """What scores are contrasted with, rows × vocabulary.

        A placebo runs the same passes and gives the logits of the tokens that can be chosen to these tokens in a random
        order: the numbers stay, what they say of each token goes.
        """
        if not self._is_placebo:
            return logits
        logits = logits.clone()
        for row, generator in enumerate(self._generators):
            chosen = can_be_chosen[row].nonzero()[:, 0]
            order = torch.from_numpy(generator.permutation(len(chosen))).to(chosen.device)
            logits[row, chosen] = logits[row, chosen[order]]
        return logits

    @abstractmethod
    def _begin(self, main: Arguments) -> tuple[Arguments, SecondRun]:
        """What the first pass reads, from what the main run's reads, and the run."""

    def _step(self, main: Arguments) -> Arguments:
        """What a pass over generated tokens reads, from what the main run's reads."""
        return main


class WithoutAttendedTokens(ContrastRun):
    """The same prompt, in which no state attends to the image tokens that its last state attends to most.

    A placebo masks as many random image tokens.
    """

    def _begin(self, main: Arguments) -> tuple[Arguments, SecondRun]:
        image = main["input_ids"] == self._builder.image_token_id
        attention = self._random(image) if self._is_placebo else self._hooks.attention_of_last_state()
        counts = (self._settings.fraction * image.sum(dim=1)).round().clamp(min=1)
        return main, self._hooks.masking(lowest(image, -attention.to(image.device), counts))

    def _random(self, image: torch.Tensor) -> torch.Tensor:
        values = np.zeros(image.shape)
        for row, (places, generator) in enumerate(zip(image.cpu().numpy(), self._generators, strict=True)):
            values[row, places] = generator.random(places.sum())
        return torch.from_numpy(values)

    def subtracted(self, logits: torch.Tensor, can_be_chosen: torch.Tensor) -> torch.Tensor:
        return logits


class WithoutImages(ContrastRun):
    """The prompt's text alone, as the chat template renders a message without images: the contrast of PAI."""

    def _begin(self, main: Arguments) -> tuple[Arguments, SecondRun]:
        inputs = self._builder.build_texts([text for text, *_ in self._asked.questions])
        prompts = inputs.to(self._asked.inputs["input_ids"].device)
        self._mask = prompts["attention_mask"]
        self._next = self._mask.sum(dim=1, keepdim=True)
        read = self._reading(main, prompts["input_ids"], (self._mask.cumsum(dim=1) - 1).clamp(min=0))
        return read, self._hooks.reading(prompts["input_ids"], self._mask)

    def _step(self, main: Arguments) -> Arguments:
        tokens = main["input_ids"]
        self._mask = torch.cat([self._mask, torch.ones_like(tokens)], dim=1)
        read = self._reading(main, tokens, self._next)
        self._next = self._next + 1
        return read

    def _reading(self, main: Arguments, tokens: torch.Tensor, positions: torch.Tensor) -> Arguments:
        own = {"input_ids": tokens, "attention_mask": self._mask, "position_ids": positions}
        return {name: value for name, value in main.items() if name in _OF_ANY_PROMPT} | own


class NoisedImages(ContrastRun):
    """The same prompt with noise on the images: the contrast of Visual Contrastive Decoding."""

    @staticmethod
    def why_unsupported(builder: PromptBuilder) -> str | None:
        photograph = Image.new("RGB", (640, 480))
        inputs = builder.build([("?", photograph, photograph)])
        try:
            noised(inputs, builder.composed(photograph, photograph), builder.processor.image_processor, step=0, seed=0)
        except UserError as error:
            return str(error)
        return None

    def _begin(self, main: Arguments) -> tuple[Arguments, SecondRun]:
        images = [image for _, *pair in self._asked.questions for image in self._builder.composed(*pair)]
        inputs = self._asked.inputs
        part = self._builder.processor.image_processor
        pixels = noised(inputs, images, part, self._settings.noise_step, self._seed)
        # not what `generate` has encoded of the images
        read = {**inputs, **{name: main[name] for name in _OF_ANY_PROMPT if name in main}, "pixel_values": pixels}
        return read, self._hooks.masking(torch.zeros_like(main["input_ids"], dtype=torch.bool))


CONTRAST_RUNS: Mapping[str, type[ContrastRun]] = {
    "attended": WithoutAttendedTokens,
    "images": WithoutImages,
    "noise": NoisedImages,
}
"""By `Contrast.mask`."""


class ContrastiveDecoding(LogitsProcessor):
    """The scores of the next token, in every pass of the main run."""

    def __init__(self, settings: Contrast, run: ContrastRun) -> None:
        self._strength = settings.strength
        self._below_best = math.log(settings.plausibility) if settings.plausibility else -math.inf
        self._run = run

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """`scores` are the main run's logits, rows × vocabulary."""
        can_be_chosen = scores >= scores.max(dim=-1, keepdim=True).values + self._below_best
        contrast = self._run.subtracted(self._run.logits().to(scores.device), can_be_chosen)
        return (scores + self._strength * (scores - contrast)).masked_fill(~can_be_chosen, -math.inf)


def generators(seed: int, questions: Sequence[Shown]) -> list[np.random.Generator]:
    """One for each question, which depends on the seed, the text and the images alone."""
    return [random_generator(seed, text.encode(), *map(content_of, pair)) for text, *pair in questions]
