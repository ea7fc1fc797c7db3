"""Generates greedy answers to several questions about the same images in parallel, in one row.

Prefilling two images takes as long as generating an answer, and every generated token attends to all of them. Here the
common prefix of the prompts is processed and cached once. Then each decoder step processes the next token of every
question in a row: it attends to the prefix and its own question, at the position it has in its own prompt. So three
answers take as many steps as the longest one, and little more time.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from transformers import BatchFeature, PreTrainedModel

from spd_faith.inference.key_value_cache import preallocated_cache
from spd_faith.inference.model_parts import output_head, text_decoder
from spd_faith.inference.prompt_groups import pad_on_the_right, tokens_in_common

Groups = Sequence[Sequence[torch.Tensor]]
"""Token ids of prompts, without padding; the prompts of a group start with the same images."""


@torch.inference_mode()
def generate_in_rows(
    model: PreTrainedModel, inputs: BatchFeature, groups: Groups, end_tokens: Sequence[int], padding: int, longest: int
) -> list[list[torch.Tensor]]:
    """The token ids of each answer, on the CPU, up to `longest`; ignore everything after an end token.

    `inputs` are the model's inputs for the first prompt of each group, left-padded, on its device.
    The decoder must attend to all previous tokens, and text positions must increase by one per token.
    """
    shared = [tokens_in_common(group) for group in groups]
    pad_on_the_right(inputs, shared, max(shared), padding)
    cache = preallocated_cache(model)
    with _last_positions(model, shared) as last:
        model.base_model(**inputs, past_key_values=cache, use_cache=True)

    own, is_own = _after(groups, shared, padding)
    questions, width = own.shape[1:]
    rising = (is_own.cumsum(-1) - 1).clamp(min=0)
    positions = (last[0].cpu()[:, None, None] + 1 + rising).to(model.device)
    visible = _visible(inputs["attention_mask"].cpu().bool(), is_own).to(model.device)
    states = _decode(model, own.to(model.device).flatten(1), positions.flatten(1), visible.flatten(1, 2), cache)
    states = states.reshape(len(states), questions, width, -1)[:, :, -1]
    positions, visible = positions[..., -1], visible[:, :, -1]

    answers = own.new_full((longest, *own.shape[:2]), padding)
    ends = torch.tensor(end_tokens, dtype=torch.long, device=model.device)
    asked = torch.arange(questions)  # questions with unfinished answers
    finished = ~is_own[..., -1].to(model.device)
    for step in range(longest):
        tokens = output_head(model)(states).float().argmax(dim=-1).to(model.device)
        answers[step, :, asked] = tokens.cpu()
        finished |= torch.isin(tokens, ends)
        going_on = ~finished.all(dim=0)
        if not going_on.any() or step == longest - 1:
            break
        tokens, positions, visible, finished = (x[:, going_on] for x in (tokens, positions + 1, visible, finished))
        asked = asked[going_on.cpu()]
        itself = torch.eye(len(asked), dtype=torch.bool, device=model.device).expand(len(tokens), -1, -1)
        visible = torch.cat([visible, itself], dim=-1)
        states = _decode(model, tokens, positions, visible, cache)
    return [[answers[:, row, number] for number in range(len(group))] for row, group in enumerate(groups)]


@contextmanager
def _last_positions(model: PreTrainedModel, lengths: Sequence[int]) -> Iterator[list[torch.Tensor]]:
    """Yields a list that receives the position of each row's last token when the decoder runs; rows have `lengths`.

    The last token is text, so its position is the same along all axes.
    """
    ends = torch.tensor(lengths) - 1
    found = []

    def read(module: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
        given = named.get("position_ids")  # axes × rows × tokens, or rows × tokens; None: counted from 0
        if given is not None:
            given = given if given.ndim == 2 else given[-1]
            given = given.expand(len(ends), -1)[range(len(ends)), ends]
        found.append(ends if given is None else given)

    hook = text_decoder(model).register_forward_pre_hook(read, with_kwargs=True)
    try:
        yield found
    finally:
        hook.remove()


def _after(groups: Groups, shared: Sequence[int], padding: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(tokens after the common prefix, left-padded; mask of real tokens).

    Both are rows × questions × tokens. Groups with fewer questions are padded.
    """
    longest = max(len(prompt) - begin for group, begin in zip(groups, shared, strict=True) for prompt in group)
    own = torch.full((len(groups), max(map(len, groups)), longest), padding)
    is_own = torch.zeros_like(own, dtype=torch.bool)
    for row, (group, begin) in enumerate(zip(groups, shared, strict=True)):
        for number, prompt in enumerate(group):
            own[row, number, begin - len(prompt) :] = prompt[begin:]
            is_own[row, number, begin - len(prompt) :] = True
    return own, is_own


def _visible(beginnings: torch.Tensor, is_own: torch.Tensor) -> torch.Tensor:
    """Attention mask of the tokens after the prefixes: rows × questions × tokens × (prefix and these tokens).

    Padding attends to the prefix, because attention to nothing is undefined.
    """
    rows, questions, width = is_own.shape
    before = beginnings[:, None, None].expand(-1, questions, width, -1)
    same_question = torch.eye(questions, dtype=torch.bool)[:, None, :, None]
    earlier = torch.ones(width, width, dtype=torch.bool).tril()[:, None]
    among = same_question & earlier & is_own[:, None, None]
    return torch.cat([before, among.reshape(rows, questions, width, -1)], dim=-1)


def _decode(
    model: PreTrainedModel, tokens: torch.Tensor, positions: torch.Tensor, visible: torch.Tensor, cache: Any
) -> torch.Tensor:
    """The last hidden states of the tokens (rows × tokens), which are appended to the cache."""
    read = text_decoder(model)(
        input_ids=tokens,
        position_ids=positions,
        attention_mask=visible[:, None],
        past_key_values=cache,
        use_cache=True,
    )
    states: torch.Tensor = read.last_hidden_state
    return states
