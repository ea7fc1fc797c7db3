"""What a text asserts, clause by clause."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from spd_faith.language.asserted_changes import changes_told, is_vague, lacks, lost_objects
from spd_faith.language.assertions import NOTHING_SAID, Assertion
from spd_faith.language.attributes import by_picture, find_subjects, free_mentions, one_picture
from spd_faith.language.changes import find_types
from spd_faith.language.clauses import Clause, split_clauses
from spd_faith.language.counts import find_count
from spd_faith.language.hedges import after_lead_in, is_unasserted, taking_back
from spd_faith.language.layout import Lines, without_marks
from spd_faith.language.listings import Listing, is_bare, listed, listing_of
from spd_faith.language.mentions import Mentions, find_mentions
from spd_faith.language.objects import find_objects
from spd_faith.language.side_by_side import find_pairs
from spd_faith.language.spelling import place_in, respell
from spd_faith.language.states import is_as_before, presence_in_both, sameness, state, stays
from spd_faith.language.word_classes import NO_OBJECTS
from spd_faith.language.words import Mention, words_of

_LABEL = re.compile(r"(?:type|kind|category|object|change|change type|type of (?:change|difference)|item)\s?:\s?", re.I)
_ANOTHER = re.compile(
    r"\b(?:another|one more|an additional|an? (?:second|third|fourth))\s"
    r"(?!picture|image|photo|place|position|location|spot|colou?r|shade|difference|change|tone|hue|side|end|corner)",
    re.I,
)
_IN_ONE = re.compile(r"\b(?:in one\b|one (?:picture|image|photo))(?! (?:and|or) the same)", re.I)
_YES_NO = re.compile(r"(?:yes|yeah|no|nope)[\s,.:;–—-]{1,4}(?=(?:the|they|these|this|both|it|there|i|an?)\b)", re.I)
_JOINT = re.compile(r",?\s(?:and|but|while|whereas|although|though)\s|,\s", re.I)
_BUT_NO = re.compile(r"(?:,?\s(?:but|and|yet)\s|,\s)(?=(?:there (?:is|are) )?(?:no|not an?|without)\s)", re.I)
_BUT = re.compile(r"[^.!?\n]*\b(?:but|only|however|though|yet)\b", re.I)
_OPENING = 8  # characters of a clause that hold its conjunction
_TELLING_REST = r"(?:that|this|these|those|them|it|which|the above)\b"
_EXCEPT = re.compile(
    rf"\b(?:except(?! for {_TELLING_REST})|(?:apart from|other than|aside from|besides|but for)(?! {_TELLING_REST}))\b"
    r"|(?:(?<=same )|(?<=identical ))but(?= (?:the|a) )",
    re.I,
)
_REST = re.compile(
    r"\b(?:else|rest|others?|remaining|otherwise|further|additional"
    rf"|(?:except for|apart from|other than|aside from|besides) {_TELLING_REST})\b",
    re.I,
)
_COUNTED = re.compile(r"[^:\n]{0,160}\b(?:differences?|changes?|discrepanc(?:y|ies))\b[^:\n]{0,30}:\s(?=\S)", re.I)
_SUCH_AS = re.compile(r"\b(?:including|such as|for example|like|rest of)\b", re.I)
_CARRIES = re.compile(
    r"\b(?:carr(?:ying|ies)|hold(?:ing|s)|wear(?:ing|s)|contain(?:ing|s)|has|have|rid(?:ing|es))\s", re.I
)
_BUT_NOT = re.compile(r"\b(?:but|and|yet) (?:not|no longer)\b", re.I)
_NEARLY = re.compile(
    r"\b(?:almost|nearly|mostly|largely|similar|alike|at first|first glance|first sight|not only)\b", re.I
)
_CONTENTS = re.compile(
    r"\b(?:differences?|changes?|changed|nothing|everything|objects?|items?|things?|elements?|details?|none|else|rest"
    r"|others?|remaining|otherwise|colou?rs?|positions?|locations?)\b",
    re.I,
)
_PICTURES_MEANT = re.compile(
    r"\b(?:pictures|images|photos|scenes|both|everything|nothing|none|rest|else|others|remaining)\b"
    r"|\bno (?:\w+ )?(?:object|item|thing|one|difference|change)s?\b",
    re.I,
)
_SUBJECT_PRONOUN = re.compile(r"\b(?:it|he|she|they)\b", re.I)
_OWNER_PRONOUN = re.compile(r"\b(?:its|his|her|their)\b", re.I)
_HAS_IT = re.compile(r"\b(?:has|have|wears?|holds?|carr(?:y|ies)|with) (?:it|them)\b", re.I)
_EXPLETIVE = re.compile(
    r"\bit (?:also |now )?(?:appears|seems|looks (?:like|as)|is (?:clear|evident|obvious|apparent|noticeable)|lacks"
    r"|fails|is missing|can be seen)\b",
    re.I,
)
_PRONOUN = re.compile(
    r"\b(?:it|its|this|that|he|she|his|her|one)\b|\bthe (?:colou?r|position|location|object|item)\b", re.I
)
_PLURAL = re.compile(r"\b(?:they|them|all|both|these|those)\b", re.I)
_UNNAMED = re.compile(
    r"(?:the|an?) ((?:[a-z]+ ){0,2}[a-z]{3,}?)"
    r"(?= (?:at|in|on|near|by|with|that|which|who|under|behind|next|beside|between|over)\b)",
    re.I,
)
_NO_CHANGE = re.compile(
    r"\W*(?:(?:so|thus|therefore|hence|there is|there['’]s),?\s){0,2}no (?:\w+ )?(?:change|difference)\W*$", re.I
)
_SO_WAS = re.compile(r"so (?:is|was|are|were|has|have|did|does|do)\b", re.I)
_TOO = re.compile(r"\b(?:too|as well|also|likewise)\W{0,3}$|^(?:and )?(?:also|likewise)\b", re.I)
_IS_NOT = re.compile(r"\b(?:is|are|was|were|has|have|did|does|do)(?: not|n['’]t)\W*$", re.I)
_SHORT = 5  # words


@dataclass
class _Context:
    """What the earlier clauses leave to be understood."""

    objects: tuple[str, ...] = ()
    plural: bool = False
    told: list[Assertion] = field(default_factory=list)  # by the last clause that told anything of objects
    picture: int | None = None
    line: int = -1
    entry: tuple[int, int] | None = None
    listing: Listing | None = None


def read_assertions(text: str) -> list[Assertion]:
    """Everything that a text asserts, in its order, repetitions and all."""
    respelt, shifts = respell(text)
    found = _read_all(respelt)
    return found if respelt == text else [_in_original(said, text, shifts) for said in found]


def _in_original(said: Assertion, text: str, shifts: list[tuple[int, int]]) -> Assertion:
    start, end = place_in(shifts, said.start), place_in(shifts, said.end)
    return replace(said, text=" ".join(without_marks(text[start:end]).split()), start=start, end=end)


def _read_all(text: str) -> list[Assertion]:
    plain = without_marks(text)
    lines = Lines(text, plain)
    assertions, plain = find_pairs(plain)
    context = _Context()
    clauses = split_clauses(plain)
    names_only = bool(clauses) and all(is_bare(clause.text) for clause in clauses)
    for number, (clause, following) in enumerate(pairwise([*clauses, None])):
        line = lines.at(clause.start)
        _enter(context, clause, line, lines, plain)
        words, start = clause.text, 0
        if span := taking_back(words):
            start = span[1]
            if named := find_objects(words[: span[1]]):
                context.objects = (named[0].value,)
            else:  # the clause before is meant
                assertions = [a for a in assertions if a.last_clause < number - 1]
        if label := _LABEL.match(words, start):  # "Type: color"
            start = label.end()
        start += after_lead_in(words[start:])
        counted = _COUNTED.match(words, start)
        if counted and not (
            is_bare(words[counted.end() :]) or find_objects(counted.group())
        ):  # "I see the following difference: the car is red now"
            start = counted.end()
        words = words[start:]
        if plain[clause.end : clause.end + 1] == "?" or is_unasserted(words):
            if named := find_objects(words):
                context.objects = (named[0].value,)
            continue
        listing = ("difference", None) if names_only else context.listing
        if context.picture is None and (names := listed(words, listing)):
            parts = [names]
        elif lines.is_heading(line) and not find_objects(words):
            continue
        else:
            parts = [(at, _read(part, context)) for at, part in _parts(words)]
        excepted = _is_excepted(parts, clause, following, plain)
        assertions += [
            replace(
                a,
                text=" ".join(a.text.split()),
                start=clause.start + start + at,
                end=clause.start + start + at + len(a.text),
                clause=number,
                last_clause=number,
                entry=context.entry,
                heading=lines.is_heading(line) or bool(label),
            )
            for at, said in parts
            for a in said
            if not (a.is_verdict and excepted)
        ]
    return sorted(assertions, key=lambda said: said.start)


def _enter(context: _Context, clause: Clause, line: int, lines: Lines, plain: str) -> None:
    """Keep what the clause's line says: the entry of a list, the picture, what a heading lists."""
    context.entry = lines.entry(line, plain, clause.start, clause.text, context.entry)
    if line != context.line or plain[max(clause.start - 8, 0) : clause.start].rstrip()[-1:] in ".!?":
        context.picture = lines.picture(line)
    if line != context.line and lines.is_heading(line):
        context.listing = listing_of(clause.text)
    context.line = line


def _is_excepted(
    parts: Sequence[tuple[int, list[Assertion]]], clause: Clause, following: Clause | None, plain: str
) -> bool:
    """Whether the sameness of the pair is said only to make an exception of it ("…, but the car moved")."""
    if len(parts) > 1 and any(a.kind == "difference" for _, said in parts for a in said):
        return True
    if following is None:
        return False
    joined = _BUT.match(plain, clause.end, following.start + _OPENING) and find_types(following.text)
    return bool(_EXCEPT.match(following.text) or joined)


def _parts(clause: str) -> list[tuple[int, str]]:
    """A clause without its yes or no, cut where it goes from one kind of assertion to another.

    Cut are a difference and a sameness ("moved, but its color is the same"), and what is there and what is not ("a car
    and a bench, but no dog").
    """
    answered = _YES_NO.match(clause)
    if answered:
        return [(answered.end() + start, part) for start, part in _parts(clause[answered.end() :])]
    found = find_mentions(clause)
    joint = None
    if (but_no := _BUT_NO.search(clause)) and not found.types[1:]:
        starts = [mention.start for mention in found.objects]
        led = any(picture.end == but_no.start() for picture in found.pictures)  # "in the second picture, there is no …"
        joint = but_no if starts and starts[0] < but_no.start() and starts[-1] > but_no.end() and not led else None
    if not joint and found.types and found.same and not _EXCEPT.search(clause):
        first, second = sorted([mention.start for mention in mentions] for mentions in (found.types, found.same))
        joint = _JOINT.search(clause, first[-1], second[0])
    return [(0, clause[: joint.start()]), (joint.end(), clause[joint.end() :])] if joint else [(0, clause)]


def _read(clause: str, context: _Context) -> list[Assertion]:
    found = find_mentions(clause)
    exception = _EXCEPT.search(clause)
    mentions = _excepted(clause, found.objects, exception) if exception else found.objects
    lost = lost_objects(clause, mentions) or _carried(clause, mentions, found)
    objects, subjects = _objects(clause, lost or mentions, found, context, bool(lost))
    picture = one_picture(found.pictures)
    if picture is not None:
        context.picture = picture
    said = Assertion(
        clause,
        "difference",
        objects,
        colors=by_picture(clause, found.colors, found.pictures, subjects),
        places=by_picture(clause, found.places, found.pictures, []),
        another=bool(_ANOTHER.search(clause)),
        unordered=bool(_IN_ONE.search(clause)),
    )
    changes = changes_told(clause, found, said, bool(lost))
    if exception and not changes:
        changes = [None]
    assertions = _asserted(clause, said, found, changes, context)
    if any(a.objects for a in assertions):
        context.told = assertions
    return assertions


def _carried(clause: str, mentions: list[Mention], found: Mentions) -> list[Mention]:
    """What someone carries in one picture and not the other: the bag of "she holds a bag in the first but not …"."""
    carries = _CARRIES.search(clause)
    if not carries or not found.types or not _BUT_NOT.search(clause, carries.end()):
        return []
    return [mention for mention in mentions if mention.start >= carries.end()]


def _excepted(clause: str, mentions: list[Mention], exception: re.Match[str]) -> list[Mention]:
    """The objects of an exception, up to its comma where it opens ("apart from the car, nothing changed")."""
    after = [mention for mention in mentions if mention.start > exception.end()]
    comma = clause.find(",", exception.end()) if exception.start() == 0 else -1
    return [mention for mention in after if comma < 0 or mention.start < comma] or after or mentions


def _objects(
    clause: str, mentions: list[Mention], found: Mentions, context: _Context, are_lost: bool
) -> tuple[tuple[str, ...], list[Mention]]:
    """The objects that a clause is about, by name or by what went before, and the mentions of those that it names."""
    pronoun = not are_lost and _is_pronoun_subject(clause, mentions, context)
    if context.objects and (_HAS_IT.search(clause) or pronoun):
        return context.objects, []
    subjects = find_subjects(clause, mentions)
    if subjects:
        context.objects = tuple(dict.fromkeys(mention.value for mention in subjects))
        context.plural = len(subjects) > 1 or bool(re.search(r"[^s]s$", subjects[0].text))
        return context.objects, subjects
    if unnamed := _unnamed(clause):
        context.objects, context.plural = (unnamed,), False
        return (unnamed,) if found.types else (), []
    return (context.objects if _is_understood(clause, found, context) else ()), []


def _is_pronoun_subject(clause: str, mentions: list[Mention], context: _Context) -> bool:
    """Whether a pronoun, or a part of what it points at ("its tail"), stands before any object that is named."""
    free = free_mentions(clause, mentions)
    before = clause[: free[0].start] if free else clause
    subject = _SUBJECT_PRONOUN.search(before)
    if subject and not _EXPLETIVE.search(clause) and (context.plural or subject.group().lower() != "they"):
        return True
    return not free and bool(_OWNER_PRONOUN.search(before))


def _unnamed(clause: str) -> str | None:
    """The unknown noun that a clause opens with: "the light at the corner is gone"."""
    opening = _UNNAMED.match(clause)
    if not opening:
        return None
    words = [word.text for word in words_of(opening[1])]
    return None if any(word in NO_OBJECTS for word in words) else words[-1]


def _is_understood(clause: str, found: Mentions, context: _Context) -> bool:
    """Whether a clause without an object speaks of those of the clauses before."""
    if _NO_CHANGE.match(clause) and context.told:
        return True
    if _PLURAL.search(clause) and not context.plural:
        return False
    if lacks(clause):
        return True
    bare_sameness = found.same and len(words_of(clause)) < _SHORT and not found.pictures
    is_told = not all(map(is_vague, found.types)) or bare_sameness or is_as_before(clause)
    return bool(_PRONOUN.search(clause) or is_told) and not _PICTURES_MEANT.search(clause)


def _asserted(
    clause: str, said: Assertion, found: Mentions, changes: list[str | None], context: _Context
) -> list[Assertion]:
    """What a clause asserts of the objects of `said`; `changes` are the types that it tells."""
    told = [a for a in context.told if a.kind != "state"]
    if told and not changes and said.objects:
        also = _SO_WAS.match(clause) or (_TOO.search(clause) and len(words_of(clause)) <= _SHORT)
        if also and not found.same:  # "so was the tv", "the bed too"
            return [
                replace(a, text=clause, objects=(name,), colors=NOTHING_SAID, places=NOTHING_SAID)
                for name in said.objects
                for a in {a.change: a for a in told}.values()
            ]
        if _IS_NOT.search(clause) and told[0].kind == "difference":  # "the zebra moved, the giraffe did not"
            return [replace(said, kind="sameness", objects=(name,), change=told[0].change) for name in said.objects]
        if _IS_NOT.search(clause) and not found.same:  # "the table is the same, the vase is not"
            return [replace(said, objects=(name,), change=None) for name in said.objects]
    if changes:
        near = _nearest(found) if len(changes) > 1 and len(said.objects) > 1 else {}
        return [
            replace(said, objects=(name,), change=change)
            for name in said.objects
            for change in ([near[name]] if name in near else changes)
        ]
    none_counted = not said.objects and _CONTENTS.search(clause) and find_count(clause) == 0
    if found.same or none_counted or (said.objects and stays(clause)):
        rest = bool(_REST.search(clause))
        if rest and _SUCH_AS.search(clause):  # "all other objects, including the oven", "the rest of the room"
            said = replace(said, objects=())
        is_denied = not said.objects and (_EXCEPT.search(clause) or (_NEARLY.search(clause) and not rest))
        return [] if is_denied else sameness(clause, said, found.same, rest)
    return presence_in_both(clause, found, said) or state(clause, found, said, context.picture)


def _nearest(found: Mentions) -> dict[str, str]:
    """Of each object the change that stands nearest: "the car (color) and the dog (missing)"."""
    named = [change for change in found.types if change.value != "unknown"]
    if not named:
        return {}
    return {m.value: min(named, key=lambda change: abs(change.start - m.start)).value for m in found.objects}
