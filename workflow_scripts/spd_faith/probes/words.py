"""The content words of an answer and their tokens."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spd_faith.inference.reasoning import find_reasoning_markers, silent_ids
from spd_faith.language.word_classes import FUNCTION_WORDS

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_SCAFFOLDING = re.compile(r'"[^"\n]*"\s*:|```\w*')  # keys of JSON, fences


@dataclass(frozen=True)
class Word:
    """One content word, or several neighbours that consist of the same tokens."""

    text: str
    tokens: tuple[int, ...]
    """Positions in the answer, ascending."""


def content_words(tokenizer: "PreTrainedTokenizerFast", token_ids: Sequence[int]) -> list[Word]:
    """The words of an answer in order, without function words, numbers and JSON keys.

    A word may have several tokens. Words within one token count as one, from its first letter to its last.
    """
    text, spans = decoded_tokens(tokenizer, token_ids)
    scaffolding = [match.span() for match in (*_SCAFFOLDING.finditer(text), *find_reasoning_markers(text))]
    words: dict[tuple[int, ...], tuple[int, int]] = {}
    for match in _WORD.finditer(text):
        start, end = match.span()
        if match[0].lower().replace("’", "'") in FUNCTION_WORDS:
            continue
        if any(first < end and start < last for first, last in scaffolding):
            continue
        tokens = tuple(i for i, (first, last) in enumerate(spans) if first < end and start < last)
        words[tokens] = (words.get(tokens, (start, end))[0], end)
    return [Word(text[start:end], tokens) for tokens, (start, end) in words.items()]


def decoded_tokens(tokenizer: "PreTrainedTokenizerFast", token_ids: Sequence[int]) -> tuple[str, list[tuple[int, int]]]:
    """The text of an answer as inference reads it, and the span of characters of each token.

    Tokens that form one character together all get its span; a special token gets an empty one, unless it marks
    reasoning.
    """
    from tokenizers.decoders import DecodeStream

    stream, text, spans, waiting = DecodeStream(skip_special_tokens=False), "", [], []
    silent = silent_ids(tokenizer)
    for number, token in enumerate(token_ids):
        spans.append((len(text), len(text)))
        if token in silent:
            continue
        piece = stream.step(tokenizer.backend_tokenizer, token)
        waiting.append(number)
        if piece is not None:
            span = (len(text), len(text) + len(piece))
            for of in waiting:
                spans[of] = span
            text, waiting = text + piece, []
    return text, spans
