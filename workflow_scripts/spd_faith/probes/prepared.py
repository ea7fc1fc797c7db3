"""Prompts with their saved answers as a model's inputs, and where the parts stand among the tokens.

Questions about the same pictures share a row. Their prompts begin alike: system turn, pictures, the first words. The
model reads that once, and then what each prompt has of its own, with its answer; the attention lets each of these see
the shared beginning and itself (`attention`), and each token keeps the position that it has in its own prompt. So a row
of three questions costs little more than one of them, and gives the numbers that three rows would.

The answer's ids are appended as they were generated: decoding and tokenising them again does not always give them back.
Its last token is left out, for nothing is predicted from it. So the states that predict the answer are the last ones of
each row: the first of them belongs to the prompt's last token.

Rows are padded on the right. They are not generated from, and so every model counts positions from a prompt's first
token, which keeps an answer's numbers the same in every batch.
"""

from dataclasses import dataclass

import torch
from transformers import BatchFeature

from spd_faith.inference.batches import Shown
from spd_faith.inference.prompt_groups import (
    attends_to_all,
    of_the_same_pictures,
    pad_on_the_right,
    tokens_in_common,
)
from spd_faith.inference.spans import PromptSpans
from spd_faith.inference.transformers_backend import TransformersBackend
from spd_faith.probes.image_grid import PictureTokens, picture_tokens
from spd_faith.probes.passes import SEGMENTS


@dataclass(frozen=True)
class AnsweredPrompt:
    """One prompt of a batch with its answer; positions are counted from the first token of the prompt."""

    segments: torch.Tensor
    """Index into `SEGMENTS` of each token, without padding."""
    image_positions: torch.Tensor
    """Positions of the image tokens, picture after picture."""
    picture_tokens: tuple[int, ...]
    """How many image tokens each picture has."""
    user_positions: torch.Tensor
    """Positions of the user's question."""
    user_token_ids: torch.Tensor
    answer_token_ids: torch.Tensor
    places: PictureTokens | None
    """Where the image tokens lie in the pictures; None where that is not known."""
    row: int = 0
    """Of the batch."""
    shared: int = 0
    """So many of the first tokens, pictures included, are those of the row's other prompts, too."""
    behind: int = 0
    """How many tokens of other prompts stand in the row between the shared tokens and the rest."""

    @property
    def tokens(self) -> int:
        """How many tokens the model reads, without padding."""
        return len(self.segments)

    @property
    def answer_states(self) -> slice:
        """The positions whose states predict the answer: one for each of its tokens."""
        return slice(self.tokens - len(self.answer_token_ids), self.tokens)

    @property
    def answer_places(self) -> slice:
        """`answer_states` counted from the first token of the row."""
        return slice(self.answer_states.start + self.behind, self.answer_states.stop + self.behind)

    def in_row(self, positions: torch.Tensor) -> torch.Tensor:
        """The positions counted from the first token of the row."""
        return positions + self.behind * (positions >= self.shared)


@dataclass(frozen=True)
class AnsweredPrompts:
    """A right-padded batch: the model's inputs, on the CPU, and its prompts."""

    inputs: BatchFeature
    """With padding behind the first prompt of each row in `input_ids`: an answer can hold the id of an image token,
    where the model would look for a picture."""
    token_ids: torch.Tensor
    """rows × tokens: what the model is to read, answers included."""
    positions: torch.Tensor
    """rows × tokens: where each token stands in its own prompt."""
    rows: list[AnsweredPrompt]
    """In the order of the questions."""


@dataclass(frozen=True)
class _Prompt:
    token_ids: torch.Tensor
    """Without padding."""
    spans: PromptSpans


def prepare_answered(backend: TransformersBackend, questions: list[Shown], answers: list[list[int]]) -> AnsweredPrompts:
    """The questions, each with the token ids of its answer (one at least), as one batch.

    Questions about the same pictures, that is the same two objects, share a row if the prompt has the pictures first
    and every layer attends to all tokens before.
    """
    alone = [[number] for number in range(len(questions))]
    groups = of_the_same_pictures(questions) if attends_to_all(backend.model) else alone
    inputs, prompts = _read(backend, questions, groups)
    shared = [_tokens_in_common(prompts, group) for group in groups]
    if any(tokens < prompts[group[0]].spans.images[-1].stop for group, tokens in zip(groups, shared, strict=True)):
        groups = alone
        inputs, prompts = _read(backend, questions, groups)
        shared = [_tokens_in_common(prompts, group) for group in groups]

    own = [
        torch.cat([prompt.token_ids, torch.tensor(answer[:-1], dtype=prompt.token_ids.dtype)])
        for prompt, answer in zip(prompts, answers, strict=True)
    ]
    lengths = [
        sum(len(own[number]) - tokens for number in group) + tokens
        for group, tokens in zip(groups, shared, strict=True)
    ]
    padding = backend.processor.tokenizer.pad_token_id
    token_ids = own[0].new_full((len(groups), max(lengths)), padding)
    positions = torch.arange(max(lengths)).repeat(len(groups), 1)
    pad_on_the_right(inputs, [len(prompts[group[0]].token_ids) for group in groups], max(lengths), padding)
    sizes = [tuple(picture.size for picture in questions[group[0]][1:]) for group in groups]
    pairs = [(of_pair, backend.layouts(*of_pair)) for of_pair in sizes]
    counts = [tuple(len(places) for places in prompts[group[0]].spans.images) for group in groups]
    all_places = picture_tokens(backend.processor, inputs, pairs, counts)
    rows = {}
    for row, (group, tokens, places) in enumerate(zip(groups, shared, all_places, strict=True)):
        end = 0
        for number in group:
            begin = tokens if end else 0
            behind = end - begin
            end += len(own[number]) - begin
            token_ids[row, begin + behind : end] = own[number][begin:]
            positions[row, begin + behind : end] -= behind
            beginning = tokens if len(group) > 1 else 0
            rows[number] = _row(prompts[number], answers[number], places, row, beginning, behind)
        inputs["attention_mask"][row, :end] = 1  # other kinds, as mm_token_type_ids, are 0 for text
    return AnsweredPrompts(inputs, token_ids, positions, [rows[number] for number in range(len(questions))])


def _read(
    backend: TransformersBackend, questions: list[Shown], groups: list[list[int]]
) -> tuple[BatchFeature, list[_Prompt]]:
    """The model's inputs for the first question of each group, and the prompts of all questions."""
    inputs, prompts = backend.prepare_groups([[questions[number] for number in group] for group in groups])
    read = {
        number: _Prompt(prompt.token_ids, backend.spans_of(prompt))
        for group, of_group in zip(groups, prompts, strict=True)
        for number, prompt in zip(group, of_group, strict=True)
    }
    return inputs, [read[number] for number in range(len(questions))]


def _tokens_in_common(prompts: list[_Prompt], group: list[int]) -> int:
    return tokens_in_common([prompts[number].token_ids for number in group])


def _row(
    prompt: _Prompt, answer: list[int], picture_places: PictureTokens | None, row: int, shared: int, behind: int
) -> AnsweredPrompt:
    ids, spans = prompt.token_ids, prompt.spans
    length = len(ids) + len(answer) - 1
    of = SEGMENTS.index
    segments = torch.full((length,), of("user"))
    segments[: spans.images[0].start] = of("opening")
    segments[spans.system.start : spans.system.stop] = of("system")
    for number, places in enumerate(spans.images, start=1):
        segments[places.start : places.stop] = of(f"picture_{number}")
    segments[0] = of("sink")
    segments[len(ids) :] = of("answer")
    user = torch.tensor(spans.user_text, dtype=torch.long)
    return AnsweredPrompt(
        segments=segments,
        image_positions=torch.tensor([place for places in spans.images for place in places]),
        picture_tokens=tuple(len(places) for places in spans.images),
        user_positions=user,
        user_token_ids=ids[user],
        answer_token_ids=torch.tensor(answer),
        places=picture_places,
        row=row,
        shared=shared,
        behind=behind,
    )
