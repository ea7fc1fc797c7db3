"""Groups questions about the same images, so that the common prefix of their prompts is processed once.

The prompts share the system turn, the images and the first words. Processing several as one row means processing this
prefix once, and then the rest of each prompt.
"""

from collections import defaultdict
from collections.abc import Sequence

import torch
from transformers import BatchFeature

from spd_faith.inference.batches import Shown


def group_by_image_pair(questions: Sequence[Shown]) -> list[list[int]]:
    """Question numbers, grouped by image pair (the same two objects)."""
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, (_, original, modified) in enumerate(questions):
        groups[id(original), id(modified)].append(number)
    return list(groups.values())


def tokens_in_common(prompts: Sequence[torch.Tensor]) -> int:
    """Length of the common prefix in tokens; shorter than any prompt, because generation needs its last token."""
    shortest = min(map(len, prompts)) - 1
    beginnings = torch.stack([prompt[:shortest] for prompt in prompts])
    return int((beginnings == beginnings[0]).all(dim=0).long().cumprod(dim=0).sum())


def pad_on_the_right(inputs: BatchFeature, kept: Sequence[int], width: int, padding: int) -> None:
    """Convert per-token inputs from left to right padding, keeping the first `kept` tokens of each prompt.

    Outside of `generate`, rows need right padding: every model counts positions from the first token of a row.
    """
    before = inputs["attention_mask"]
    starts = (before.shape[1] - before.sum(dim=1)).tolist()
    for name, values in list(inputs.items()):
        if isinstance(values, torch.Tensor) and values.shape == before.shape:
            inputs[name] = values.new_full((len(kept), width), padding if name == "input_ids" else 0)
            for row, (start, length) in enumerate(zip(starts, kept, strict=True)):
                inputs[name][row, :length] = values[row, start : start + length]
