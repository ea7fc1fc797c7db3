"""A claim of an answer with the label that a judge gives it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

SEVERITY = {
    "type_category_mismatch": "critical",
    "fabrication": "critical",
    "type_confusion": "moderate",
    "attribute_error": "minor",
}


@dataclass(frozen=True)
class Claim:
    """A claim of an answer and its label.

    `label` is one of `core.schemas.CLAIM_LABELS`, or `INVENTED`. An unfaithful claim has an `error_type`, which
    determines `severity`. `other_text` is the passage of the other answer that a consistency label refers to.
    """

    text: str
    label: str
    other_text: str | None = None
    error_type: str | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """The claim in a struct of `core.schemas.JUDGEMENTS`."""
        return cls(row["text"], row["label"], row["other_text"], row["error_type"])

    @property
    def severity(self) -> str | None:
        return SEVERITY[self.error_type] if self.error_type else None

    def as_row(self) -> dict[str, str | None]:
        """The claim as a struct of `core.schemas.JUDGEMENTS`."""
        return {
            "text": self.text,
            "other_text": self.other_text,
            "label": self.label,
            "error_type": self.error_type,
            "severity": self.severity,
        }
