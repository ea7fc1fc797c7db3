"""Locates the parts of a prompt among its tokens: the system turn, each image, the user's text.

This does not search for token ids or markers of a family. The system turn is what the chat template puts before the
user's turn, found by rendering that turn again later in a conversation. Images and text are tracked from the rendered
prompt through the processor's image expansion to the tokens, by their offsets.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spd_faith.core.errors import UserError

if TYPE_CHECKING:
    import torch

_ANSWER = {"role": "assistant", "content": [{"type": "text", "text": "Yes."}]}
Characters = tuple[int, int]
Message = dict[str, Any]
"""A message in the format of chat templates: `role`, and `content` as a list of parts."""


@dataclass(frozen=True)
class PromptSpans:
    """Token positions, counted from the first token of the prompt.

    The turn markers of the system turn belong to it; those of the user's turn belong to no span.
    """

    system: range
    """The system turn with its markers, without a BOS token; empty if there is none."""
    images: tuple[range, ...]
    """The image tokens of each image in the order shown; a single range for merged images."""
    user_text: range
    """The user's question."""


@dataclass(frozen=True)
class Expansion:
    """An image's placeholder, as characters of the rendered prompt and of the prompt that the model reads."""

    placeholder: Characters
    expanded: Characters


@dataclass(frozen=True)
class PromptText:
    """A prompt as the chat template renders it, and as the tokenizer gets it, with images expanded."""

    rendered: str
    expanded: str
    images: tuple[Expansion, ...]


@dataclass(frozen=True)
class PromptTokens:
    """A user message as a model reads it."""

    message: Message
    text: PromptText
    token_ids: "torch.Tensor"
    """Without padding."""


@dataclass(frozen=True)
class Parts:
    """Character positions of the parts of a rendered prompt."""

    system: Characters
    user_text: Characters


def expand(rendered: str, replacements: Iterable[tuple[str, str]]) -> PromptText:
    """The prompt with its image placeholders replaced, each (placeholder, replacement) in order."""
    expanded, images, rest = "", [], 0
    for placeholder, replacement in replacements:
        begin = rendered.index(placeholder, rest)
        expanded += rendered[rest:begin]
        rest = begin + len(placeholder)
        images.append(Expansion((begin, rest), (len(expanded), len(expanded) + len(replacement))))
        expanded += replacement
    return PromptText(rendered, expanded + rendered[rest:], tuple(images))


def locate(message: Message, render: Callable[[list[Message], bool], str]) -> Parts:
    """The parts of one user message's prompt; `render` is a chat template: (messages, add_generation_prompt) -> text.

    Raises `UserError` if the template renders a turn differently later in a conversation, or changes its text.
    """
    prompt = render([message], True)
    begun = render([message, _ANSWER], False)
    longer = render([message, _ANSWER, message], False)
    turn = longer[len(begun) :]
    start = prompt.find(turn)
    question = "".join(part["text"] for part in message["content"] if part["type"] == "text")
    place = turn.find(question)
    if not (longer.startswith(begun) and turn and question and start >= 0 and place >= 0):
        raise UserError("the chat template changes a turn or its text, so the parts of a prompt cannot be located")
    return Parts((0, start), (start + place, start + place + len(question)))


def prompt_spans(
    token_ids: Sequence[int], offsets: Sequence[Characters], text: PromptText, parts: Parts, image_token_id: int
) -> PromptSpans:
    """The spans of a prompt; `offsets` are the character ranges of its tokens in the expanded prompt."""

    def expanded(place: int) -> int:
        gains = [one.expanded[1] - one.placeholder[1] for one in text.images if one.placeholder[1] <= place]
        return place + (gains[-1] if gains else 0)

    def tokens_of(characters: Characters) -> range:
        first, last = (expanded(place) for place in characters)
        covering = [i for i, (start, end) in enumerate(offsets) if start < last and end > first and start < end]
        return range(covering[0], covering[-1] + 1) if covering else range(0)

    images = []
    for image in text.images:
        first, last = image.expanded
        places = [
            i
            for i, (token, (start, end)) in enumerate(zip(token_ids, offsets, strict=True))
            if token == image_token_id and start >= first and end <= last and start < end
        ]
        images.append(range(places[0], places[-1] + 1))
    return PromptSpans(tokens_of(parts.system), tuple(images), tokens_of(parts.user_text))
