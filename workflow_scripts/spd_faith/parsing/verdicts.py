"""Decides whether an answer to a yes/no question says that the two images differ.

The first rule that applies decides:

1. A hedge in the first clause, or a refusal ("I cannot tell", "yes and no"): unclear, unless a short answer is marked
   by a JSON object, the markers of a model family, or a box.
2. The short answer, read with the polarity of the question: the marked one, else a yes or no at the start, "Answer: …",
   a final "No.". "Not quite" and similar phrases deny the question.
3. The prose: "same" (the images are identical, no differences), "differs" (they are not identical, they differ, N
   differences), a change of an object, or an exception ("the same except the car", "but …").

A verdict that takes back an earlier one counts ("Yes. Wait, the dog is gone."), also with a new short answer ("So no,
they are not the same."). A concession ("while both show a street, …"), a first impression ("at first glance") and the
sameness of what is shown ("the same street") contradict nothing; nor does a possibility ("it may have moved").

A short answer holds unless the prose contradicts it: "No" to "the same?" followed by "they are identical", or "Yes, the
same" followed by "the car was removed", is unclear. Sameness with an exception differs, whatever the short answer.
Without a short answer, a change in addition to sameness ("they look the same. The car has moved.") differs.

An answer in another language than English has no verdict, unless it is a word that the lexicon has ("不同", "Oui.").
"""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from spd_faith.language.assertions import AssertionKind
from spd_faith.language.changes import find_types
from spd_faith.language.clauses import split_clauses
from spd_faith.language.counts import find_count
from spd_faith.language.folding import fold
from spd_faith.language.hedges import after_lead_in, is_unasserted
from spd_faith.language.image_words import find_images
from spd_faith.language.layout import without_marks
from spd_faith.language.objects import find_objects
from spd_faith.language.reading import read_assertions
from spd_faith.language.recognition import MAX_READ, is_unread, language_of, short_answer, values_of
from spd_faith.language.sameness import find_sameness
from spd_faith.language.spelling import respell
from spd_faith.language.words import Mention, Text
from spd_faith.language.yes_no import (
    ABOUT_IMAGES,
    ANSWER_KEYS,
    BOTH_SHOW,
    CLOSING,
    CONCESSION,
    CONCLUDED,
    DENIED_DIFFERENCE,
    DENIED_SAMENESS,
    DIFFERENT_KEYS,
    EXCEPTING,
    EXCEPTION,
    FIRST_IMPRESSION,
    HEDGE,
    KEYED,
    MARKED,
    NEARLY,
    NEARLY_NO,
    REFUSAL,
    REST,
    RETRACTION,
    SAME_KEYS,
    SAME_THING,
    SHORT,
    SOME,
    TURNED,
    WITH_SOME,
)
from spd_faith.parsing.answer_text import AnswerText, read_answer, readable
from spd_faith.parsing.json_text import inside, repaired_object, spellings, whole_values

YES_MEANS = {"same": "same", "different": "differs"}
_OPPOSITE = {"same": "differs", "differs": "same"}
_MAX_RETRACTIONS = 3
_PAUSES = " ,.:;!…–—-"
_SHORT_CLAUSE = 4  # words; a clause this short is about the images even if it does not name them


def verdict(text: str, task: str) -> str | None:
    """`differs`, `same` or `unclear` for the answer to the question of `task` ("same" or "different").

    None if the answer is in a language that cannot be read.
    """
    whole = read_answer(text)
    if said := _short_foreign_answer(whole):
        return _meaning(said, task)
    return None if _is_unread(whole.text) else _read_verdict(whole, task)


def find_differing(prose: str) -> tuple[int, int] | None:
    """The first words of a prose that say that the images differ, without a number: "there are some differences"."""
    plain = without_marks(prose)
    stated = SOME.search(plain)
    clauses = (clause for clause in split_clauses(plain) if _stated_by_clause(clause) == "differs")
    clause = next(clauses, None)
    spans = [stated.span()] if stated else []
    return min([*spans, (clause.start, clause.end)] if clause else spans, default=None)


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
    text = readable(text[:MAX_READ])
    return is_unread(text if language_of(text) else values_of(text))


def _read_verdict(whole: AnswerText, task: str) -> str:
    answer, prose = _from_json(respell(whole.text[:MAX_READ])[0], task)
    if not answer and whole.marked:
        short = _short_answer(readable(whole.marked[:MAX_READ]), task)
        answer = short.verdict if short else None
    prose = readable(prose)
    return _checked_by_prose(answer, prose) if answer else _revised(prose, task)


def _revised(prose: str, task: str) -> str:
    """The verdict of a text without a marked answer: the last one if it takes back an earlier one."""
    for retraction in reversed([*RETRACTION.finditer(prose)][-_MAX_RETRACTIONS:]):
        later = _of_prose(prose[retraction.end() :].lstrip(_PAUSES), task)
        if later != "unclear":
            return later
    return _of_prose(prose, task)


def _of_prose(prose: str, task: str) -> str:
    clauses = split_clauses(prose)
    prose = prose[after_lead_in(prose) :]  # "I am not sure, but …"
    if not clauses or REFUSAL.search(prose) or (HEDGE.search(clauses[0].text) and HEDGE.search(prose)):
        return "unclear"
    short = _short_answer(prose, task)
    return _checked_by_prose(short.verdict, prose[short.start :]) if short else _without_answer(prose)


def _checked_by_prose(answer: str, prose: str) -> str:
    """A short answer, unless the prose contradicts it or makes an exception."""
    stated = _stated_in_prose(prose)
    is_excepted = answer == "same" and (("change" in stated and EXCEPTION.search(prose)) or WITH_SOME.search(prose))
    if "exception" in stated or is_excepted:
        return "differs"
    is_contradicted = _OPPOSITE[answer] in stated or (answer == "same" and "change" in stated)
    return "unclear" if is_contradicted else answer


def _without_answer(prose: str) -> str:
    stated = _stated_in_prose(prose)
    if stated & {"change", "exception"}:
        return "differs"
    if stated <= {"alike"} and any(said.kind == AssertionKind.DIFFERENCE for said in fold(read_assertions(prose))):
        return "differs"  # "The tie is red in the first picture. In the second it is blue."
    meant = stated - {"alike"} or {"same"} & {"same" for _ in stated}
    return meant.pop() if len(meant) == 1 else "unclear"


class _Short(NamedTuple):
    """A short answer, and where the prose that it stands for starts: after what it takes back."""

    verdict: str
    start: int = 0


def _short_answer(text: str, task: str) -> _Short | None:
    if keyed := KEYED.search(text):
        meaning = "same" if keyed["same"] else "differs"
        return _Short(meaning if keyed["yes"] else _OPPOSITE[meaning], keyed.end())
    opening = SHORT.match(text)
    last = [*MARKED.finditer(text)][-1:]
    turned = [] if last else sorted([*TURNED.finditer(text), *CONCLUDED.finditer(text)], key=re.Match.start)[-1:]
    found = last or turned or ([opening] if opening else []) or [*CLOSING.finditer(text)]
    if not found:
        return None
    start = found[0].start() if turned else 0
    if found[0]["yes"]:
        return _Short(YES_MEANS[task], start)
    if task == "different" and NEARLY_NO.match(found[0]["no"]):
        return None  # "mostly" (different) is undecided
    return _Short(_OPPOSITE[YES_MEANS[task]], start)


def _stated_in_prose(prose: str) -> set[str]:
    """What the prose says.

    "same" or "differs" (the images), "alike" (what they show), "change" (an object), "exception" (to sameness).
    """
    clauses = split_clauses(prose)
    stated = {*_stated_by_count(prose, clauses), *filter(None, map(_stated_by_clause, clauses))}
    if EXCEPTION.search(prose) and (
        "nearly" in stated or (stated & {"same", "alike"} and stated & {"change", "differs"})
    ):
        return {"exception"}  # "they look alike. However, the car has moved."
    return stated - {"nearly"}


def _stated_by_count(prose: str, clauses: Iterable[Text]) -> set[str]:
    count = find_count(prose)
    if count == 0:  # may be about an object: "I looked at the curtains, and they are the same"
        count = find_count(". ".join(clause.text for clause in clauses if not find_objects(clause)))
    if count is None:
        return {"differs"} if SOME.search(prose) else set()
    return {"differs" if count else "same"}


def _stated_by_clause(whole: Text) -> str | None:
    conceded = CONCESSION.match(whole.text)
    clause = Text(whole.text[conceded.end() :]) if conceded else whole
    types, alike = find_types(clause), find_sameness(clause)
    if alike and (_excepts(clause.text, alike[-1].end, types) or EXCEPTING.search(clause.text, 0, alike[0].start)):
        return "exception"
    is_of_images = not find_objects(clause) and _is_about_images(clause)
    if is_of_images and (denied := _denied(clause.text)):
        return denied
    if types and is_unasserted(clause.text[: types[0].start]):
        types = []  # "the second might have been cropped"
    if types and not BOTH_SHOW.search(clause.text, 0, types[0].start):
        return _stated_by_types(clause, types, is_of_images)
    return _stated_by_sameness(clause, alike) if is_of_images else None


def _excepts(text: str, start: int, types: list[Mention]) -> bool:
    """Whether an exception follows that is more than a possible change: not "although it may have moved"."""
    exception = EXCEPTION.search(text, start)
    if not exception:
        return False
    changed = next((kind for kind in types if kind.start > exception.end()), None)
    return changed is None or not is_unasserted(text[exception.end() : changed.start])


def _denied(text: str) -> str | None:
    """The verdict of a clause that denies the opposite: "I don't think they are the same"."""
    if DENIED_SAMENESS.search(text):
        return "differs"
    return "same" if DENIED_DIFFERENCE.search(text) else None


def _stated_by_sameness(clause: Text, alike: list[Mention]) -> str | None:
    if not alike or REST.search(clause.text):
        return None
    if NEARLY.search(clause.text) or FIRST_IMPRESSION.search(clause.text):
        return "nearly"
    of_things = {match.start() for match in SAME_THING.finditer(clause.text)}
    return "alike" if all(mention.start in of_things for mention in alike) else "same"


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
        short = _short_answer(word, task)
        return (short.verdict if short else _bare(word),)
    if name in SAME_KEYS | DIFFERENT_KEYS and (opening := SHORT.match(word)):
        meaning = "same" if name in SAME_KEYS else "differs"
        return (meaning if opening["yes"] else _OPPOSITE[meaning],)
    return None


def _bare(word: str) -> str | None:
    stated = _stated_in_prose(word)
    return stated.pop() if stated in ({"same"}, {"differs"}) else None
