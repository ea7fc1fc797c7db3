"""Where the parts of a prompt stand among its tokens: the system turn, each picture, the user's text.

Nothing is searched by token id or by the markers of a family. The system turn is what the chat template puts before a
user's turn, found by rendering the turn once more later in a conversation; pictures and text are followed from the
rendered prompt through the processor's expansion of the pictures to the tokens by their offsets.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from spd_faith.core.errors import UserError

_ANSWER = {"role": "assistant", "content": [{"type": "text", "text": "Yes."}]}
Characters = tuple[int, int]


@dataclass(frozen=True)
class PromptSpans:
    """Token positions in a row of the batch, counted with its padding.

    The markers of a turn belong to the system turn where it is the system's, and to no span where it is the user's.
    """

    system: range
    """The system turn with its markers, without a token that begins the text; empty where there is none."""
    images: tuple[range, ...]
    """The image tokens of each picture in the order shown; one range where the pictures are merged."""
    user_text: range
    """The user's question."""


@dataclass(frozen=True)
class PromptText:
    """A rendered prompt and where its parts stand, in characters."""

    text: str
    system: Characters
    user_text: Characters


def locate(message: dict[str, Any], render: Callable[[list[dict[str, Any]], bool], str]) -> PromptText:
    """The prompt of one user message; `render` is a chat template: (messages, add_generation_prompt) -> text.

    Raises `UserError` where the template renders a turn otherwise later in a conversation, or changes its text.
    """
    prompt = render([message], True)
    begun = render([message, _ANSWER], False)
    longer = render([message, _ANSWER, message], False)
    turn = longer[len(begun) :]
    start = prompt.find(turn)
    question = "".join(part["text"] for part in message["content"] if part["type"] == "text")
    place = turn.find(question)
    if not (longer.startswith(begun) and turn and question and start >= 0 and place >= 0):
        raise UserError("the chat template changes a turn or its text, so the parts of a prompt cannot be told apart")
    return PromptText(prompt, (0, start), (start + place, start + place + len(question)))


def prompt_spans(
    input_ids: Sequence[int],
    offsets: Sequence[Characters],
    expansions: Sequence[dict[str, Any]],
    prompt: PromptText,
    image_token_id: int,
) -> PromptSpans:
    """The spans of one row.

    `offsets` are the characters that each token covers in the expanded prompt, (0, 0) for padding; `expansions` are
    the processor's `text_replacement_offsets`: for each picture the characters of its placeholder (`span`) and of what
    replaced it (`new_span`).
    """

    def expanded(place: int) -> int:
        gains = [new[1] - old[1] for old, new in ((e["span"], e["new_span"]) for e in expansions) if old[1] <= place]
        return place + (gains[-1] if gains else 0)

    def tokens_of(characters: Characters) -> range:
        first, last = (expanded(place) for place in characters)
        covering = [i for i, (start, end) in enumerate(offsets) if start < last and end > first and start < end]
        return range(covering[0], covering[-1] + 1) if covering else range(0)

    images = []
    for expansion in expansions:
        first, last = expansion["new_span"]
        places = [
            i
            for i, (token, (start, end)) in enumerate(zip(input_ids, offsets, strict=True))
            if token == image_token_id and start >= first and end <= last and start < end
        ]
        images.append(range(places[0], places[-1] + 1))
    return PromptSpans(tokens_of(prompt.system), tuple(images), tokens_of(prompt.user_text))
