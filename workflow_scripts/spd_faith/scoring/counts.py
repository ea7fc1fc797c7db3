"""The counts behind a sample's scores, from its truth, the model's three answers and the judge's claims."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from spd_faith.core.difference_types import DifferenceType
from spd_faith.core.schemas import CLAIM_LABELS, UNANSWERED
from spd_faith.language.categories import canonical_category
from spd_faith.scoring.formulas import matches, named

FAILED_PARSES = ("no_response", "empty", "failed")  # failures of the model, which score 0

Name = str | None  # None: unknown, which matches nothing


@dataclass(frozen=True)
class Differences:
    """A list of differences: the type and the category of each, lower case with single spaces."""

    types: tuple[Name, ...]
    names: tuple[Name, ...]

    @classmethod
    def of(cls, rows: list[dict[str, Any]]) -> "Differences":
        names = (" ".join((row["category"] or "").lower().split()) or None for row in rows)
        return cls(tuple(row["type"] for row in rows), tuple(names))

    def __len__(self) -> int:
        return len(self.types)

    @property
    def aliases(self) -> list[Name]:
        """The COCO category behind each name, or the name itself if it is not an alias."""
        return [name and (canonical_category(name) or name) for name in self.names]

    @property
    def pairs(self) -> list[tuple[str, str] | None]:
        """(type, category) of each difference; None if either is unknown."""
        both = zip(self.types, self.names, strict=True)
        return [None if kind is None or name is None else (kind, name) for kind, name in both]


@dataclass(frozen=True)
class AnsweredSample:
    """A sample's true differences and the model's answers to the three questions."""

    true: Differences
    predicted: Differences
    stated_num: int  # the number in the answer, or the length of its list
    verdicts: tuple[Name, Name]  # on "the same?" and "different?"; None if nobody answered or nobody can read it
    is_answered: bool
    is_described: bool  # or failed to be by the model's fault; False if nobody answered
    base: Differences  # the true differences of the pair that a control is made from; of another pair, its own

    @classmethod
    def of(
        cls,
        sample: Mapping[str, Any],
        base: Mapping[str, Any],
        describe: Mapping[str, Any],
        same: Mapping[str, Any],
        different: Mapping[str, Any],
    ) -> "AnsweredSample":
        """From a row of SAMPLES, that of its base pair (of a pair that is no control, its own), and three of PARSED."""
        stated = describe["predicted_num"]
        return cls(
            Differences.of(sample["differences"]),
            Differences.of(describe["differences"]),
            describe["listed_num"] if stated is None else stated,
            (same["verdict"], different["verdict"]),
            describe["parse_status"] not in FAILED_PARSES,
            describe["failure"] not in UNANSWERED,
            Differences.of(base["differences"]),
        )

    def named(self, part: str) -> list[bool] | None:
        """For each true difference of the base pair, whether the answer lists its `part`, an attribute of Differences.

        None if there is no answer.
        """
        return named(getattr(self.predicted, part), getattr(self.base, part)) if self.is_described else None


Count = Callable[[AnsweredSample], int]


def _of_type(kind: DifferenceType) -> dict[str, Count]:
    return {
        f"{kind}_matched": lambda a: min(a.predicted.types.count(kind), a.true.types.count(kind)),
        f"{kind}_predicted": lambda a: a.predicted.types.count(kind),
        f"{kind}_true": lambda a: a.true.types.count(kind),
    }


# each is a column of SCORES; aggregation starts from these
COUNTS: dict[str, Count] = {
    "n_gt": lambda a: len(a.true),
    "n_pred": lambda a: a.stated_num,
    "n_listed": lambda a: len(a.predicted),  # |P|
    "n_unclear": lambda a: a.verdicts.count("unclear"),  # or missing by the model's failure, of two
    "n_differs": lambda a: a.verdicts.count("differs"),
    "n_same": lambda a: a.verdicts.count("same"),
    "not_described": lambda a: int(not a.is_described),
    "type_matched": lambda a: matches(a.predicted.types, a.true.types),
    "category_matched": lambda a: matches(a.predicted.names, a.true.names),
    "alias_matched": lambda a: matches(a.predicted.aliases, a.true.aliases),
    "pair_matched": lambda a: matches(a.predicted.pairs, a.true.pairs),
    **{name: count for kind in DifferenceType for name, count in _of_type(kind).items()},
}

# also needed by the formulas of single samples, but never summed
FACTS: dict[str, Count] = {
    "is_answered": lambda a: int(a.is_answered),
    "n_unknown": lambda a: a.verdicts.count(None),
    "verdicts_agree": lambda a: int(a.verdicts in (("differs", "differs"), ("same", "same"))),
}

# for each true difference of the base pair, whether it is named; None without an answer
NAMED: dict[str, Callable[[AnsweredSample], list[bool] | None]] = {
    "named": lambda a: a.named("pairs"),
    "named_category": lambda a: a.named("names"),
}

CLAIM_COUNTS = tuple(f"n_{label}" for labels in CLAIM_LABELS.values() for label in labels)
