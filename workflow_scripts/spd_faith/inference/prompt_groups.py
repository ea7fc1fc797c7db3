"""Questions about the same pictures: what their prompts begin with alike, and how to read that once.

Their prompts begin alike: system turn, pictures, the first words. Whoever reads several of them as one row reads that
once, and then what each prompt has of its own.
"""

from collections import defaultdict
from collections.abc import Sequence

import torch
from transformers import BatchFeature, PreTrainedModel

from spd_faith.inference.batches import Shown


def attends_to_all(model: PreTrainedModel) -> bool:
    """Whether each layer of the decoder attends to all tokens before, and not to a window of the last ones."""
    config = model.config.get_text_config(decoder=True)
    kinds = getattr(config, "layer_types", None)
    return set(kinds) == {"full_attention"} if kinds else getattr(config, "sliding_window", None) is None


def of_the_same_pictures(questions: Sequence[Shown]) -> list[list[int]]:
    """The numbers of the questions, together where the pictures are the same two objects."""
    groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for number, (_, *pictures) in enumerate(questions):
        groups[tuple(map(id, pictures))].append(number)
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
