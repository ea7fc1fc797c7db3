"""Prompts with their saved answers as model inputs, and the positions of their parts.

Questions about the same images share a row. Their prompts have the same prefix: system turn, images, the first words.
The model reads the prefix once, followed by the rest of each prompt with its answer. Each rest attends to the prefix
and to itself (`attention`), and each token keeps its position in its own prompt. So a row of three questions costs
little more than one question and gives the same numbers as three rows.

The answer's ids are appended as generated, because decoding and tokenising them again does not always restore them. The
last token is left out: nothing is predicted from it. So the states that predict the answer are the last ones of each
row, beginning with the state of the prompt's last token.

Rows are padded on the right. Nothing is generated from them, so every model counts positions from a prompt's first
token, and an answer's numbers are the same in every batch.
"""

from dataclasses import dataclass

import torch
from transformers import BatchFeature

from spd_faith.inference.batches import Shown
from spd_faith.inference.prompt_builder import PromptBuilder
from spd_faith.inference.prompt_groups import group_by_image_pair, pad_on_the_right, tokens_in_common
from spd_faith.inference.spans import PromptSpans
from spd_faith.probes.image_grid import ImageTokens, image_tokens
from spd_faith.probes.passes import SEGMENTS


@dataclass(frozen=True)
class AnsweredPrompt:
    """One prompt of a batch with its answer. Positions count from the first token of the prompt."""

    segments: torch.Tensor
    """Index into `SEGMENTS` of each token, without padding."""
    image_positions: torch.Tensor
    """Positions of the image tokens, one image after the other."""
    image_tokens: tuple[int, ...]
    """Number of tokens of each image."""
    user_positions: torch.Tensor
    """Positions of the user's question."""
    user_token_ids: torch.Tensor
    last_prompt_token_id: int
    answer_token_ids: torch.Tensor
    places: ImageTokens | None
    """Where the image tokens lie in the images; None if unknown."""
    row: int = 0
    """Index of its row in the batch."""
    shared: int = 0
    """Number of leading tokens, including images, that it shares with the row's other prompts."""
    behind: int = 0
    """Number of tokens of other prompts in the row between the shared tokens and its own."""

    @property
    def tokens(self) -> int:
        """Number of tokens the model reads, without padding."""
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
    """`input_ids` has padding after the first prompt of each row, because an answer can contain the id of an image
    token, and the model would expect an image there."""
    token_ids: torch.Tensor
    """rows × tokens: what the model reads, including the answers."""
    positions: torch.Tensor
    """rows × tokens: the position of each token in its own prompt."""
    rows: list[AnsweredPrompt]
    """In the order of the questions."""


@dataclass(frozen=True)
class _Prompt:
    token_ids: torch.Tensor
    """Without padding."""
    spans: PromptSpans


@dataclass(frozen=True)
class _Grouped:
    """Prompts of a batch, grouped by row."""

    inputs: BatchFeature
    """Model inputs for the first prompt of each group, left-padded."""
    prompts: list[_Prompt]
    groups: list[list[int]]
    """Indices of prompts."""

    @property
    def firsts(self) -> list[_Prompt]:
        """The first prompt of each group."""
        return [self.prompts[group[0]] for group in self.groups]

    @property
    def shared(self) -> list[int]:
        """Length of the common prefix of each group's prompts, in tokens."""
        return [tokens_in_common([self.prompts[number].token_ids for number in group]) for group in self.groups]

    @property
    def begins_with_images(self) -> bool:
        """Whether that prefix includes the images in every group."""
        return all(
            tokens >= first.spans.images[-1].stop for tokens, first in zip(self.shared, self.firsts, strict=True)
        )


def prepare_answered(
    builder: PromptBuilder, questions: list[Shown], answers: list[list[int]], *, share_rows: bool
) -> AnsweredPrompts:
    """The questions, each with the token ids of its answer (at least one), as one batch.

    With `share_rows`, questions about the same images (the same two objects) share a row if the images come first in
    the prompt. This requires that every layer attends to all earlier tokens.
    """
    alone = [[number] for number in range(len(questions))]
    grouped = _read(builder, questions, group_by_image_pair(questions) if share_rows else alone)
    if not grouped.begins_with_images:
        grouped = _read(builder, questions, alone)
    read = [
        torch.cat([prompt.token_ids, torch.tensor(answer[:-1], dtype=prompt.token_ids.dtype)])
        for prompt, answer in zip(grouped.prompts, answers, strict=True)
    ]
    shared = grouped.shared
    width = max(
        sum(len(read[number]) - tokens for number in group) + tokens
        for group, tokens in zip(grouped.groups, shared, strict=True)
    )
    token_ids = read[0].new_full((len(shared), width), builder.pad_token_id)
    positions = torch.arange(width).repeat(len(shared), 1)
    pad_on_the_right(grouped.inputs, [len(first.token_ids) for first in grouped.firsts], width, builder.pad_token_id)
    all_places = _image_places(builder, questions, grouped)
    rows = {}
    for row, (group, tokens, places) in enumerate(zip(grouped.groups, shared, all_places, strict=True)):
        end = 0
        for number in group:
            begin = tokens if end else 0
            behind = end - begin
            end += len(read[number]) - begin
            token_ids[row, begin + behind : end] = read[number][begin:]
            positions[row, begin + behind : end] -= behind
            beginning = tokens if len(group) > 1 else 0
            rows[number] = _row(grouped.prompts[number], answers[number], places, row, beginning, behind)
        grouped.inputs["attention_mask"][row, :end] = 1  # other masks, such as mm_token_type_ids, are 0 for text
    return AnsweredPrompts(grouped.inputs, token_ids, positions, [rows[number] for number in range(len(questions))])


def _read(builder: PromptBuilder, questions: list[Shown], groups: list[list[int]]) -> _Grouped:
    inputs, prompts = builder.build_groups([[questions[number] for number in group] for group in groups])
    read = {
        number: _Prompt(prompt.token_ids, builder.spans(prompt))
        for group, of_group in zip(groups, prompts, strict=True)
        for number, prompt in zip(group, of_group, strict=True)
    }
    return _Grouped(inputs, [read[number] for number in range(len(questions))], groups)


def _image_places(builder: PromptBuilder, questions: list[Shown], grouped: _Grouped) -> list[ImageTokens | None]:
    """Where the image tokens of each row lie in the images."""
    pairs = []
    for group in grouped.groups:
        _, original, modified = questions[group[0]]
        pairs.append(((original.size, modified.size), builder.layouts(original, modified)))
    counts = [tuple(len(places) for places in first.spans.images) for first in grouped.firsts]
    return image_tokens(builder.processor, grouped.inputs, pairs, counts)


def _row(
    prompt: _Prompt, answer: list[int], image_places: ImageTokens | None, row: int, shared: int, behind: int
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
        image_tokens=tuple(len(places) for places in spans.images),
        user_positions=user,
        user_token_ids=ids[user],
        last_prompt_token_id=int(ids[-1]),
        answer_token_ids=torch.tensor(answer),
        places=image_places,
        row=row,
        shared=shared,
        behind=behind,
    )
