"""What one teacher-forced pass tells of one answer: everything that the probes are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # probes are declared and their tables read without torch
    import torch

    from spd_faith.probes.image_grid import ImageTokens

SEGMENTS = ("sink", "system", "opening", "picture_1", "picture_2", "user", "answer")
"""Every token of a prompt with its answer belongs to one: the first token; the system turn; what precedes the pictures
in the user's turn; each picture (`picture_1` alone where they are merged); the rest of the prompt, markers included;
the answer so far."""

ICR_FORMS = ("simple", "relative", "original")
"""Of the Information Contribution Rate (`icr`)."""


@dataclass(frozen=True)
class ClassLogits:
    """Logits of a few tokens of the vocabulary (`token_ids`, ascending) after the last layer; float32, on the CPU.

    The tokens are those of the user's question and of the answer.
    """

    token_ids: torch.Tensor
    at_images: torch.Tensor
    """image tokens × token_ids."""
    at_question: torch.Tensor
    """tokens of the user's question × token_ids."""
    at_answer: torch.Tensor
    """answer states × token_ids."""


@dataclass(frozen=True)
class HiddenStates:
    """An answer's states in brief; float32, on the CPU."""

    mean_states: torch.Tensor
    """layers × width: the mean of the answer states after each layer."""
    prompt_states: torch.Tensor
    """layers × width: the last state of the prompt after each layer."""
    icr: torch.Tensor
    """layers × `ICR_FORMS`; nan where a form is not defined."""


@dataclass(frozen=True)
class Pass:
    """The measurements of one answer, on the CPU, in float32.

    The largest is `image_attention`: layers × answer tokens × image tokens, 14 MB for 28 layers, 64 and 2,000 tokens.
    """

    dtype: str
    """Number format of the model's weights and activations."""
    greedy_agreement: float
    """Share of the answer's tokens that this pass, too, finds the likeliest: 1 in float32 for a greedy answer. Where
    it is less, numbers of this format differ between one pass and generation token by token."""
    image_tokens: tuple[int, ...]
    """How many image tokens each picture has; they follow each other in `image_attention` and `logits`."""
    question_token_ids: torch.Tensor
    """Of the user's question."""
    answer_token_ids: torch.Tensor
    by_layer: Mapping[str, torch.Tensor]
    """layers × measures of each `LayerProbe`, by its name; not there where the model lacks what it measures."""
    attention_shares: torch.Tensor
    """layers × answer tokens × `SEGMENTS`."""
    image_attention: torch.Tensor
    """layers × answer tokens × image tokens, averaged over heads."""
    hidden: HiddenStates
    logits: ClassLogits
    places: ImageTokens | None = None
    """Where the image tokens lie in the pictures; None where that is not known."""

    @property
    def unsupported(self) -> Unmeasured:
        """Why a probe has no measurements where the model lacks what it measures."""
        return Unmeasured(self.dtype, "unsupported")


@dataclass(frozen=True)
class Unmeasured:
    """Why there is no pass for an answer."""

    dtype: str
    status: str
    """One of `PROBE_STATUSES`."""
    error: str | None = None


Outcome = Pass | Unmeasured
