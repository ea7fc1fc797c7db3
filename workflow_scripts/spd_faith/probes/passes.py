"""The measurements of one teacher-forced pass over an answer: the input of all probes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # declarations and tables of probes are read without torch
    import torch

    from spd_faith.probes.image_grid import ImageTokens

SEGMENTS = ("sink", "system", "opening", "picture_1", "picture_2", "user", "answer")
"""Each token of a prompt and its answer belongs to one segment: the first token; the system turn; what precedes the
images in the user's turn; each image (`picture_1` alone if they are merged); the rest of the prompt, including markers;
the answer so far."""

ICR_FORMS = ("simple", "relative", "original", "original_released")
"""Forms of the Information Contribution Rate (`icr`)."""


@dataclass(frozen=True)
class ClassLogits:
    """Logits of a few tokens of the vocabulary (`token_ids`, ascending) after the last layer; float32, on the CPU.

    The tokens are those of the user's question and of the answer, and the last one of the prompt.
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
    """A summary of an answer's states; float32, on the CPU."""

    mean_states: torch.Tensor
    """layers × width: the mean of the answer states after each layer."""
    prompt_states: torch.Tensor
    """layers × width: the last state of the prompt after each layer."""
    icr: torch.Tensor
    """layers × `ICR_FORMS`; nan if a form is not defined."""
    embeddings: torch.Tensor
    """width: the mean of the answer states before the first layer."""
    normed: torch.Tensor
    """width: the mean of the answer states after the last layer and the final norm."""
    normed_update: torch.Tensor
    """A number: the simple ICR of the last layer with the final norm."""


@dataclass(frozen=True)
class Pass:
    """The measurements of one answer, on the CPU, in float32.

    The largest is `image_attention`: layers × answer tokens × image tokens, 14 MB for 28 × 64 × 2,000.
    """

    dtype: str
    """Number format of the model's weights and activations."""
    greedy_agreement: float
    """Fraction of the answer's tokens that are also the likeliest in this pass: 1 in float32 for a greedy answer. It is
    lower if this number format gives different results in one pass and in generation token by token."""
    image_tokens: tuple[int, ...]
    """Number of tokens of each image; the images follow each other in `image_attention` and `logits`."""
    question_token_ids: torch.Tensor
    """Of the user's question."""
    last_prompt_token_id: int
    answer_token_ids: torch.Tensor
    by_layer: Mapping[str, torch.Tensor]
    """layers × measures of each `LayerProbe`, by its name; absent if the model does not support it."""
    attention_fractions: torch.Tensor
    """layers × answer tokens × `SEGMENTS`."""
    image_attention: torch.Tensor
    """layers × answer tokens × image tokens, averaged over heads."""
    hidden: HiddenStates
    logits: ClassLogits
    places: ImageTokens | None = None
    """Where the image tokens lie in the images; None if unknown."""

    @property
    def unsupported(self) -> Unmeasured:
        """The outcome for a probe that the model does not support."""
        return Unmeasured(self.dtype, "unsupported")


@dataclass(frozen=True)
class Unmeasured:
    """Why an answer has no measurements."""

    dtype: str
    status: str
    """One of `PROBE_STATUSES`."""
    error: str | None = None


_LONGEST_ERROR = 500


def failed(dtype: str, error: Exception) -> Unmeasured:
    """The outcome for an answer whose measurement raised this error."""
    return Unmeasured(dtype, "failed", f"{type(error).__name__}: {error}"[:_LONGEST_ERROR])


Outcome = Pass | Unmeasured
