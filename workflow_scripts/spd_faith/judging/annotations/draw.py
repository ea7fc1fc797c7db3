"""Draws the pairs whose answers people label: at random within each split, in proportion to its size."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from spd_faith.core.errors import UserError


class DrawnPair(NamedTuple):
    sample_id: str
    split: str
    probability: float
    """Pairs drawn from the split / all pairs of the split."""


def draw_pairs(samples: Sequence[Mapping[str, Any]], number: int, seed: int) -> list[DrawnPair]:
    """Draw `number` pairs, at least one from each split, in random order.

    `samples` are rows with `sample_id` and `split`, without controls. Raises `UserError` if that many cannot be drawn.
    """
    by_split: dict[str, list[str]] = defaultdict(list)
    for sample in samples:
        by_split[sample["split"]].append(sample["sample_id"])
    if not len(by_split) <= number <= len(samples):
        raise UserError(
            f"--pairs {number}: from {len(by_split)} (one for each split) to {len(samples)} (all pairs, without "
            "controls) can be drawn"
        )
    generator = np.random.default_rng(seed)
    drawn = []
    for split, count in allocate({split: len(ids) for split, ids in by_split.items()}, number).items():
        chosen = generator.choice(len(by_split[split]), count, replace=False)
        drawn += [DrawnPair(by_split[split][k], split, count / len(by_split[split])) for k in chosen]
    return [drawn[k] for k in generator.permutation(len(drawn))]


def allocate(sizes: Mapping[str, int], number: int) -> dict[str, int]:
    """How many of `number` each stratum gets: at least one, then whichever is furthest below its proportion."""
    given = Counter(dict.fromkeys(sizes, 1))
    total = sum(sizes.values())
    for _ in range(number - len(sizes)):
        open_strata = [name for name, size in sizes.items() if given[name] < size]
        given[max(open_strata, key=lambda name: number * sizes[name] / total - given[name])] += 1
    return dict(given)
