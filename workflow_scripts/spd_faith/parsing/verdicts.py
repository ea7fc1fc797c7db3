"""Decides whether an answer to a yes/no question says that the two images differ.

The first rule that applies decides:

1. A hedge in the first clause, or a refusal ("I cannot tell", "yes and no"): unclear, unless a short answer is marked
   by a JSON object, the markers of a model family, or a box.
2. The short answer, read with the polarity of the question: the marked one, else a yes or no at the start, "Answer: …",
   a final "No.". "Not quite" and similar phrases deny the question.
3. The prose: "same" (the images are identical, no differences), "differs" (they are not identical, they differ, N
   differences), a change of an object, or an exception ("the same except the car", "but …").

A short answer holds unless the prose contradicts it: "No" to "the same?" followed by "they are identical", or "Yes, the
same" followed by "the car was removed", is unclear. Sameness with an exception differs, whatever the short answer.
Without a short answer, a change in addition to sameness ("they look the same. The car has moved.") differs.

An answer in another language than English has no verdict, unless it is a word that the lexicon has ("不同", "Oui.").
"""

from collections.abc import Iterable, Sequence
from typing import Any

from spd_faith.language.changes import find_types
from spd_faith.language.clauses import split_clauses
from spd_faith.language.counts import find_count
from spd_faith.language.image_words import find_images
from spd_faith.language.objects import find_objects
from spd_faith.language.recognition import is_unread, language_of, short_answer, values_of
from spd_faith.language.sameness import find_sameness
from spd_faith.language.spelling import respell
from spd_faith.language.words import Mention, Text
from spd_faith.language.yes_no import (
    ABOUT_IMAGES,
    ANSWER_KEYS,
    CLOSING,
    DIFFERENT_KEYS,
    EXCEPTION,
    HEDGE,
    MARKED,
    NEARLY,
    NEARLY_NO,
    REFUSAL,
    REST,
    SAME_KEYS,
    SHORT,
    SOME,
    TURNED,
)
from spd_faith.parsing.answer_text import AnswerText, read_answer, readable
from spd_faith.parsing.json_text import inside, repaired_object, spellings, whole_values

YES_MEANS = {"same": "same", "different": "differs"}
_OPPOSITE = {"same": "differs", "differs": "same"}
_MAX_READ = 20_000  # characters searched for a verdict
_SHORT_CLAUSE = 4  # words; a clause this short is about the images even if it does not name them


def verdict(text: str, task: str) -> str | None:
    """`differs`, `same` or `unclear` for the answer to the question of `task` ("same" or "different").

    None if the answer is in a language that cannot be read.
    """
    whole = read_answer(text)
    if said := _short_foreign_answer(whole):
        return _meaning(said, task)
    return None if _is_unread(whole.text) else _read_verdict(whole, task)


def is_unread_verdict(text: str) -> bool:
    """Whether `verdict` cannot read the language of an answer."""
    whole = read_answer(text)
    return _short_foreign_answer(whole) is None and _is_unread(whole.text)


def _short_foreign_answer(whole: AnswerText) -> str | None:
    return short_answer(values_of(whole.marked or whole.text))


def _meaning(said: str, task: str) -> str:
    """The verdict of a short answer: `yes`, `no`, `same` or `differs`."""
    if said in _OPPOSITE:
        return said
    return YES_MEANS[task] if said == "yes" else _OPPOSITE[YES_MEANS[task]]


def _is_unread(text: str) -> bool:
    """Whether the prose of an answer, or of the JSON in one without prose, is in another language."""
    text = readable(text[:_MAX_READ])
    return is_unread(text if language_of(text) else values_of(text))


def _read_verdict(whole: AnswerText, task: str) -> str:
    answer, prose = _from_json(respell(whole.text[:_MAX_READ])[0], task)
    if not answer and whole.marked:
        answer = _short_answer(readable(whole.marked[:_MAX_READ]), task)
    prose = readable(prose)
    clauses = split_clauses(prose)
    if not answer:
        if not clauses or HEDGE.search(clauses[0].text) or REFUSAL.search(prose):
            return "unclear"
        answer = _short_answer(prose, task)
    stated = _stated_in_prose(prose, clauses)
    is_excepted = "change" in stated and answer == "same" and EXCEPTION.search(prose)
    if "exception" in stated or is_excepted:
        return "differs"
    return _checked(answer, stated) if answer else _without_answer(stated)


def _checked(answer: str, stated: set[str]) -> str:
    """A short answer, unless the prose contradicts it."""
    is_contradicted = _OPPOSITE[answer] in stated or (answer == "same" and "change" in stated)
    return "unclear" if is_contradicted else answer


def _without_answer(stated: set[str]) -> str:
    if "change" in stated:
        return "differs"
    return next(iter(stated)) if len(stated) == 1 else "unclear"


def _short_answer(text: str, task: str) -> str | None:
    opening = SHORT.match(text)
    found = (
        [*MARKED.finditer(text)][-1:]
        or [*TURNED.finditer(text)][-1:]
        or ([opening] if opening else [])
        or [*CLOSING.finditer(text)]
    )
    if not found:
        return None
    if found[0]["yes"]:
        return YES_MEANS[task]
    if task == "different" and NEARLY_NO.match(found[0]["no"]):
        return None  # "mostly" (different) is undecided
    return _OPPOSITE[YES_MEANS[task]]


def _stated_in_prose(prose: str, clauses: Sequence[Text]) -> set[str]:
    """What the prose says: "same" or "differs" (the images), "change" (an object), "exception" (to sameness)."""
    stated = {*_stated_by_count(prose, clauses), *filter(None, map(_stated_by_clause, clauses))}
    if "same" in stated and stated & {"change", "differs"} and EXCEPTION.search(prose):
        return {"exception"}  # "they look alike. However, the car has moved."
    return stated


def _stated_by_count(prose: str, clauses: Iterable[Text]) -> set[str]:
    count = find_count(prose)
    if count == 0:  # may be about an object: "I looked at the curtains, and they are the same"
        count = find_count(". ".join(clause.text for clause in clauses if not find_objects(clause)))
    if count is None:
        return {"differs"} if SOME.search(prose) else set()
    return {"differs" if count else "same"}


def _stated_by_clause(clause: Text) -> str | None:
    types, alike = find_types(clause), find_sameness(clause)
    if alike and EXCEPTION.search(clause.text, alike[-1].end):
        return "exception"
    if not types and (not alike or NEARLY.search(clause.text)):
        return None
    is_of_images = not find_objects(clause) and _is_about_images(clause)
    if not types:
        return "same" if is_of_images and not REST.search(clause.text) else None
    return _stated_by_types(clause, types, is_of_images)


def _stated_by_types(clause: Text, types: list[Mention], is_of_images: bool) -> str | None:
    if any(kind.value != "unknown" for kind in types):
        return "change"
    return "differs" if is_of_images else "change" if find_objects(clause) else None


def _is_about_images(clause: Text) -> bool:
    if len(clause.words) <= _SHORT_CLAUSE or any(word.text in ABOUT_IMAGES for word in clause.words):
        return True
    return bool(find_images(clause))


def _from_json(text: str, task: str) -> tuple[str | None, str]:
    """(verdict of the JSON object in the text, the prose around it)."""
    if "{" not in text:
        return None, text
    for spelled in spellings(text):
        for first, last, value in whole_values(spelled):
            if stated := _stated_by_json(value, task):
                return stated[0], spelled[:first] + spelled[last:]
    repaired = repaired_object(text)
    if repaired and (stated := _stated_by_json(repaired.value, task)):
        return stated[0], text[: repaired.start] + text[repaired.end :]
    return None, text


def _stated_by_json(value: Any, task: str) -> tuple[str | None] | None:
    """(verdict,) of a decoded value, (None,) if unclear; None if no key is about a verdict."""
    for part in inside(value):
        for key, item in part.items() if isinstance(part, dict) else ():
            word = str(item).strip().lower() if isinstance(item, str | bool) else ""
            if stated := _stated_by_key("".join(filter(str.isalnum, key.lower())), word, task):
                return stated
    return None


def _stated_by_key(name: str, word: str, task: str) -> tuple[str | None] | None:
    if name in ANSWER_KEYS and word and "{" not in word:
        return (_short_answer(word, task) or _bare(word),)
    if name in SAME_KEYS | DIFFERENT_KEYS and (short := SHORT.match(word)):
        meaning = "same" if name in SAME_KEYS else "differs"
        return (meaning if short["yes"] else _OPPOSITE[meaning],)
    return None


def _bare(word: str) -> str | None:
    stated = _stated_in_prose(word, [Text(word)])
    return stated.pop() if stated in ({"same"}, {"differs"}) else None
