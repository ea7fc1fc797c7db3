"""The setting `limit` of a dataset: the first pairs of each split, or a stratified random sample of them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field

from spd_faith.core.entries import Strict
from spd_faith.core.files import sha256

if TYPE_CHECKING:
    from spd_faith.dataset.pairs import Pair


def draw_hash(seed: int, sample_id: str) -> str:
    """The hash by whose order pairs are drawn: it depends on no other pair."""
    return sha256(f"{seed}/{sample_id}")


class RandomSample(Strict):
    """A random sample of each split, stratified by the number of differences."""

    pairs: int = Field(ge=1)
    """Max pairs per split."""
    seed: int = Field(default=0, ge=0)
    """Seed of the draw; a larger sample with the same seed has all pairs of a smaller one."""

    def drawn(self, differences: Mapping[str, int]) -> set[str]:
        """The drawn pairs of one split, given the number of differences of each sample id.

        In each stratum, pairs are drawn in the order of their hashes. The k-th of a stratum of s pairs is the
        (k − ½)/s-th part of it, and the smallest parts of all strata are drawn, which is the allocation of Webster and
        Sainte-Laguë: proportional and, unlike largest remainders, without a stratum that shrinks as the sample grows.
        """
        strata: dict[int, list[tuple[str, str]]] = defaultdict(list)
        for sample_id, number in differences.items():
            strata[number].append((draw_hash(self.seed, sample_id), sample_id))
        order = [
            ((2 * place + 1) / len(stratum), hashed, sample_id)
            for stratum in strata.values()
            for place, (hashed, sample_id) in enumerate(sorted(stratum))
        ]
        return {sample_id for *_, sample_id in sorted(order)[: self.pairs]}


def _is_count(value: Any, lowest: int) -> bool:
    return type(value) is int and value >= lowest


def _checked(value: Any) -> Any:
    """The value of `limit`; one error for both forms, instead of one for each."""
    if isinstance(value, Mapping):
        is_valid = set(value) <= {"pairs", "seed"} and _is_count(value.get("pairs"), 1)
        is_valid = is_valid and _is_count(value.get("seed", 0), 0)
    else:
        is_valid = value is None or isinstance(value, RandomSample) or _is_count(value, 1)
    if not is_valid:
        raise ValueError("neither a number of pairs, 1 or more, nor {pairs: NUMBER, seed: SEED}")
    return value


Limit = Annotated[Annotated[int, Field(ge=1)] | RandomSample | None, BeforeValidator(_checked)]


def limited(limit: Limit, pairs: int | None) -> int | None:
    """The number of pairs of a split that a limit leaves, at most; None if unknown."""
    most = limit.pairs if isinstance(limit, RandomSample) else limit
    return most if pairs is None else min(pairs, most or pairs)


def first_pairs(limit: Limit) -> int | None:
    """The number of first pairs of a split that count; None: all, or a sample of all."""
    return None if isinstance(limit, RandomSample) else limit


def drawn_pairs(limit: Limit, found: Iterable["Pair | str"]) -> Iterator["Pair | str"]:
    """The pairs that a random sample draws, in their order, and all errors; everything for another limit."""
    if not isinstance(limit, RandomSample):
        yield from found
        return
    found = list(found)
    splits: dict[str, dict[str, int]] = defaultdict(dict)
    for pair in found:
        if not isinstance(pair, str):
            splits[pair.split][pair.sample_id] = len(pair.truth.modifications)
    drawn = set().union(*map(limit.drawn, splits.values()))
    yield from (pair for pair in found if isinstance(pair, str) or pair.sample_id in drawn)
