"""What each pair contributes to the sums behind the control metrics: its own scores together with its base pair's."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spd_faith.core.controls import NO_CONTROL
from spd_faith.core.schemas import VERDICTS
from spd_faith.scoring.counts import FAILED_PARSES, NAMED, Differences
from spd_faith.scoring.formulas import Array
from spd_faith.scoring.metric_types import Columns
from spd_faith.scoring.metrics import YES_NO_TASKS
from spd_faith.scoring.tables import NUMERIC


@dataclass(frozen=True)
class PairScores:
    """One model's scores of some pairs, row by row."""

    columns: Columns
    """The numeric columns of SCORES."""
    lists: Mapping[str, Sequence[list[bool] | None]]
    """The columns NAMED."""
    is_failed: Array
    """1.0 where the description is empty, refused or cannot be parsed."""

    def __getitem__(self, name: str) -> Array:
        return self.columns[name]

    @property
    def have_verdicts(self) -> Array:
        """1.0 where both yes/no questions have an answer that can be read, else 0.0."""
        known = np.sum([self[f"n_{verdict}"] for verdict in VERDICTS], axis=0)
        return np.asarray(known == len(YES_NO_TASKS), float)

    @property
    def are_described(self) -> Array:
        """1.0 where the question to describe has an answer, or none by the model's failure, else 0.0."""
        return np.subtract(1.0, self["not_described"])


@dataclass(frozen=True)
class Pairs:
    """The pairs of one kind with one model's scores, row by row; a pair that is no control is its own base pair."""

    own: PairScores
    base: PairScores
    undone: Sequence[int]
    """The undone difference of the base pair; -1 for other kinds than undone."""
    has_own_category: Array
    """1.0 where no other difference of the base pair has the category of the undone one."""


def _identical(pairs: Pairs) -> dict[str, Array]:
    own, base = pairs.own, pairs.base
    known, judged = own.have_verdicts, (~np.isnan(own["drf"])).astype(float)
    both = known * base.have_verdicts
    return {
        "identical": known,
        "identical_differs": known * own["n_differs"],
        "identical_same": known * own["n_same"],
        "paired": both,
        "alarms": both * own["n_differs"],
        "hits": both * base["n_differs"],
        "reasoned": judged,
        "invented": judged * own["n_unfaithful"],  # whatever differs between the same images
    }


def _blind(pairs: Pairs) -> dict[str, Array]:
    own = pairs.own
    known, described = own.have_verdicts, own.are_described
    verdicts = {f"blind_{verdict}": known * own[f"n_{verdict}"] for verdict in VERDICTS}
    of_describe = {"blind_described": described, "blind_listed": described * own["n_listed"]}
    return verdicts | of_describe | {"blind": known, "blind_failed": described * own.is_failed}


ORDERED = ("ds", "dqr", "cr")  # headline metrics that do not depend on which image is first


def _swapped(pairs: Pairs) -> dict[str, Array]:
    sums: dict[str, Array] = {}
    for name in ORDERED:
        change = pairs.own[name] - pairs.base[name]
        sums |= {f"swapped_{name}": np.nan_to_num(change), f"swapped_{name}_pairs": (~np.isnan(change)).astype(float)}
    return sums


def _undone(pairs: Pairs) -> dict[str, Array]:
    counted = {"named": np.ones(len(pairs.undone)), "named_category": pairs.has_own_category}
    names = ("undone", "undone_kept", "others", "others_kept")
    sums: dict[str, Array] = {}
    for column, counts in _kept_of(pairs).items():
        sums |= {f"{name}_{column}": counts[:, at] * counted[column] for at, name in enumerate(names)}
    return sums


def _null_paste(pairs: Pairs) -> dict[str, Array]:
    sums: dict[str, Array] = {}
    for column, counts in _kept_of(pairs).items():
        sums |= {f"pasted_{column}": counts[:, 2], f"pasted_kept_{column}": counts[:, 3]}
    return sums


def _kept_of(pairs: Pairs) -> dict[str, Array]:
    """The four counts of `_kept` (pairs, 4) by each of NAMED."""
    found: dict[str, Array] = {}
    for column in NAMED:
        rows = zip(pairs.base.lists[column], pairs.own.lists[column], pairs.undone, strict=True)
        found[column] = np.array([_kept(*row) for row in rows], float).reshape(-1, 4)
    return found


def _kept(before: list[bool] | None, after: list[bool] | None, undone: int = -1) -> tuple[int, int, int, int]:
    """How many differences of a base pair are named, and how many of these still are: the undone one, and all others.

    Zeros if one of the two answers is missing.
    """
    if before is None or after is None:
        return 0, 0, 0, 0
    kept = [one and other for one, other in zip(before, after, strict=True)]
    of_undone = (int(before[undone]), int(kept[undone])) if undone >= 0 else (0, 0)
    return *of_undone, sum(before) - of_undone[0], sum(kept) - of_undone[1]


def _permuted(pairs: Pairs) -> dict[str, Array]:
    own = pairs.own
    given = ~np.isnan(own["permuted_type_matched"])
    sums = {"permuted": given.astype(float)}
    for name in ("permuted_type_matched", "permuted_category_matched", "n_listed", "n_gt"):
        sums[name] = np.where(given, own[name], 0.0)
    for name, column in (("drf", "permuted_drf"), ("dqr", "dqr"), ("ds", "ds"), ("cr", "cr")):
        scored = given & ~np.isnan(own[column])
        sums |= {f"permuted_{name}_sum": np.where(scored, own[column], 0.0), f"permuted_{name}_n": scored.astype(float)}
    return sums


_CONTRIBUTIONS: dict[str, Callable[[Pairs], dict[str, Array]]] = {
    "identical": _identical,
    "blind": _blind,
    "swapped": _swapped,
    "undone": _undone,
    "null_paste": _null_paste,
    NO_CONTROL: _permuted,
}


def base_pairs(rows: pa.Table, samples: pa.Table) -> pa.Table:
    """The rows of `samples` of the base pairs of `rows`, in their order; of a pair that is no control, its own."""
    base_ids = pc.coalesce(rows["base_sample_id"], rows["sample_id"])
    return samples.take(pc.index_in(base_ids.combine_chunks(), samples["sample_id"].combine_chunks()))


def contributions(kinds: tuple[str, ...], rows: pa.Table, base: pa.Table, scores: pa.Table) -> dict[str, Array]:
    """What each of `rows` of SAMPLES contributes to each sum of `kinds`, (rows,) by name; 0 to those of other kinds.

    `base` has their base pairs, as from `base_pairs`; `scores` is a table of SCORES of one model.
    """
    control = np.array(rows["control"].to_pylist(), dtype=object)
    sums: dict[str, Array] = {}
    for kind in kinds:
        inside = control == kind
        mask = pa.array(inside.astype(bool))
        for name, values in _CONTRIBUTIONS[kind](_pairs(rows.filter(mask), base.filter(mask), scores)).items():
            sums[name] = np.zeros(len(control))
            sums[name][inside] = values
    return sums


def _pairs(rows: pa.Table, base: pa.Table, scores: pa.Table) -> Pairs:
    undone = [-1 if number is None else number for number in rows["undone_difference"].to_pylist()]
    names = [Differences.of(differences or []).names for differences in base["differences"].to_pylist()]
    has_own_category = [at < 0 or of.count(of[at]) == 1 for at, of in zip(undone, names, strict=True)]
    return Pairs(_scores_of(rows, scores), _scores_of(base, scores), undone, np.array(has_own_category, float))


def _scores_of(rows: pa.Table, scores: pa.Table) -> PairScores:
    found = scores.take(pc.index_in(rows["sample_id"].combine_chunks(), scores["sample_id"].combine_chunks()))
    return PairScores(
        {name: found[name].to_numpy().astype(float) for name in NUMERIC},
        {name: found[name].to_pylist() for name in NAMED},
        np.array([status in FAILED_PARSES for status in found["parse_status"].to_pylist()], float),
    )
