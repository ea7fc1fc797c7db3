"""Whether an answer to a yes/no question says that the two pictures differ.

In this order, the first that decides:

1. A hedge in the first clause, or one that refuses ("I cannot tell", "yes and no"): unclear, where no short answer is
   marked as the answer: by a JSON object, the markers of a model family, a box.
2. The short answer, read with the polarity of the question: the marked one, else a yes or no that opens the answer,
   "Answer: …", a closing "No.". "Not quite" and its kind deny what was asked.
3. The prose. It says "same" (the pictures are identical, no differences), or "differs" (they are not, they differ, N
   differences), or tells of a change of an object, or makes an exception ("the same except the car", "but …").

A short answer stands unless the prose contradicts it: "No" to "the same?" and then "they are identical", or "Yes, the
same" and then "the car was removed", is unclear. Sameness with an exception is no sameness, whatever the short answer:
differs. Without a short answer, a change told beside sameness ("they look the same. The car has moved.") differs.
"""

import re
from typing import Any

from spd_faith.language.changes import find_types
from spd_faith.language.clauses import split_clauses
from spd_faith.language.counts import find_count
from spd_faith.language.image_words import find_pictures
from spd_faith.language.objects import find_objects
from spd_faith.language.sameness import find_sameness
from spd_faith.language.spelling import respell
from spd_faith.language.words import word_set, words_of
from spd_faith.parsing.answer_text import read_answer, readable
from spd_faith.parsing.json_text import inside, repaired_object, spellings, whole_values

YES_MEANS = {"same": "same", "different": "differs"}
_OPPOSITE = {"same": "differs", "differs": "same"}

_PREFIX = (
    r"(?:(?:the |my |final ){0,2}(?:answer|verdict|response|conclusion)(?: is)?\W{1,6}|"
    r"(?:so|therefore|thus|well|hence|hmm?|oh|okay|ok)\W{1,4}|"
    r"(?:probably|likely|most likely|presumably)\W{1,4}(?=(?:yes|no|not)\b)|"
    r"(?:it|that)(?: is|['’]s) an? |i have to say\W{1,4}|"
    r"(?:for me|in my (?:opinion|view)|to me)\W{1,4}(?:it is |that is |it['’]s )?|"
    r"i (?:think|believe|guess|suppose)\W{1,4}(?=(?:yes|no|so|not)\b)|"
    r"i(?:['’]d| would)? (?:say|lean (?:towards?|to)|go (?:with|for)|tend (?:towards?|to)|answer)\W{1,4}(?:a |an )?)?"
)
_SURELY = r"(?:(?:sure|surely|certainly|definitely|clearly|indeed|really|absolutely) )?"
_CLOSED = r"(?=\W*(?:$|[.!\n]))"
_YES = (
    rf"(?:they|these|both) {_SURELY}(?:are|do){_CLOSED}|yes|so{_CLOSED}|yeah|yep|yup|correct|true|indeed|certainly|"
    r"absolutely|definitely|sure|of course|affirmative|right"
)
_NOT_QUITE = (
    r"not (?:quite|exactly|really|entirely|completely|fully|at all|totally|precisely|perfectly|necessarily)|"
    r"almost|nearly|mostly|partly|partially"
)
_NO = (
    rf"(?:they|these|both) {_SURELY}(?:are|do)(?: not|n['’]t){_CLOSED}|no|not{_CLOSED}|"
    rf"nope|nah|false|incorrect|negative|definitely not|certainly not|absolutely not|of course not|{_NOT_QUITE}"
)
_SHORT = re.compile(
    rf"\W{{0,12}}{_PREFIX}\W{{0,6}}(?:(?P<no>{_NO})|(?P<yes>{_YES}))\b"
    r"(?! (?:\w+ ){0,2}(?:differences?|changes?|objects?|items?|pictures?|images?|one|two|or no|the same)\b)",
    re.IGNORECASE,
)
_ANSWER = re.compile(
    rf"\b(?:answer|verdict|conclusion)(?: is| would be| must be)?[\s:*_\"'`]{{1,8}}(?:(?P<no>{_NO})|(?P<yes>{_YES}))\b",
    re.IGNORECASE,
)
_TURNED = re.compile(
    r"\b(?:wait|actually|hold on|scratch that|correction|on second thoughts?|but)[\s,.:–—-]{1,4}"
    r"(?:(?P<no>no)|(?P<yes>yes))(?=\W*(?:$|[.,:;!\n]))",
    re.IGNORECASE,
)
_SOME = re.compile(
    r"\bthere (?:are|is|were) (?:indeed )?(?:some|several|a few|many|various|multiple|a number of|at least)\b"
    r"[^.!?\n]{0,40}\bdifferences?\b",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"(?:^|[.!?\n:,;…]\s{0,3})[*_\"'`]{0,3}(?:(?:so|then|therefore|thus|hence),? (?:it is |it['’]s )?)?"
    r"(?:(?P<no>no)|(?P<yes>yes))[.!*_\"'`\s]{0,6}\Z",
    re.IGNORECASE,
)
_UNABLE = r"(?:cannot|can['’]t|could not|couldn['’]t|unable to|not able to|not possible to|impossible to)"
_HEDGE = re.compile(
    r"\b(?:not (?:\w+ )?(?:sure|certain|clear)|unsure|uncertain|unclear|(?:don['’]t|do not) know|"
    r"maybe|perhaps|"
    r"possibly|it depends|yes and no|yes or no|might be|may be|(?:i['’]m|i am) sorry|"
    r"(?:hard|difficult) to (?:tell|say|judge)|"
    rf"{_UNABLE} (?:really )?(?:assess|see (?:the|any) (?:pictures|images|two)|be determined))\b",
    re.IGNORECASE,
)
_REFUSAL = re.compile(
    rf"\b{_UNABLE} (?:really )?(?:determine|tell|answer|decide|say|compare|view|access|judge)\b", re.IGNORECASE
)
_EXCEPTION = re.compile(
    r"\b(?:except|apart from|aside from|other than|with the exception|besides|save for|but for|but|however|although|"
    r"though|yet|only differ\w*|the only (?:difference|change)|the difference is)\b",
    re.IGNORECASE,
)
_REST = re.compile(r"\b(?:else|rest|others?|otherwise|remaining)\b", re.IGNORECASE)  # sameness of the rest only
_NEARLY = re.compile(r"\b(?:almost|nearly|mostly|largely|practically|virtually|quite)\b", re.IGNORECASE)
_PICTURES = word_set(
    "they both these those picture pictures image images photo photos scene scenes everything all it nothing them we i"
)
_MAX_READ = 20_000  # characters of prose that a verdict is looked for in


def verdict(text: str, task: str) -> str:
    """`differs`, `same` or `unclear`, for the answer to the question of `task` ("same" or "different")."""
    whole = read_answer(text)
    answer, prose = _from_json(respell(whole.text[:_MAX_READ])[0], task)
    if not answer and whole.marked:
        answer = _short_answer(readable(whole.marked[:_MAX_READ]), task)
    prose = readable(prose)
    clauses = [clause.text for clause in split_clauses(prose)]
    if not answer:
        if not clauses or _HEDGE.search(clauses[0]) or _REFUSAL.search(prose):
            return "unclear"
        answer = _short_answer(prose, task)
    said = _said(prose, clauses)
    if "exception" in said or ("change" in said and answer == "same" and _EXCEPTION.search(prose)):
        return "differs"
    if answer:
        return "unclear" if _contradicts(said, answer) else answer
    if "change" in said:
        return "differs"
    return said.pop() if len(said) == 1 else "unclear"


def _contradicts(said: set[str], answer: str) -> bool:
    return _OPPOSITE[answer] in said or (answer == "same" and "change" in said)


def _short_answer(text: str, task: str) -> str | None:
    opening = _SHORT.match(text)
    told = (
        [*_ANSWER.finditer(text)][-1:]
        or [*_TURNED.finditer(text)][-1:]
        or ([opening] if opening else [])
        or [*_CLOSING.finditer(text)]
    )
    if not told:
        return None
    if told[0]["yes"]:
        return YES_MEANS[task]
    if task == "different" and re.match("almost|nearly|mostly|partly|partially", told[0]["no"], re.IGNORECASE):
        return None  # "mostly" different says neither
    return _OPPOSITE[YES_MEANS[task]]


def _said(prose: str, clauses: list[str]) -> set[str]:
    """What the prose says: of the pictures ("same", "differs"), of an object ("change"), "exception" to sameness."""
    said = set()
    count = find_count(prose)
    if count == 0:  # "I looked at the curtains, and they are the same" counts nothing in the pictures
        count = find_count(". ".join(clause for clause in clauses if not find_objects(clause)))
    if count is not None or _SOME.search(prose):
        said.add("differs" if count or count is None else "same")
    for clause in clauses:
        types, alike = find_types(clause), find_sameness(clause)
        if _NEARLY.search(clause) and not (alike and _EXCEPTION.search(clause, alike[-1].end)):
            alike = []
        if not types and not alike:
            continue
        objects = find_objects(clause)
        of_pictures = not objects and _about_pictures(clause)
        if alike and _EXCEPTION.search(clause, alike[-1].end):
            said.add("exception")
        elif alike and not types and of_pictures and not _REST.search(clause):
            said.add("same")
        elif types and all(kind.value == "unknown" for kind in types) and of_pictures:
            said.add("differs")
        elif types and (objects or any(kind.value != "unknown" for kind in types)):
            said.add("change")
    if "same" in said and said & {"change", "differs"} and _EXCEPTION.search(prose):
        return {"exception"}  # sameness is taken back: "they look alike. However, the car has moved."
    return said


def _about_pictures(clause: str) -> bool:
    words = words_of(clause)
    return len(words) <= 4 or any(word.text in _PICTURES for word in words) or bool(find_pictures(clause))


_ANSWER_KEYS = word_set("answer finalanswer verdict response result prediction conclusion")
_SAME_KEYS = word_set("same identical aresame issame arethesame theyarethesame")
_DIFFERENT_KEYS = word_set("different differ aredifferent isdifferent theyaredifferent differs")


def _from_json(text: str, task: str) -> tuple[str | None, str]:
    """(verdict of the JSON object in the text, the prose around it)."""
    if "{" not in text:
        return None, text
    for spelled in spellings(text):
        for first, last, value in whole_values(spelled):
            if stated := _stated(value, task):
                return stated[0], spelled[:first] + spelled[last:]
    repaired = repaired_object(text)
    if repaired and (stated := _stated(repaired.value, task)):
        return stated[0], text[: repaired.start] + text[repaired.end :]
    return None, text


def _stated(value: Any, task: str) -> tuple[str | None] | None:
    """The verdict of a decoded value, which may be no clear one; None where no key is about a verdict."""
    for part in inside(value):
        for key, item in part.items() if isinstance(part, dict) else ():
            name = "".join(filter(str.isalnum, key.lower()))
            word = str(item).strip().lower() if isinstance(item, str | bool) else ""
            if name in _ANSWER_KEYS and word and "{" not in word:
                return ((_short_answer(word, task) or _bare(word)),)
            if name in _SAME_KEYS | _DIFFERENT_KEYS and (short := _SHORT.match(word)):
                meaning = "same" if name in _SAME_KEYS else "differs"
                return (meaning if short["yes"] else _OPPOSITE[meaning],)
    return None


def _bare(word: str) -> str | None:
    said = _said(word, [word])
    return said.pop() if said in ({"same"}, {"differs"}) else None
