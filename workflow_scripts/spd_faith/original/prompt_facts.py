"""What the JSON of layer_analysis_generation.py states about a prompt and its answer beyond the table of attention."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spd_faith.dataset.encoded_images import decode
from spd_faith.inference.questions import Question

if TYPE_CHECKING:
    from spd_faith.inference.prompt_builder import PromptBuilder


@dataclass(frozen=True)
class PromptFacts:
    questions: Mapping[str, str]
    """By sample id."""
    lengths: Mapping[str, Mapping[str, int]]
    """By sample id, numbers of tokens of the prompt: `sys_len` before the images, `img_len` of all images, `input_len`
    of the whole prompt."""
    token_texts: Mapping[int, str]
    """The texts of the answers' tokens, by token id."""


def prompt_facts(
    questions: Iterable[Question], responses: Iterable[Mapping[str, Any]], builder: "PromptBuilder"
) -> PromptFacts:
    """The facts about questions of one task and their rows of `RESPONSES`."""
    token_ids = {token_id for row in responses for token_id in row["response_token_ids"] or []}
    texts, lengths = {}, {}
    for question in questions:
        shown = (question.text, decode(question.original), decode(question.modified))
        _, ((prompt,),) = builder.build_groups([[shown]])
        images = builder.spans(prompt).images
        texts[question.sample_id] = question.text
        lengths[question.sample_id] = {
            "sys_len": images[0].start,
            "img_len": sum(map(len, images)),
            "input_len": len(prompt.token_ids),
        }
    return PromptFacts(texts, lengths, {token_id: builder.decode([token_id]) for token_id in sorted(token_ids)})
