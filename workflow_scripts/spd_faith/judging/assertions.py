"""What an answer asserts, clause by clause: differences, states of one picture, sameness. No truth is known here."""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from spd_faith.parsing.changes import find_types
from spd_faith.parsing.clauses import split_clauses
from spd_faith.parsing.colors import find_colors
from spd_faith.parsing.counts import find_count
from spd_faith.parsing.objects import find_objects
from spd_faith.parsing.pictures import find_pictures
from spd_faith.parsing.places import find_places
from spd_faith.parsing.sameness import find_sameness
from spd_faith.parsing.words import Mention

Values = tuple[str | None, str | None]  # in the first and in the second picture; None where not said
NOTHING_SAID: Values = (None, None)


@dataclass(frozen=True)
class Assertion:
    """One thing that an answer asserts.

    `kind` is `difference`, `state` (of the picture `picture`: 0, 1 or None where not said) or `sameness`. `objects` are
    canonical names: one of a difference, any number otherwise; none of a sameness means the pictures as a whole.
    `change` is the type of a difference, or the respect in which something stays the same: color, remove, position,
    added, `other` (named, but none of these) or None (not said).
    """

    text: str
    kind: str
    objects: tuple[str, ...] = ()
    change: str | None = None
    picture: int | None = None
    colors: Values = NOTHING_SAID
    places: Values = NOTHING_SAID
    start: int = 0
    entry: tuple[int, int] | None = None  # list and number, where the answer numbers its differences
    another: bool = False  # "another chair"
    rest: bool = False  # "everything else"
    heading: bool = False
    is_verdict: bool = False  # says of the pictures themselves that they are the same

    @property
    def whole(self) -> bool:
        return self.kind == "sameness" and not self.objects

    @property
    def side(self) -> int:
        """Where a state keeps its color and place in `colors` and `places`."""
        return self.picture or 0

    @property
    def bare(self) -> bool:
        """Whether no color or place is said."""
        return self.colors == self.places == NOTHING_SAID

    def shares_object(self, other: "Assertion") -> bool:
        return any(same_name(one, two) for one in self.objects for two in other.objects)

    @property
    def topic(self) -> tuple[object, ...]:
        """What the assertion is about, its colors and places apart."""
        return self.kind, tuple(map(name_key, self.objects)), self.change, self.picture, self.rest

    def repeats(self, other: "Assertion") -> bool:
        """Whether this says what `other` said, or less."""
        mine, theirs = (*self.colors, *self.places), (*other.colors, *other.places)
        return self.topic == other.topic and all(a in (None, b) for a, b in zip(mine, theirs, strict=True))


def name_key(name: str) -> str:
    """A name without spaces and hyphens ("bed spread" is "bedspread")."""
    return name.translate(_JOINTS)


def same_name(one: str, two: str) -> bool:
    return name_key(one) == name_key(two)


_JOINTS = str.maketrans("", "", " -_'")


def off_side(one: str, two: str) -> bool:
    """Whether two places exclude each other: left and right, or top and bottom."""
    words = set(one.split()), set(two.split())
    return any(a in words[0] and b in words[1] for a, b in _OPPOSITES)


_OPPOSITES = (("left", "right"), ("right", "left"), ("top", "bottom"), ("bottom", "top"))


# ---------------------------------------------------------------------------------------------------------- reading

_MARKS = re.compile(r"\*\*|__|`")
_HEADING = re.compile(r"\s{0,9}(?:#{1,6}\s|(?:[-*\d.)]{1,4}\s{1,3})?\*\*[^*\n]{1,200}\*\*:?\s*$|[^\n]{1,200}:\s*$)")
_NUMBER = re.compile(r"[\s\-*#>(]{0,9}(?:(?:difference|change)\s?#?)?(\d{1,2})\s?[.):]", re.I)
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")
_ORDINAL = re.compile(rf"\W{{0,3}}(?:the\s)?({'|'.join(_ORDINALS)})(?:ly\b|\s?[,:]|\s(?:difference|change)\b)", re.I)
_CLOSING = re.compile(r"\W{0,3}(?:in (?:summary|conclusion|total)|summary|to sum up|overall|so,|therefore)", re.I)
_ANOTHER = re.compile(
    r"\b(?:another|one more|an additional|an? (?:second|third|fourth))\s"
    r"(?!picture|image|photo|place|position|location|spot|colou?r|shade|difference|change)",
    re.I,
)
_UNASSERTED = re.compile(
    r"^to (?:find|determine|identify|spot|check)\b"
    r"|\b(?:might|may|could(?! not)|perhaps|possibly|maybe|whether|un(?:sure|clear)"
    r"|not (?:entirely |quite )?(?:sure|certain|clear)|(?:hard|difficult|impossible) to|can(?:not|['’]t) (?:tell|say)"
    r"|let['’]?s|let me|i (?:will|am going)|i['’]ll)\b",
    re.I,
)
_LOOKING = re.compile(r"\b(?:compar|examin|inspect|analy[sz]|check|focus|consider|look(?:ed|ing)? at)", re.I)
_YES_NO = re.compile(r"(?:yes|yeah|no|nope)[\s,.:;–—-]{1,4}(?=(?:the|they|these|this|both|it|there|i|an?)\b)", re.I)
_EXCEPT = re.compile(r"\b(?:except|apart from|other than|aside from|besides|but for)\b", re.I)
_NEARLY = re.compile(r"\b(?:almost|nearly|mostly|largely|similar|alike|first glance|first sight|not only)\b", re.I)
_SIMILAR = re.compile(r"\bsimilar\b", re.I)
_REST = re.compile(r"\b(?:else|rest|others?|remaining|otherwise|further|additional)\b", re.I)
_CONTENTS = re.compile(
    r"\b(?:differences?|changes?|changed|nothing|everything|objects?|items?|things?|elements?|details?|none|else|rest"
    r"|others?|remaining|otherwise|colou?rs?|positions?|locations?)\b",
    re.I,
)
_PRONOUN = re.compile(
    r"\b(?:it|its|this|that|he|she|his|her|one)\b|\bthe (?:colou?r|position|location|object|item)\b", re.I
)
_PICTURES_MEANT = re.compile(
    r"\b(?:pictures|images|photos|scenes|both|everything|nothing|none)\b"
    r"|\bno (?:\w+ )?(?:object|item|thing|one|difference|change)s?\b",
    re.I,
)
_VAGUE = re.compile(r"chang|differ|alter|modif|same|identical|match|alike|unlike|inconsistent|dissimilar", re.I)
_NOW = re.compile(r"\b(?:now|instead)\b", re.I)
_NO_MORE = re.compile(r"(?:\bnot|n['’]t)\b.{1,40}\bany ?more\b", re.I)
_LACKS = re.compile(
    r"\b(?:(?:does|do|did)(?: not|n['’]t)|(?:contains?|shows?|has|have) (?:neither|none)|lacks)"
    r"(?: (?:have|contain|show|include))?(?: (?:of )?(?:it|them|one|any|these|those|the two))?\W{0,3}$",
    re.I,
)
_ANY_CHANGE = re.compile(r"\b(?:or|nor) (?:been )?chang|\bchanged? (?:or|nor)\b", re.I)
_WAS = re.compile(r"\b(?:was|were|used to be)\b", re.I)
_IS_THERE = re.compile(
    r"\bthere['’]s\b|\b(?:shows?|contains?|depicts?|displays?|features?|includes?|has|have|see|present|visible|is|are|was"
    r"|were|sits?|stands?|lies)\b",
    re.I,
)
_STAYED = re.compile(
    r"\b(?:stay|remain)(?:s|ed)? (?:put|in (?:its )?place|where (?:it|they) (?:was|were|is|are))\b", re.I
)
_IN_BOTH = re.compile(
    r"\bin both\b|\b(?:both|two)(?: (?:pictures|images|photos))? (?:show|contain|have|depict|display|feature|include)",
    re.I,
)
_SO_WAS = re.compile(r"so (?:is|was|are|were|has|have|did|does|do)\b", re.I)
_JOINT = re.compile(r",?\s(?:and|but|while|whereas|although|though)\s|,\s", re.I)


@dataclass
class _Context:
    """What the earlier clauses leave to be understood."""

    objects: tuple[str, ...] = ()
    changes: list[str | None] = field(default_factory=list)
    picture: int | None = None
    sentence: int = -1
    entry: tuple[int, int] | None = None


def read_assertions(text: str) -> list[Assertion]:
    """Everything that a text asserts, in its order, repetitions and all."""
    plain = _MARKS.sub(lambda mark: " " * len(mark.group()), text)
    lines = _Lines(text, plain)
    context = _Context()
    assertions: list[Assertion] = []
    clauses = split_clauses(plain)
    for clause, following in pairwise([*clauses, None]):
        line = lines.at(clause.start)
        context.entry = lines.entry(line, plain, clause.start, clause.text, context.entry)
        if line != context.sentence or plain[max(clause.start - 8, 0) : clause.start].rstrip()[-1:] in ".!?":
            context.picture = lines.picture(line)
        context.sentence = line
        if plain[clause.end : clause.end + 1] == "?" or _UNASSERTED.search(clause.text):
            continue
        excepted = following is not None and _EXCEPT.match(following.text)
        for start, part in _parts(clause.text):
            said = [
                replace(
                    a,
                    text=" ".join(a.text.split()),
                    start=clause.start + start,
                    entry=context.entry,
                    heading=lines.is_heading(line),
                )
                for a in _read(part, context)
            ]
            assertions += [a for a in said if not (a.whole and excepted)]
    return assertions


class _Lines:
    """The lines of an answer: which are headings, which are numbered, which picture a heading speaks of."""

    def __init__(self, text: str, plain: str) -> None:
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]
        lines = text.split("\n")
        self._headings = [bool(_HEADING.match(line)) for line in lines]
        self._numbers: list[int | None] = []
        self._pictures: list[int | None] = []
        picture = None
        for line, heading in zip(plain.split("\n"), self._headings, strict=True):
            number = _NUMBER.match(line)
            self._numbers.append(int(number[1]) if number else None)
            if heading or not line.strip():
                picture = _one_picture(find_pictures(line)) if heading else None
            self._pictures.append(picture)
        self._list = 0
        self._seen = -1

    def at(self, place: int) -> int:
        return bisect_right(self._starts, place) - 1

    def is_heading(self, line: int) -> bool:
        return self._headings[line]

    def picture(self, line: int) -> int | None:
        return self._pictures[line]

    def entry(
        self, line: int, plain: str, start: int, clause: str, earlier: tuple[int, int] | None
    ) -> tuple[int, int] | None:
        """The entry that a clause belongs to: its line's number or its own ordinal opens one, a summary closes all."""
        number = None
        if line != self._seen:
            number = self._numbers[line]
        self._seen = line
        if number is None and (ordinal := _ORDINAL.match(clause)):
            number = _ORDINALS.index(ordinal[1].lower()) + 1
        if number is None:
            return None if _CLOSING.match(plain, start) else earlier
        if earlier is None or number <= earlier[1]:
            self._list += 1
        return self._list, number


def _one_picture(mentions: Iterable[Mention]) -> int | None:
    values = {mention.value for mention in mentions}
    return ("first", "second").index(values.pop()) if len(values) == 1 and "both" not in values else None


class _Found(NamedTuple):
    """What a clause mentions."""

    objects: list[Mention]
    types: list[Mention]
    same: list[Mention]
    pictures: list[Mention]
    colors: list[Mention]
    places: list[Mention]


@lru_cache(maxsize=4096)  # answers repeat each other's clauses
def _find(text: str) -> _Found:
    objects, pictures = find_objects(text), find_pictures(text)
    same = [
        mention
        for mention in find_sameness(text)
        if mention.text.lower() != "in both" and not _one_thing(mention, objects, pictures)
    ]
    places = [place for place in find_places(text) if not _relative(text, place)]
    return _Found(objects, find_types(text), same, pictures, find_colors(text), places)


def _parts(clause: str) -> list[tuple[int, str]]:
    """A clause without its yes or no, cut where a difference meets a sameness ("moved, but its color is the same")."""
    answered = _YES_NO.match(clause)
    if answered:
        return [(answered.end() + start, part) for start, part in _parts(clause[answered.end() :])]
    found = _find(clause)
    if found.types and found.same and not _EXCEPT.search(clause):
        places = [[mention.start for mention in mentions] for mentions in (found.types, found.same)]
        first, second = sorted(places)
        if joint := _JOINT.search(clause, first[-1], second[0]):
            return [(0, clause[: joint.start()]), (joint.end(), clause[joint.end() :])]
    return [(0, clause)]


def _read(text: str, context: _Context) -> list[Assertion]:
    mentions, types, same, pictures, colored, placed = _find(text)
    exception = _EXCEPT.search(text)
    if exception:
        mentions = _excepted(text, mentions, exception)
    subjects = _subjects(text, mentions)
    objects = tuple(dict.fromkeys(mention.value for mention in subjects))
    understood = _PRONOUN.search(text) or types or _LACKS.search(text)
    if objects:
        context.objects = objects
    elif understood and not _PICTURES_MEANT.search(text):
        objects = context.objects
    picture = _one_picture(pictures)
    if picture is not None:
        context.picture = picture
    colors = _sides(text, colored, pictures, subjects)
    places = _sides(text, placed, pictures, [])
    said = Assertion(text, "difference", objects, colors=colors, places=places, another=bool(_ANOTHER.search(text)))

    changes = _changes(types, said, text, pictures)
    if exception and not changes:
        changes = [None]
    if not changes and _SO_WAS.match(text):
        changes = context.changes
    if changes:
        context.changes = changes
        return [replace(said, objects=(name,), change=change) for name in objects for change in changes]
    none_counted = not objects and _CONTENTS.search(text) and find_count(text) == 0
    if same or none_counted or (objects and (_SIMILAR.search(text) or _STAYED.search(text))):
        return _sameness(text, said, same)
    if objects and _IN_BOTH.search(text):
        respect = "color" if any(colors) else "position" if any(places) else "remove"
        return [replace(said, kind="sameness", change=respect, colors=(colors[0] or colors[1],) * 2)]
    return _state(text, said, mentions, context)


def _excepted(text: str, mentions: list[Mention], exception: re.Match[str]) -> list[Mention]:
    """The objects of an exception, up to its comma where it opens ("apart from the car, nothing changed")."""
    after = [mention for mention in mentions if mention.start > exception.end()]
    comma = text.find(",", exception.end()) if exception.start() == 0 else -1
    return [mention for mention in after if comma < 0 or mention.start < comma] or after or mentions


def _one_thing(same: Mention, objects: list[Mention], pictures: list[Mention]) -> bool:
    """Whether "same" only picks an object out ("the same car is blue"), rather than saying that it stays."""
    if same.text.lower() != "same" or any(picture.value == "both" for picture in pictures):
        return False
    return any(same.end < mention.start <= same.end + 2 for mention in objects)


def _changes(types: list[Mention], said: Assertion, text: str, pictures: list[Mention]) -> list[str | None]:
    """The types of change that a clause asserts; `[None]` for one that it does not name."""
    lack = _LACKS.search(text)
    if lack and not types and (shown := [p.value for p in pictures if p.end <= lack.start()]) and shown[-1] != "both":
        return ["remove" if shown[-1] == "second" else "added"]
    named = [t.value for t in types if t.value != "unknown"]
    if named:
        return list(dict.fromkeys(named))
    for kind, (before, after) in (("color", said.colors), ("position", said.places)):
        if kind == "color" and before and _NO_MORE.search(text):
            return [kind]
        contrast = before and after and (off_side(before, after) if kind == "position" else before != after)
        if contrast or (after and not before and types) or (after and _NOW.search(text) and not pictures):
            return [kind]
    if not types:
        return []
    return [None] if all(_VAGUE.search(t.text) for t in types) else ["other"]


def _sameness(text: str, said: Assertion, same: list[Mention]) -> list[Assertion]:
    respects = {t.value for mention in same for t in find_types(mention.text)}
    if not _ANY_CHANGE.search(text):
        respects -= {"unknown"}
    if _STAYED.search(text):
        respects = {"position"}
    change = respects.pop() if len(respects) == 1 and "unknown" not in respects else None
    whole = not said.objects
    if whole and (_NEARLY.search(text) or _EXCEPT.search(text)):
        return []
    kept = said.colors[0] or said.colors[1]
    return [
        replace(
            said,
            kind="sameness",
            change=change,
            colors=(kept, kept),
            rest=whole and bool(_REST.search(text)),
            is_verdict=whole and change is None and not _CONTENTS.search(text),
        )
    ]


def _state(text: str, said: Assertion, mentions: list[Mention], context: _Context) -> list[Assertion]:
    if not said.objects or _LOOKING.search(text):
        return []
    picture = context.picture
    if picture is None and not said.bare and _WAS.search(text):
        picture = 0
    if not (picture is not None or (_IS_THERE.search(text) and (mentions or not said.bare))):
        return []
    side = picture or 0
    colors, places = (
        tuple((values[0] or values[1]) if k == side else None for k in (0, 1)) for values in (said.colors, said.places)
    )
    return [replace(said, kind="state", picture=picture, colors=colors, places=places, another=False)]


# ----------------------------------------------------------------------------------------- subjects and their values

_FREE_WORDS = r"(?:(?!(?:the|a|an|his|her|its|their|some|is|are|was|were)\b)[\w-]+\s){0,2}"
_RELATED = re.compile(
    r"\b(?:on|in|at|near|by|besides?|under|behind|above|below|over|around|inside|against|along|between|with|from|to"
    r"|into|towards?|like|than|onto|next to|close to|closer to|in front of|instead of|riding|holding|wearing|carrying"
    r"|using|matching|(?:left|right|side|top|front|back|bottom|edge|corner|middle|center|centre) of)\s"
    rf"(?:(?:the|a|an|his|her|its|their|some|another)\s)?{_FREE_WORDS}$",
    re.I,
)
_JOINED = re.compile(
    rf"(?:,\s|,?\s(?:and|or|&|as well as|along with)\s)(?:(?:the|a|an|his|her|its)\s)?{_FREE_WORDS}$", re.I
)
_OF = re.compile(r"\s(?:side\s)?of\s(?:the|a|an|its)\s(?!picture|image|photo|scene|frame)", re.I)
_REACH = 48  # characters before a mention that can relate it to something


def _subjects(text: str, mentions: list[Mention]) -> list[Mention]:
    """The objects that a clause is about: not those that only say where; several only where they are coordinated."""
    free = [m for m in mentions if not _RELATED.search(text, max(m.start - _REACH, 0), m.start)] or mentions[:1]
    subjects = free[:1]
    for before, mention in pairwise(free):
        if not _JOINED.fullmatch(text, before.end, mention.start):
            break
        subjects.append(mention)
    return subjects


def _relative(text: str, place: Mention) -> bool:
    """Whether a place is told by another object: "left of the chair"."""
    return bool(_OF.match(text, place.end))


_LINK = r"\s(?:(?:the|a|an|its|being|in|at|on|color|colour|far|of)\s){0,3}$"
_LEAVES = re.compile(
    rf"(?:\b(?:from|originally|initially|previously|formerly|instead of|no longer|not)|n['’]t){_LINK}", re.I
)
_REACHES = re.compile(rf"(?:\b(?:to|into|now|becomes?|became|become|turns?|turned|towards?)|->|→|=>){_LINK}", re.I)
_WAS_SO = re.compile(rf"\b(?:was|were|before){_LINK}", re.I)
_IS_SO = re.compile(rf"\b(?:is|are|appears){_LINK}", re.I)
_TO_ANOTHER = re.compile(r"\s?(?:to|into|->|→|=>)\s", re.I)


def _sides(text: str, values: list[Mention], pictures: list[Mention], subjects: list[Mention]) -> Values:
    """Which value belongs to which picture: by the words before it, the picture beside it, tense, order."""
    named = [picture for picture in pictures if picture.value != "both"]
    ranked = sorted((_side(text, value, values, named, subjects), k) for k, value in enumerate(values))
    sides: list[str | None] = [None, None]
    for (*_, side), k in ranked:
        free = next((at for at in (side, 1 - side) if sides[at] is None), None)
        if free is not None and values[k].value not in sides:
            sides[free] = values[k].value
    return sides[0], sides[1]


def _side(
    text: str, value: Mention, values: list[Mention], named: list[Mention], subjects: list[Mention]
) -> tuple[int, int, int]:
    """How weak the sign is that tells a value's picture, how far it stands, and the picture: 0 or 1."""
    window = max(value.start - _REACH, 0), value.start
    if _LEAVES.search(text, *window) or _TO_ANOTHER.match(text, value.end):
        return 0, 0, 0
    if _REACHES.search(text, *window):
        return 0, 0, 1
    if named:
        earlier = [picture for picture in named if picture.start < value.start]
        later = [picture for picture in named if picture.start > value.start]
        # "red in the first, blue in the second", or "in the first it is red, in the second blue"
        picture = later[0] if later and (not earlier or values[0].start < named[0].start) else earlier[-1]
        return 1, abs(picture.start - value.start), 0 if picture.value == "first" else 1
    if _WAS_SO.search(text, *window):
        return 2, 0, 0
    if _IS_SO.search(text, *window):
        return 2, 0, 1
    described = any(value.end < subject.start <= value.end + 2 for subject in subjects)
    return 3, 0, 0 if described or len(values) > 1 else 1


# ---------------------------------------------------------------------------------------------------------- folding


def fold(assertions: list[Assertion]) -> list[Assertion]:
    """Leave out what other assertions say in full, and read two states in contrast as the difference they amount to.

    Left out are headings, and changes that are not named, of an object that something more is said of, and states and
    samenesses said before. Of two contrasting states the later becomes a difference, unless one is asserted anyway.
    Differences said twice stay: whether the second is a repetition or counts is for the judge.
    """
    told = defaultdict(set)  # of each object, outside headings: the changes that are named, and the other kinds
    for said in assertions:
        for name in said.objects:
            if not said.heading:
                told[name_key(name)].add((said.kind, said.change))
    kept: list[Assertion] = []
    alike: dict[tuple, list[Assertion]] = defaultdict(list)
    states: dict[str, list[Assertion]] = defaultdict(list)
    for said in assertions:
        names = [name_key(name) for name in said.objects]
        more = set().union(*(told[name] for name in names))
        vague = said.kind == "difference" and said.change is None
        if said.heading and more:
            continue
        if vague and any(kind == "state" or (kind == "difference" and change) for kind, change in more):
            continue
        if said.kind == "state":
            earlier = [other for name in names for other in states[name]]
            said = _contrast(said, earlier, {change for kind, change in more if kind == "difference"})
        if said.kind == "difference" and said.change:
            kept.append(said)
        elif not any(said.repeats(earlier) for earlier in alike[said.topic]):
            kept.append(said)
            alike[said.topic].append(said)
            if said.kind == "state":
                for name in names:
                    states[name].append(said)
    return kept


def _contrast(state: Assertion, earlier: list[Assertion], asserted: set[str | None]) -> Assertion:
    """The difference that a state makes with an earlier state of the other picture, or the state itself."""
    for other in earlier:
        if {state.picture, other.picture} != {0, 1}:
            continue
        colors = tuple(a or b for a, b in zip(state.colors, other.colors, strict=True))
        places = tuple(a or b for a, b in zip(state.places, other.places, strict=True))
        change = None
        if all(colors) and colors[0] != colors[1]:
            change = "color"
        elif all(places) and off_side(*places):
            change = "position"
        if change and change not in asserted:
            name = next(one for one in state.objects for two in other.objects if same_name(one, two))
            return replace(
                state, kind="difference", objects=(name,), change=change, picture=None, colors=colors, places=places
            )
    return state
