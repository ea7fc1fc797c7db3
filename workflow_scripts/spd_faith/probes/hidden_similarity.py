"""Probe `hidden_similarity`: how similar the states behind the answers to "the same?" and "different?" are."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from spd_faith.probes.passes import ICR_FORMS, HiddenStates, Outcome, Pass, Unmeasured
from spd_faith.probes.probe import Probe, ProbeRun
from spd_faith.probes.tables import LAYER, measure_columns, measured, probe_schema, unmeasured

if TYPE_CHECKING:
    import torch

    from spd_faith.probes.figures.declared import ProbeFigures

CONTRASTED = (
    *("cosine", "cosine_prompt"),  # of the mean answer states; of the last prompt states
    "cosine_centred",  # of the mean answer states minus their mean over samples; null for one sample
    *(f"icr_{form}_{of}" for form in ("simple", "relative", "original") for of in ("same", "different", "divergence")),
    "score",  # cosine × (1 − min(divergence of the simple form, 1))
)
RELEASED = (  # second forms of a measure, so not contrasted
    *(f"icr_original_released_{of}" for of in ("same", "different", "divergence")),
    *("cosine_released", "icr_simple_released_same", "icr_simple_released_different"),
    # one number per sample, the same in each of its rows
    *("sample_cosine_released", "sample_divergence_released", "sample_score_released"),
)


def similarity(same: HiddenStates, different: HiddenStates) -> dict[str, "torch.Tensor"]:
    """The measures of one sample by layer, except those that need all samples.

    The score is the published one, per layer: cosine of the mean answer states × (1 − min(divergence, 1)), with the
    divergence of the simple ICR.
    """
    from torch.nn.functional import cosine_similarity

    cosine = cosine_similarity(same.mean_states, different.mean_states, dim=-1)
    divergence = (same.icr - different.icr).abs()
    columns = {
        "cosine": cosine,
        "cosine_prompt": cosine_similarity(same.prompt_states, different.prompt_states, dim=-1),
    }
    for number, form in enumerate(ICR_FORMS):
        columns[f"icr_{form}_same"] = same.icr[:, number]
        columns[f"icr_{form}_different"] = different.icr[:, number]
        columns[f"icr_{form}_divergence"] = divergence[:, number]
    score = cosine * (1 - divergence[:, ICR_FORMS.index("simple")].clamp(max=1))
    return columns | {"score": score} | released(same, different)


def released(same: HiddenStates, different: HiddenStates) -> dict[str, "torch.Tensor"]:
    """The columns of the released code's own series of states, which ends after the final norm.

    By layer they equal `cosine` and the simple ICR, except in the last one. The sample's score is its cosine × (1 −
    min(its divergence, 1)): the cosine averaged over the layers and the embeddings, the divergence over the layers.
    """
    from torch.nn.functional import cosine_similarity

    cosine = cosine_similarity(_released_means(same), _released_means(different), dim=-1)
    updates = _released_updates(same), _released_updates(different)
    divergence = (updates[0] - updates[1]).abs().mean()
    of_sample = {
        "sample_cosine_released": cosine.mean(),
        "sample_divergence_released": divergence,
        "sample_score_released": cosine.mean() * (1 - divergence.clamp(max=1)),
    }
    return {
        "cosine_released": cosine[1:],
        "icr_simple_released_same": updates[0],
        "icr_simple_released_different": updates[1],
        **{name: value.expand(len(updates[0])) for name, value in of_sample.items()},
    }


def _released_means(states: HiddenStates) -> "torch.Tensor":
    """(1 + layers) × width: mean answer states of the embeddings and of each layer."""
    import torch

    return torch.cat([states.embeddings[None], states.mean_states[:-1], states.normed[None]])


def _released_updates(states: HiddenStates) -> "torch.Tensor":
    """The simple ICR by layer."""
    import torch

    return torch.cat([states.icr[:-1, ICR_FORMS.index("simple")], states.normed_update[None]])


def centred_cosines(same: "torch.Tensor", different: "torch.Tensor") -> "torch.Tensor":
    """samples × layers, from mean answer states (samples × layers × width each).

    Each question's mean over all samples is subtracted first, which leaves what is specific to the sample. nan if
    nothing is left, as with a single sample.
    """
    own = [states - states.mean(dim=0) for states in (same, different)]
    lengths: torch.Tensor = own[0].norm(dim=-1) * own[1].norm(dim=-1)
    return (own[0] * own[1]).sum(dim=-1) / lengths


@dataclass(frozen=True)
class _Answer:
    hidden: HiddenStates
    greedy_agreement: float


@dataclass(frozen=True)
class _Sample:
    sample_id: str
    columns: dict[str, "torch.Tensor"]
    mean_states: tuple["torch.Tensor", "torch.Tensor"]
    dtype: str
    greedy_agreement: float


class HiddenSimilarity(Probe):
    """A row per sample and layer, all written at the end. Until then it keeps the mean answer states of two answers per
    sample: 0.8 MB each for a model with 28 layers of width 3,584."""

    name = "hidden_similarity"
    schema = probe_schema(LAYER, *measure_columns(*CONTRASTED, *RELEASED))
    contrasted = CONTRASTED
    needed_tasks = ("same", "different")

    def __init__(self, run: ProbeRun) -> None:
        super().__init__(run)
        self._waiting: dict[str, dict[str, _Answer | Unmeasured]] = {}
        self._samples: list[_Sample] = []

    def tables(self, sample_id: str, task: str, outcome: Outcome) -> Iterator[pa.Table]:
        if task not in self.needed_tasks:
            return
        answers = self._waiting.setdefault(sample_id, {})
        # not the pass itself, whose attention is large
        answers[task] = _Answer(outcome.hidden, outcome.greedy_agreement) if isinstance(outcome, Pass) else outcome
        if len(answers) < len(self.needed_tasks):
            return
        del self._waiting[sample_id]
        both = [answers[task] for task in self.needed_tasks]
        why = next((one for one in both if isinstance(one, Unmeasured)), None)
        if why is not None:
            yield unmeasured(self.schema, {"sample_id": sample_id}, why)
            return
        same, different = (one for one in both if isinstance(one, _Answer))
        self._samples.append(
            _Sample(
                sample_id,
                similarity(same.hidden, different.hidden),
                (same.hidden.mean_states, different.hidden.mean_states),
                outcome.dtype,
                min(same.greedy_agreement, different.greedy_agreement),
            )
        )

    def remaining(self) -> Iterator[pa.Table]:
        import torch

        if not self._samples:
            return
        cosines = centred_cosines(*(torch.stack([one.mean_states[i] for one in self._samples]) for i in (0, 1)))
        for one, centred in zip(self._samples, cosines, strict=True):
            columns: dict[str, Any] = {name: values.numpy() for name, values in one.columns.items()}
            columns |= {"layer": range(len(centred)), "cosine_centred": centred.numpy()}
            yield measured(self.schema, {"sample_id": one.sample_id}, columns, one.dtype, one.greedy_agreement)

    @staticmethod
    def figures() -> "ProbeFigures":
        from spd_faith.probes.figures.hidden_similarity import FIGURES

        return FIGURES
