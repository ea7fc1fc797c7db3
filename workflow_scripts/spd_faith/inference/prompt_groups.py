"""Questions about the same images: what their prompts begin with alike, and how to read that once.

Their prompts begin alike: system turn, images, the first words. Whoever reads several of them as one row reads that
once, and then what each prompt has of its own.
"""

from collections import defaultdict
from collections.abc import Sequence

import torch
from transformers import BatchFeature

from spd_faith.inference.batches import Shown


def group_by_image_pair(questions: Sequence[Shown]) -> list[list[int]]:
    """The numbers of the questions, together where the images are the same two objects."""
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, (_, original, modified) in enumerate(questions):
        groups[id(original), id(modified)].append(number)
    return list(groups.values())


def tokens_in_common(prompts: Sequence[torch.Tensor]) -> int:
    """How many tokens all prompts begin with; less than any has, for an answer begins at a prompt's last token."""
    shortest = min(map(len, prompts)) - 1
    beginnings = torch.stack([prompt[:shortest] for prompt in prompts])
    return int((beginnings == beginnings[0]).all(dim=0).long().cumprod(dim=0).sum())


def pad_on_the_right(inputs: BatchFeature, kept: Sequence[int], width: int, padding: int) -> None:
    """Turn what has one value a token from left padding to right padding: of each prompt the first tokens, `kept`.

    Rows that are not generated from by `generate` are padded so: every model counts positions from a row's first token.
    """
    before = inputs["attention_mask"]
    starts = (before.shape[1] - before.sum(dim=1)).tolist()
    for name, values in list(inputs.items()):
        if isinstance(values, torch.Tensor) and values.shape == before.shape:
            inputs[name] = values.new_full((len(kept), width), padding if name == "input_ids" else 0)
            for row, (start, length) in enumerate(zip(starts, kept, strict=True)):
                inputs[name][row, :length] = values[row, start : start + length]
