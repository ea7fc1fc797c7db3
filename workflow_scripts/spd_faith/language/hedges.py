"""Finds what an answer says without asserting it: possibilities, remarks on method, retractions."""

import re

from spd_faith.language.lexicon import LexiconFile, PhraseList, any_of, load_lexicon


class _Hedges(LexiconFile):
    doubts: PhraseList
    could: PhraseList
    could_do: PhraseList
    thoughts: PhraseList
    former_thoughts: PhraseList
    plans: PhraseList
    lead_ins: PhraseList
    denying: PhraseList
    doubted: PhraseList
    but: PhraseList
    interjections: PhraseList
    taking_back: PhraseList
    but_no: PhraseList
    actually_no: PhraseList
    longer: PhraseList
    no: PhraseList


_HEDGES = load_lexicon("hedges", _Hedges)
_UNASSERTED = re.compile(
    rf"^{any_of(_HEDGES.plans)}\b"
    rf"|\b(?:{any_of((*_HEDGES.doubts, *_HEDGES.thoughts))}"
    rf"|{any_of(_HEDGES.could)}(?! {any_of(_HEDGES.could_do)}\b))\b",
    re.I,
)
_LEAD_IN = re.compile(rf"{any_of((*_HEDGES.lead_ins, *_HEDGES.plans))}\b[^:\n]{{0,80}}:\s(?=\S)", re.I)
_DOUBT_BUT = re.compile(
    rf"[^.;]{{0,40}}?(?:\b{any_of(_HEDGES.denying)}) ?(?:\w+ ){{0,4}}?{any_of(_HEDGES.doubted)},?"
    rf" {any_of(_HEDGES.but)}\s",
    re.I,
)
_TAKEN_BACK = re.compile(
    rf"\b{any_of((*_HEDGES.thoughts, *_HEDGES.former_thoughts))}\b[^.;]{{0,80}}?,? {any_of(_HEDGES.but)}"
    rf" (?:{any_of(_HEDGES.no)} )?"
    rf"|(?:\b{any_of(_HEDGES.interjections)}\b[\s,.]{{1,3}}){{0,3}}"
    rf"\b(?:{any_of(_HEDGES.taking_back)}|{any_of(_HEDGES.but_no)}(?=,)"
    rf"|{any_of(_HEDGES.actually_no)}(?! {any_of(_HEDGES.longer)}))\b"
    r"[\s,.:;–—-]{0,4}",
    re.I,
)


def taking_back(clause: str) -> tuple[int, int] | None:
    """The span of a retraction in a clause: "no, scratch that, "."""
    taken_back = _TAKEN_BACK.search(clause)
    return taken_back.span() if taken_back else None


def after_lead_in(clause: str) -> int:
    """The position after an introduction such as "let me compare: ", "I am not sure, but "."""
    start = led_in.end() if (led_in := _LEAD_IN.match(clause)) else 0
    return doubt.end() if (doubt := _DOUBT_BUT.match(clause, start)) else start


def is_unasserted(clause: str) -> bool:
    """Whether a clause states a possibility, doubt or plan. "seems", "appears" and "probably" count as assertions."""
    return bool(_UNASSERTED.search(clause))
