"""Matches the claims of two judges about one sample by the words that they quote."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from spd_faith.judging.claims import Claim
from spd_faith.language.little_words import LITTLE_WORDS
from spd_faith.language.words import words_of
from spd_faith.parsing.verdicts import is_unread_verdict

_MIN_SHARED = 0.5  # of the words of the shorter quote


class Quotes(NamedTuple):
    """The words that a claim quotes from the answer (drf), or from the answers to "the same?" and "different?" (cr).

    A text may be None for cr. `is_verdict` marks the claim about the two verdicts (cr).
    """

    texts: tuple[str | None, ...]
    is_verdict: bool = False


def quotes_of(metric: str, claims: Sequence[Claim], answers: Sequence[str]) -> list[Quotes]:
    """The quotes of each claim of a judgement; `answers` as for `match_claims`.

    The first claim of `cr` is the one about the verdicts, unless one of them is in a language that cannot be read. A
    claim without `other_text` may quote either answer.
    """
    if metric == "drf":
        return [Quotes((claim.text,)) for claim in claims]
    quotes = []
    has_verdicts = not any(map(is_unread_verdict, answers))
    for number, claim in enumerate(claims):
        of_second = claim.other_text is None and len(answers) == 2 and _is_only_in_second(claim.text, answers)
        texts = (None, claim.text) if of_second else (claim.text, claim.other_text)
        quotes.append(Quotes(texts, is_verdict=has_verdicts and number == 0))
    return quotes


def _is_only_in_second(text: str, answers: Sequence[str]) -> bool:
    words = _words(text)
    return not _places(words, _words(answers[0])) and bool(_places(words, _words(answers[1])))


def match_claims(ours: Sequence[Quotes], theirs: Sequence[Quotes], answers: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs (ours, theirs) of claim indices: a one-to-one matching with the maximum number of shared words.

    `answers` are the judged texts, one per quote of a claim, or none if they are not available. Words are shared if
    they are at the same position in the answer; if a quote is not an exact piece of it, equal words count anywhere,
    except articles and similar words. Two claims can match if they share at least half of the words of the shorter
    quote, in each answer that both quote. Claims about the verdicts only match each other, whatever they quote. Ties
    keep the order of the claims.
    """
    if not ours or not theirs:
        return []
    texts = [_words(answer) for answer in answers]
    placed = [[_place(quotes, texts) for quotes in claims] for claims in (ours, theirs)]
    shared = np.zeros((len(ours), len(theirs)))
    for i, one in enumerate(ours):
        for j, other in enumerate(theirs):
            if one.is_verdict or other.is_verdict:
                shared[i, j] = one.is_verdict and other.is_verdict
            else:
                shared[i, j] = _shared(placed[0][i], placed[1][j])
    return best_pairs(shared)


def best_pairs(shared: npt.NDArray[np.float64]) -> list[tuple[int, int]]:
    """The one-to-one pairs of rows and columns with the maximum sum, without pairs of weight 0.

    `shared` (rows, columns) holds whole numbers, such as shared words. Ties keep the order of rows and columns.
    """
    rows, columns = np.indices(shared.shape)
    crossing = (rows - columns) ** 2 / (1 + shared.size * max(shared.shape))  # sums to less than one word
    found = linear_sum_assignment(shared - crossing * (shared > 0), maximize=True)
    return [(int(i), int(j)) for i, j in zip(*found, strict=True) if shared[i, j] > 0]


class _Placed(NamedTuple):
    words: Counter[str]
    places: list[frozenset[int]]  # word indices of each occurrence of the quote in the answer


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.text for word in words_of(text))


def _place(quotes: Quotes, texts: list[tuple[str, ...]]) -> list[_Placed | None]:
    placed: list[_Placed | None] = []
    for k, quote in enumerate(quotes.texts):
        words = _words(quote or "")
        content_words = Counter(word for word in words if word not in LITTLE_WORDS) or Counter(words)
        placed.append(_Placed(content_words, _places(words, texts[k]) if texts else []) if words else None)
    return placed


def _places(words: tuple[str, ...], text: tuple[str, ...]) -> list[frozenset[int]]:
    size = len(words)
    starts = (k for k in range(len(text) - size + 1) if text[k] == words[0]) if words else ()
    return [frozenset(range(k, k + size)) for k in starts if text[k : k + size] == words]


def _shared(one: list[_Placed | None], other: list[_Placed | None]) -> float:
    """The number of shared words in the answers that both quote; 0 if the claims cannot match."""
    total = 0
    for mine, yours in zip(one, other, strict=True):
        if mine is None or yours is None:
            continue
        if mine.places and yours.places:
            common = max(len(a & b) for a in mine.places for b in yours.places)
            shorter = min(len(mine.places[0]), len(yours.places[0]))
        else:
            common = (mine.words & yours.words).total()
            shorter = min(mine.words.total(), yours.words.total())
        if common < _MIN_SHARED * shorter:
            return 0
        total += common
    return total
