"""How far the `max_usd` of models and judges goes: the calls it pays for, and the pairs of images they cover."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from spd_faith.core.paths import ResultPaths
from spd_faith.endpoints.charges import Charges, ledger_of
from spd_faith.planning.estimates import Work
from spd_faith.planning.judging import JudgeWork
from spd_faith.planning.work import ModelWork


@dataclass(frozen=True)
class Limited:
    """An entry with `max_usd` and remaining calls."""

    name: str
    what: str  # of its calls: questions, calls
    max_usd: float
    spent_usd: float
    needed_usd: float
    """The estimated `max_usd` with which it would make all its calls."""
    left: int
    payable: int
    """The estimated number of remaining calls that it makes before it stops."""
    pairs: int
    """The pairs of images for which it has then made all calls."""

    @property
    def stops(self) -> bool:
        """Whether it stops before all its calls are made."""
        return self.payable < self.left


def limited_entries(
    models: Iterable[ModelWork], judging: Sequence[JudgeWork], paths: ResultPaths, pairs: int, tasks: int
) -> list[Limited]:
    """The models and judges with `max_usd` and remaining calls, over `pairs` pairs with `tasks` questions about each.

    Models ask all questions about a pair before the next one, and about controls last. A judge's calls are spread over
    models and metrics, so it covers the same fraction of the pairs as of its calls.
    """
    found = [
        _limited(one.model, "questions", [one], paths.response_journal(one.model), lambda made: made // tasks, pairs)
        for one in models
    ]
    for payer in sorted({one.payer for one in judging}):
        work = [one for one in judging if one.payer == payer]
        calls = sum(one.calls for one in work)
        covered = partial(_fraction, pairs, calls)
        found.append(_limited(payer, "calls", work, paths.judgement_journal(payer), covered, pairs))
    return [one for one in found if one]


def _fraction(pairs: int, calls: int, made: int) -> int:
    return pairs * made // calls if calls else pairs


def _limited(
    name: str, what: str, work: Sequence[Work], journal: Path, covered: Callable[[int], int], pairs: int
) -> Limited | None:
    left = sum(one.left for one in work)
    budgets = [one.budget for one in work if one.budget]
    if not budgets or left <= 0:
        return None
    usd, largest = sum(one.usd or 0.0 for one in work), max(budget.max_call_usd for budget in budgets)
    spent = Charges(ledger_of(journal)).spent_usd()
    payable = int(min(left, payable_calls(budgets[0].max_usd - spent, usd / left, largest)))
    made = sum(one.done for one in work) + payable
    needed = spent + usd + largest
    return Limited(name, what, budgets[0].max_usd, spent, needed, left, payable, min(pairs, covered(made)))


def payable_calls(available_usd: float, call_usd: float, max_call_usd: float) -> float:
    """The number of calls at `call_usd` until `max_call_usd`, the bound of a call, does not fit any more."""
    if available_usd < max_call_usd:
        return 0
    calls = (available_usd - max_call_usd) / call_usd if call_usd else math.inf
    return math.floor(calls + 1e-9) + 1 if math.isfinite(calls) else math.inf
