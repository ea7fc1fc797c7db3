"""The setting `controls` of a dataset: of which kinds, and of how many base pairs per split."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field, create_model

from spd_faith.core.config_errors import error_at, raise_errors
from spd_faith.core.entries import LEFT_OUT_AT_DEFAULT, Name, Strict
from spd_faith.dataset.control_kinds import CONTROLS

_PAIRS = "number of base pairs per split, for example 8, or by split, for example {multi_diff: 8}; default: none"


def _numbers(value: Any) -> Any:
    counts = list(value.values()) if isinstance(value, Mapping) else [value]
    if not all(type(count) is int and count >= 0 for count in counts):
        raise ValueError("not a number of pairs")
    if isinstance(value, Mapping) and not all(isinstance(split, str) for split in value):
        raise ValueError("a split that YAML does not read as text: put it in quotes")
    return value


_Pairs = Annotated[int | dict[Name, int], BeforeValidator(_numbers)]


class _ControlSettings(Strict):
    seed: int = Field(default=0, ge=0)
    """Seed of the choice of base pairs; the demo uses its own."""

    def base_pairs(self, kind: str, split: str) -> int:
        """Max number of base pairs of a kind in a split."""
        pairs: int | dict[str, int] = getattr(self, kind)
        return pairs if isinstance(pairs, int) else pairs.get(split, 0)

    def max_base_pairs(self, split: str) -> int:
        """Max number of base pairs in a split, over all kinds."""
        return max(self.base_pairs(kind, split) for kind in CONTROLS)

    def estimated_pairs(self, sizes: Mapping[str, int | None]) -> dict[str, int]:
        """Estimated number of controls by kind, one per base pair; `sizes` are the pairs of each split, if known."""
        return {
            kind: sum(
                wanted if size is None else min(wanted, size)
                for split, size in sizes.items()
                for wanted in [self.base_pairs(kind, split)]
            )
            for kind in CONTROLS
        }

    def check_splits(self, place: str, splits: Collection[str]) -> None:
        """Raise `UserError` for splits that the dataset does not have; `place` names the file and the entry."""
        named = {kind: pairs for kind in CONTROLS if isinstance(pairs := getattr(self, kind), dict)}
        raise_errors(
            error_at(f"{place}.controls.{kind}", "no such split", split, splits)
            for kind, pairs in named.items()
            for split in pairs
            if split not in splits
        )


if TYPE_CHECKING:

    class Controls(_ControlSettings):
        """The settings, with a field for each kind of `CONTROLS`."""

else:
    Controls = create_model(
        "Controls",
        __base__=_ControlSettings,
        **{kind: (Annotated[_Pairs, LEFT_OUT_AT_DEFAULT], Field(default=0, description=_PAIRS)) for kind in CONTROLS},
    )
