"""Detects refusals."""

import re

from spd_faith.language.lexicon import LexiconFile, PhraseList, any_of, load_lexicon


class _Refusals(LexiconFile):
    who: PhraseList
    very: PhraseList
    sorry: PhraseList
    regrets: PhraseList
    as_a: PhraseList
    but: PhraseList
    cannot: PhraseList
    be_able_to: PhraseList
    what: PhraseList


_WORDS = load_lexicon("refusals", _Refusals)
_REFUSAL = re.compile(
    rf"\A\W{{0,5}}(?:(?:{any_of(_WORDS.who)}\s?)?(?:{any_of(_WORDS.very)} )?{any_of(_WORDS.sorry)}"
    rf"|{any_of(_WORDS.regrets)}|{any_of(_WORDS.as_a)} \w+(?: \w+){{0,3}})?"
    rf"[\s,.:;—–-]{{0,5}}(?:{any_of(_WORDS.but)} )?{any_of(_WORDS.cannot)}"
    rf" (?:{any_of(_WORDS.be_able_to)} )?{any_of(_WORDS.what)}\b",
    re.I,
)


def opens_with_refusal(text: str) -> bool:
    """Whether a text starts with a refusal: "I am sorry, but I cannot help …"."""
    return bool(_REFUSAL.match(text))
