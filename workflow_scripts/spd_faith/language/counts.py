"""The number of differences that a text states."""

import re

_NUMBER_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty"
)

NUMBERS = {word: number for number, word in enumerate(_NUMBER_WORDS.split())}
"""The number words up to twenty."""

_DIGITS = r"(?<![\w.,/-])\d{1,9}(?![\w.,/]{0,9}\d)"
_NUMBER = rf"(?P<number>{_DIGITS}|\b(?:{'|'.join(NUMBERS)}|no|single|sole|only|couple of)\b)"
_NUMERAL = rf"(?P<number>{_DIGITS}|\b(?:{'|'.join(NUMBERS)}|none)\b)"
_NOUN = (
    r"(?:differences?|changes?|discrepanc(?:y|ies)|modifications?|alterations?|dissimilarit(?:y|ies)|variations?|diffs?)"
    r"\b"
)
_ADJECTIVE = (
    r"(?:(?:main|visible|key|notable|clear|small|distinct|subtle|noticeable|obvious|major|minor|total|single|other|such|"
    r"observable|significant|apparent|real|actual|visual|slight|big|important|of the|between the|objects? with) ){0,3}"
)
_COUNTED = re.compile(
    rf"{_NUMBER}(?: \(\d{{1,4}}\))? {_ADJECTIVE}{_NOUN}(?! in (?:color|colour|position)\b)", re.IGNORECASE
)
_LABELLED = re.compile(
    rf"\b(?:number of {_NOUN}|differences|changes|difference count|predicted_num|total|count|answer)"
    r"(?: (?:between the (?:two )?(?:pictures|images)|found|in total|count))?['\"]?\s{0,3}(?::|=|\bis\b|\bare\b)"
    rf"\s{{0,3}}[*_]{{0,2}}{_NUMERAL}(?!\s*[.,]?\d)",
    re.IGNORECASE,
)
_NOT_ANY = (
    r"(?:(?:not|cannot|can['’]t|don['’]t|didn['’]t|couldn['’]t) (?:see|find|notice|detect|have|spot|observe) any|"
    r"aren['’]t any|are not any|isn['’]t any|is not any|without any|not a single)"
)
_NO_DIFFERENCE = re.compile(
    rf"\b{_NOT_ANY} {_ADJECTIVE}{_NOUN}"
    r"|\b(?:(?:do|did) not|don['’]t|didn['’]t) differ\b"
    r"|\b(?:pictures|images|photos|they|both|scenes) (?:are|look|appear|seem)(?: to be)? "
    r"(?:(?:exactly|completely|totally|absolutely|entirely|perfectly) )?(?:the same|identical)\b"
    r"(?!,? (?:except|but|apart|other|save|with|size|in|scene|kind|room|place|style))",
    re.IGNORECASE,
)
_BARE = re.compile(rf"\W{{0,8}}{_NUMERAL}\W{{0,8}}", re.IGNORECASE)
_RANGE = re.compile(r"(?:\bor|\bto|-|–|/|\bnot|n['’]t) ?$", re.IGNORECASE)
_IN_TOTAL = re.compile(r"\b(?:total|altogether|in all|overall|therefore|in summary)\b", re.IGNORECASE)


def find_count(text: str) -> int | None:
    """The number of differences that a text states, or None; a stated total goes before the first count."""
    bare = _BARE.fullmatch(text.strip()) if len(text) < 40 else None
    if bare:
        return _number(bare["number"])
    found = []
    for match in _COUNTED.finditer(text):
        if match["number"].lower() == "no" and "other" in match.group().lower():
            continue  # "there are no other differences" counts nothing
        before = text[max(match.start() - 24, 0) : match.start()]
        if not _RANGE.search(before):
            found.append((match.start(), _number(match["number"]), bool(_IN_TOTAL.search(before + match.group()))))
    found += [(match.start(), _number(match["number"]), True) for match in _LABELLED.finditer(text)]
    found += [(match.start(), 0, False) for match in _NO_DIFFERENCE.finditer(text)]
    found.sort()
    totals = [number for _, number, total in found if total]
    if totals:
        return totals[-1]
    return found[0][1] if found else None


def _number(word: str) -> int:
    word = word.lower()
    if word.isdigit():
        return int(word)
    return NUMBERS.get(word, {"no": 0, "none": 0, "couple of": 2}.get(word, 1))
