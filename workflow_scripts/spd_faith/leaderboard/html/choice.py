"""Which samples a page shows, if it cannot show all: stated, seeded, failures first."""

import random
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, zip_longest
from typing import Any

from spd_faith.core.controls import is_control

FAILED_FRACTION = 0.5
"""Of the bytes: how much samples with failures may take before others are chosen."""

HOW = (
    "drawn with seed {seed}, the same number from each split and kind of control in turn: those with failures first "
    "(for up to half of the room), then probed ones, then others; a control brings its base pair"
)


def choose(
    samples: Sequence[Mapping[str, Any]],
    failed: Collection[str],
    probed: Collection[str],
    fits: Callable[[str, float], bool],
    seed: int,
) -> list[str]:
    """The ids of the chosen samples, in the order of choice.

    `samples` have sample_id, split, control and base_sample_id; `failed` and `probed` are ids. `fits` takes a sample if
    it fits into a fraction of the room, and says whether it did.
    """
    bases = {row["sample_id"]: row["base_sample_id"] for row in samples}
    drawn = random.Random(seed).sample(sorted(bases), len(bases))
    place = {sample_id: number for number, sample_id in enumerate(drawn)}
    in_order = sorted(samples, key=lambda row: place.get(row["base_sample_id"], place[row["sample_id"]]))
    chosen: dict[str, None] = {}
    rounds: list[tuple[Callable[[str], bool], float]] = [
        (failed.__contains__, FAILED_FRACTION),
        (lambda one: one in probed and one not in failed, 1.0),
        (lambda one: one not in probed and one not in failed, 1.0),
        (failed.__contains__, 1.0),
    ]
    for is_wanted, fraction in rounds:
        for sample_id in _in_turn(row for row in in_order if is_wanted(row["sample_id"])):
            base = bases[sample_id]
            if base in bases and base not in chosen and fits(base, fraction):
                chosen[base] = None
            if sample_id not in chosen and (base not in bases or base in chosen) and fits(sample_id, fraction):
                chosen[sample_id] = None
    return list(chosen)


def _in_turn(samples: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The ids of samples, taken from each split and kind of control in turn; pairs of the dataset before controls."""
    groups: dict[tuple[bool, str, str], list[str]] = {}
    for row in samples:
        groups.setdefault((is_control(row), row["split"], row["control"]), []).append(row["sample_id"])
    ordered = [groups[key] for key in sorted(groups)]
    yield from (one for one in chain.from_iterable(zip_longest(*ordered)) if one is not None)
