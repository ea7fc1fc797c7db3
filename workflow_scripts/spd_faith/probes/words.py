"""The content words of an answer, and which of its tokens make them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spd_faith.language.word_classes import ADVERBS, CONJUNCTIONS, DETERMINERS, PREPOSITIONS
from spd_faith.language.words import word_set

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_AUXILIARIES_AND_PRONOUNS = word_set(
    "am is are was were be been being isn't aren't wasn't weren't has have had having hasn't haven't hadn't do "
    "does did doing doesn't don't didn't can can't cannot could couldn't will won't would wouldn't shall should "
    "shouldn't may might must let's i i'm i'll we you it it's they he she me us them him my our your who whom "
    "whose which what when where why how there here as not such than any some all"
)
_ORDINALS = word_set("first second third fourth fifth sixth")
_LITERALS = word_set("null true false")
_VERDICTS = word_set("yes no")
_GRAMMAR = DETERMINERS | PREPOSITIONS | CONJUNCTIONS | ADVERBS | _AUXILIARIES_AND_PRONOUNS
FUNCTION_WORDS = (_GRAMMAR | _ORDINALS | _LITERALS) - _VERDICTS
"""Words that name nothing; "yes" and "no", which can be a whole answer, are none."""

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_SCAFFOLDING = re.compile(r'"[^"\n]*"\s*:|```\w*')  # keys of JSON, fences


@dataclass(frozen=True)
class Word:
    """One content word, or several neighbours that are made by the same tokens."""

    text: str
    tokens: tuple[int, ...]
    """Positions in the answer, ascending."""


def content_words(tokenizer: "PreTrainedTokenizerFast", token_ids: Sequence[int]) -> list[Word]:
    """The words of an answer that are no function words, numbers or keys of JSON, in its order.

    A word may take several tokens. Where one token holds several of the words they are one, told from its first letter
    to its last.
    """
    text, spans = _decoded(tokenizer, token_ids)
    scaffolding = [match.span() for match in _SCAFFOLDING.finditer(text)]
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


def _decoded(tokenizer: "PreTrainedTokenizerFast", token_ids: Sequence[int]) -> tuple[str, list[tuple[int, int]]]:
    """The text without special tokens and the characters that each token makes.

    Of tokens that make one character together each has it; a special token has none.
    """
    from tokenizers.decoders import DecodeStream

    stream, text, spans, waiting = DecodeStream(skip_special_tokens=True), "", [], []
    special = set(tokenizer.all_special_ids)
    for number, token in enumerate(token_ids):
        piece = stream.step(tokenizer.backend_tokenizer, token)
        spans.append((len(text), len(text)))
        if token in special:
            continue
        waiting.append(number)
        if piece is not None:
            span = (len(text), len(text) + len(piece))
            for of in waiting:
                spans[of] = span
            text, waiting = text + piece, []
    return text, spans
