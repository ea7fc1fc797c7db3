"""Merges repeated judgements of an answer: claims, majority labels, and their agreement."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev

from spd_faith.judging.claims import Claim
from spd_faith.judging.matching import match_claims, quotes_of
from spd_faith.judging.scores import GOOD


@dataclass(frozen=True)
class Agreed:
    """A claim with its majority label.

    `mean` is the fraction of the judgements with this claim that label it faithful or consistent, `spread` its standard
    deviation.
    """

    claim: Claim
    mean: float
    spread: float


def agreed_claims(metric: str, repeats: Sequence[Sequence[Claim]], answers: Sequence[str]) -> list[Agreed]:
    """The claims in at least half of the repeated judgements, in the order of their first occurrence.

    Claims are the same if they quote the same words (`match_claims`); the first claim of `cr` is the one about the
    verdicts. Of equally frequent labels the first one wins.
    """
    groups: list[list[Claim]] = []
    for claims in repeats:
        known = quotes_of(metric, [group[0] for group in groups], answers)
        pairs = {j: i for i, j in match_claims(known, quotes_of(metric, claims, answers), answers)}
        for j, claim in enumerate(claims):
            if j in pairs:
                groups[pairs[j]].append(claim)
            else:
                groups.append([claim])
    return [_agreed(metric, group) for group in groups if 2 * len(group) >= len(repeats)]


def _agreed(metric: str, group: Sequence[Claim]) -> Agreed:
    outcomes = [(claim.label, claim.error_type) for claim in group]
    chosen = group[outcomes.index(Counter(outcomes).most_common(1)[0][0])]
    good = [float(claim.label == GOOD[metric]) for claim in group]
    return Agreed(chosen, fmean(good), pstdev(good))
