"""A model's answers scored against the truths of other pairs: what they would get without looking at the images.

The truths are permuted within split × number of differences. So DQR does not change, which depends on the number alone,
and DS and CR do not depend on the truth. The types and categories are matched under several permutations, and the
counts averaged. DRF is judged again by the judge `rules`, whichever judge scored the model, under the first of them.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spd_faith.core.controls import is_control
from spd_faith.core.files import check_keys
from spd_faith.core.schemas import UNANSWERED
from spd_faith.judging.reasoning import judge_reasoning
from spd_faith.judging.scores import score_claims
from spd_faith.scoring.counts import Differences
from spd_faith.scoring.formulas import matches
from spd_faith.scoring.tables import PERMUTED

PERMUTATIONS = 20
_SEED = 0
_NOBODY = -1

Row = Mapping[str, Any]


def permuted_truth(samples: pa.Table, parsed: pa.Table, responses: pa.Table) -> dict[str, list[float | None]]:
    """The columns PERMUTED of SCORES, one value per row of `samples`.

    Null for controls, for answers to the question to describe that failed in transport or were not asked, where no
    other pair is eligible, and (DRF) in a language that the rules cannot read. Raises UserError unless `parsed` and
    `responses` have one such answer per sample.
    """
    rows = samples.to_pylist()
    ids = [row["sample_id"] for row in rows]
    answers, texts = _described("parsed answers", parsed, ids), _described("responses", responses, ids)
    columns: dict[str, list[float | None]] = {name: [None] * len(rows) for name in PERMUTED}
    real = [place for place, row in enumerate(rows) if not is_control(row)]
    true = [Differences.of(rows[place]["differences"]) for place in real]
    strata = [f"{rows[place]['split']}/{len(rows[place]['differences'])}" for place in real]
    others = derangements(strata, [str(rows[place]["image_id"]) for place in real], PERMUTATIONS, _SEED)
    for number, place in enumerate(real):
        answer = answers[ids[place]]
        if others[0, number] == _NOBODY or answer["failure"] in UNANSWERED:
            continue
        listed = Differences.of(answer["differences"])
        given = [true[other] for other in others[:, number]]
        first = rows[real[others[0, number]]]
        values = (
            np.mean([matches(listed.types, one.types) for one in given]),
            np.mean([matches(listed.names, one.names) for one in given]),
            _reasoning(first, texts[ids[place]]["response_text"], answer),
        )
        for name, value in zip(PERMUTED, values, strict=True):
            columns[name][place] = None if value is None else float(value)
    return columns


def _described(what: str, table: pa.Table, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    rows = [row for row in table.to_pylist() if row["task"] == "describe"]
    check_keys(what, [row["sample_id"] for row in rows], ids)
    return {row["sample_id"]: row for row in rows}


def _reasoning(sample: Row, text: str, parsed: Row) -> float | None:
    score, _, _ = score_claims("drf", judge_reasoning(dict(sample), text, dict(parsed)))
    return score


def derangements(strata: Sequence[str], units: Sequence[str], permutations: int, seed: int) -> NDArray[np.int64]:
    """Random permutations (permutations, samples) within strata that give no sample to a sample of the same unit.

    `strata` and `units` have one entry per sample. -1 for every sample of a stratum without such a permutation: a
    stratum of one unit, or one of which a unit has more than half.
    """
    others = np.full((permutations, len(strata)), _NOBODY)
    members: dict[str, list[int]] = defaultdict(list)
    for sample, stratum in enumerate(strata):
        members[stratum].append(sample)
    generator = np.random.default_rng(seed)
    for stratum in sorted(members):
        inside = np.array(members[stratum])
        unit = np.unique([units[sample] for sample in inside], return_inverse=True)[1]
        largest = int(np.bincount(unit).max())
        if 2 * largest > len(inside):
            continue
        for permutation in others:
            permutation[inside] = _derangement(inside, unit, largest, generator)
    return others


def _derangement(
    inside: NDArray[np.int64], unit: NDArray[np.int64], largest: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """The units in a row in random order, shifted by at least the size of the largest in either direction."""
    order = np.lexsort((generator.random(len(inside)), generator.permutation(unit.max() + 1)[unit]))
    shift = generator.integers(largest, len(inside) - largest, endpoint=True)
    given = np.empty_like(inside)
    given[order] = inside[np.roll(order, shift)]
    return given
