"""What an answer says without asserting it: possibilities, remarks on method, what it takes back."""

import re

_UNASSERTED = re.compile(
    r"^to (?:find|determine|identify|spot|check)\b"
    r"|\b(?:might|may|could(?! (?:not|see|find|spot|notice|identify|only)\b)|perhaps|possibly|potentially|maybe"
    r"|(?:is|['’]s) possible|whether|un(?:sure|clear)|not (?:entirely |quite )?(?:sure|certain|clear)"
    r"|(?:hard|difficult|impossible) to|can(?:not|['’]t) (?:tell|say|determine|judge|decide|make out)"
    r"|let['’]?s|let me|i (?:will|am going)|i['’]ll"
    r"|i (?:first |at first |initially )?thought|(?:would|['’]d) have said)\b",
    re.I,
)
_LEAD_IN = re.compile(
    r"(?:let me|let['’]?s|i will|i['’]ll|here (?:are|is)|to (?:find|determine|identify|spot|check))\b"
    r"[^:\n]{0,80}:\s(?=\S)",
    re.I,
)
_DOUBT_BUT = re.compile(
    r"[^.;]{0,40}?\b(?:not|n['’]t|un|hard to|difficult to|never) ?(?:\w+ ){0,4}?"
    r"(?:sure|certain|positive|tell|say|clear),? but\s",
    re.I,
)
_TAKEN_BACK = re.compile(
    r"\bi (?:first |at first |initially |originally )?thought\b[^.;]{0,80}?,? but (?:no,? )?"
    r"|(?:\b(?:no|oh|well|wait|actually|sorry)\b[\s,.]{1,3}){0,3}"
    r"\b(?:scratch that|strike that|i take (?:that|it|this) back|(?:i was|that(?:['’]s| is| was)) (?:wrong|incorrect)"
    r"|my mistake|but,? no(?=,)|on second thoughts?|correction|no,? wait|wait,? no|actually,? no(?! longer)"
    r"|let me correct)\b"
    r"[\s,.:;–—-]{0,4}",
    re.I,
)


def taking_back(clause: str) -> tuple[int, int] | None:
    """The span of the words by which a clause takes back what goes before them: "no, scratch that, "."""
    taken_back = _TAKEN_BACK.search(clause)
    return taken_back.span() if taken_back else None


def after_lead_in(clause: str) -> int:
    """Where a clause comes to the point: after "let me compare: ", "I am not sure, but "."""
    start = led_in.end() if (led_in := _LEAD_IN.match(clause)) else 0
    return doubt.end() if (doubt := _DOUBT_BUT.match(clause, start)) else start


def is_unasserted(clause: str) -> bool:
    """Whether a clause tells a possibility, a doubt or a plan. What "seems", "appears", is "probable" is asserted."""
    return bool(_UNASSERTED.search(clause))
