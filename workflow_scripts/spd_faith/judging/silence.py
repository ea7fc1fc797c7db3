"""Detects answers without anything to label, for which no judge is called."""

from spd_faith.language.reading import read_assertions
from spd_faith.language.recognition import is_unread, short_answer
from spd_faith.language.refusals import opens_with_refusal
from spd_faith.language.words import words_of
from spd_faith.parsing.answer_text import answer_of

_LONGEST_WORD = 40  # characters of a one-word answer
_LONGEST_REFUSAL = 60  # words


def says_nothing(text: str) -> bool:
    """Whether an answer is empty, a refusal, or a single word."""
    text = answer_of(text)
    words = words_of(text)
    if not words:
        return True
    if len(words) == 1:  # or a sentence in a script without spaces
        return len(text.strip()) <= _LONGEST_WORD and (not is_unread(text) or short_answer(text) is not None)
    return len(words) <= _LONGEST_REFUSAL and opens_with_refusal(text) and not read_assertions(text)
