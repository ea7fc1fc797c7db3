"""Which models of a run are variants of others, and what each is compared with."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from spd_faith.core.entries import ModelEntry, identity


@dataclass(frozen=True)
class Variant:
    """A model that is another one of the run, changed on purpose."""

    base: str | None
    """Key of the model without the change; None if the run has none."""
    method: str
    """What is changed: its name and source."""
    is_placebo: bool = False
    """Whether it does as much as the change, but not what the change is meant to do."""
    placebos: tuple[str, ...] = ()
    """Keys of the placebos of the same change of the same model; a placebo has none."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"placebos": list(self.placebos)}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Variant":
        return cls(**{**content, "placebos": tuple(content["placebos"])})

    @property
    def role(self) -> str:
        return PLACEBO if self.is_placebo else VARIANT


MODEL, VARIANT, PLACEBO = ROLES = ("model", "variant", "placebo")
"""What a model of a run is; only a `model` is ranked."""


def variants_of(models: Mapping[str, ModelEntry]) -> dict[str, Variant]:
    """The variants among the models of a run, by key, from what their entries declare as changed.

    The base is the model with the same identity but for the change; of several equal ones, the first by key.
    """
    changes = {name: change for name in sorted(models) if (change := models[name].change())}
    unchanged = {name: identity(models[name]) for name in sorted(models) if name not in changes}
    found = {}
    for name, change in changes.items():
        same = [other for other, of in changes.items() if (of.base, of.settings) == (change.base, change.settings)]
        found[name] = Variant(
            base=next((base for base, fields in unchanged.items() if fields == change.base), None),
            method=change.method,
            is_placebo=change.is_placebo,
            placebos=() if change.is_placebo else tuple(other for other in same if changes[other].is_placebo),
        )
    return found


def bases_of(variants: Iterable[Variant]) -> list[str]:
    """Keys of the models that have variants, sorted."""
    return sorted({variant.base for variant in variants if variant.base is not None})


def missing_comparisons(variants: Mapping[str, Variant]) -> Iterator[tuple[str, str]]:
    """What the run lacks to compare each variant: its key, and what is missing with how to add it, in Markdown."""
    in_use = {name for variant in variants.values() for name in variant.placebos}
    for name, variant in variants.items():
        if variant.base is None:
            yield name, f"there is no base model to compare it with. {_to_add('without', 'intervention')}"
        if not variant.is_placebo and not variant.placebos:
            yield name, f"there is no placebo to compare it with. {_to_add('with', 'placebo: true')}"
        if variant.is_placebo and name not in in_use:
            yield name, f"the run lacks its variant. {_to_add('without', 'placebo: true')}"


def _to_add(how: str, key: str) -> str:
    return f"Name in `models` an entry of models.yaml that is the same, but {how} `{key}`."


def compared_pairs(variants: Mapping[str, Variant]) -> list[tuple[str, str]]:
    """The pairs of models, keys of changed and reference, whose comparison says what a change does: each variant and
    placebo with its base, and each variant with its placebos."""
    return [
        (name, other)
        for name, variant in sorted(variants.items())
        for other in (*([] if variant.base is None else [variant.base]), *variant.placebos)
    ]
