"""Generates greedy answers of a loaded checkpoint to questions about image pairs."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import torch
from transformers import BatchFeature

from spd_faith.inference.answer_reader import AnswerReader
from spd_faith.inference.batches import Generation, Shown
from spd_faith.inference.checkpoint import Checkpoint
from spd_faith.inference.contrastive_decoding import Asked, contrasted
from spd_faith.inference.intervention_hooks import intervened
from spd_faith.inference.key_value_cache import preallocated_cache
from spd_faith.inference.prompt_builder import PromptBuilder
from spd_faith.inference.prompt_groups import group_by_image_pair, tokens_in_common
from spd_faith.inference.row_generation import generate_in_rows
from spd_faith.inference.spans import PromptTokens


class Generator:
    """Answers prompts in rows that share the images of a pair, or else in batches with one question per pair."""

    def __init__(self, checkpoint: Checkpoint, builder: PromptBuilder) -> None:
        self._model = checkpoint.model
        self._decoding = checkpoint.decoding
        self._intervention = checkpoint.entry.intervention
        self._builder = builder
        self._reader = AnswerReader(checkpoint.decoding, builder)
        self.answers_in_rows = (
            checkpoint.family.answers_in_rows
            and checkpoint.entry.attention == "sdpa"  # supports a mask per question
            and checkpoint.rows_can_be_shared
        )
        """Whether questions about the same images share a row."""

    @torch.inference_mode()
    def generate(self, questions: Sequence[Shown]) -> list[Generation]:
        """Answer the questions; those about the same images (the same two objects) share one row.

        If the model does not support that, each left-padded batch holds one question per image pair.
        """
        groups = group_by_image_pair(questions)
        found = self._found_in_rows(questions, groups)
        if found is None:
            found = {}
            for turn in zip_longest(*groups):
                numbers = [number for number in turn if number is not None]
                answers = self._generate_in_batch([questions[number] for number in numbers])
                found |= zip(numbers, answers, strict=True)
        return [found[number] for number in range(len(questions))]

    def _found_in_rows(self, questions: Sequence[Shown], groups: list[list[int]]) -> dict[int, Generation] | None:
        """The answers by question number; None if the questions share no images or cannot share a row."""
        if len(groups) == len(questions) or not self.answers_in_rows:
            return None
        inputs, prompts = self._builder.build_groups([[questions[number] for number in group] for group in groups])
        if not all(map(self._begin_with_images, prompts)):
            return None
        found: dict[int, Generation] = {}
        for group, answers in zip(groups, self._generate_in_rows(inputs, prompts), strict=True):
            found |= zip(group, answers, strict=True)
        return found

    def _begin_with_images(self, prompts: list[PromptTokens]) -> bool:
        """Whether the common prefix of the prompts includes all of their images."""
        image_token = self._builder.image_token_id
        shared = tokens_in_common([prompt.token_ids for prompt in prompts])
        return all(int((prompt.token_ids == image_token).nonzero()[-1]) < shared - 1 for prompt in prompts)

    def _generate_in_batch(self, questions: list[Shown]) -> list[Generation]:
        inputs = self._builder.build(questions).to(self._model.device, self._model.dtype)
        model: Any = self._model
        with (
            intervened(self._model, self._intervention, self._builder.image_token_id) as hooks,
            contrasted(model, self._builder, self._intervention, Asked(questions, inputs, hooks)) as processors,
        ):
            hooks.begin(inputs["input_ids"], inputs["attention_mask"])
            outputs: torch.Tensor = model.generate(
                **inputs,
                past_key_values=preallocated_cache(self._model),
                generation_config=self._decoding.config,
                logits_processor=processors,
            )
        prompt_tokens = inputs["attention_mask"].sum(dim=1).tolist()
        answers = outputs[:, inputs["input_ids"].shape[1] :].cpu()
        return [self._reader.read(ids.tolist(), length) for ids, length in zip(answers, prompt_tokens, strict=True)]

    def _generate_in_rows(self, inputs: BatchFeature, prompts: list[list[PromptTokens]]) -> list[list[Generation]]:
        answers = generate_in_rows(
            self._model,
            inputs.to(self._model.device, self._model.dtype),
            [[prompt.token_ids for prompt in group] for group in prompts],
            end_tokens=self._decoding.end_tokens,
            padding=self._builder.pad_token_id,
            longest=self._decoding.max_new_tokens,
        )
        return [
            [
                self._reader.read(ids.tolist(), len(prompt.token_ids))
                for ids, prompt in zip(of_group, group, strict=True)
            ]
            for of_group, group in zip(answers, prompts, strict=True)
        ]
