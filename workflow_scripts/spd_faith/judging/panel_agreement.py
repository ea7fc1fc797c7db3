"""How far the members of a panel agree, and its score with each member left out once."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from spd_faith.core.controls import is_control
from spd_faith.core.errors import UserError
from spd_faith.core.files import check_keys
from spd_faith.core.schemas import CLAIM_LABELS, JUDGED_METRICS
from spd_faith.core.statistics import make_clusters, resample_sums
from spd_faith.judging.claims import Claim
from spd_faith.judging.comparison import RESAMPLES, SEED, Estimate
from spd_faith.judging.panel import decided_claims
from spd_faith.judging.scores import count_labels, score_counts

Votes = Sequence[tuple[Claim, ...] | None]  # of each member; None if it did not answer


@dataclass(frozen=True)
class PanelJudgement:
    """The judgement of one sample's answers. `votes` is None if there was nothing to label; `score` is then the same
    whoever the members are. `verdicts` is the claim that no member labels (cr).
    """

    cluster: tuple[str, str]  # for the bootstrap: (stratum, unit that is resampled within it)
    metric: str
    verdicts: tuple[Claim, ...]
    votes: Votes | None
    score: float | None

    def score_without(self, member: int) -> float | None:
        """The score if one member is left out; None if fewer than two others answered."""
        if self.votes is None:
            return self.score
        decided = decided_claims(self.metric, [vote for k, vote in enumerate(self.votes) if k != member])
        if decided is None:
            return None
        labels = [claim.label for claim in [*self.verdicts, *decided]]
        return score_counts(self.metric, count_labels(self.metric, labels))[0]

    def units(self) -> list[list[str]]:
        """The labels of each claim by the members that answered."""
        answered = [claims for claims in self.votes or () if claims is not None]
        return [[claim.label for claim in labelled] for labelled in zip(*answered, strict=True)]


def agreement_columns(units: Sequence[Sequence[str]], labels: Sequence[str]) -> list[float]:
    """What `krippendorff_alpha` sums over units: the agreeing pairs, then the number of values with each label.

    A unit holds the labels that several judges gave to one thing. Those with fewer than two values have no pair and do
    not count.
    """
    pairable = [Counter(unit) for unit in units if len(unit) > 1]
    agreeing = sum(n * (n - 1) / (counts.total() - 1) for counts in pairable for n in counts.values())
    return [agreeing, *(float(sum(counts[label] for counts in pairable)) for label in labels)]


def krippendorff_alpha(columns: np.ndarray) -> np.ndarray:
    """Krippendorff's α for nominal data from sums of `agreement_columns`, shape (…, 1 + labels); NaN if undefined.

    α = 1 − (n − 1) (n − Σ o_cc) / (n² − Σ n_c²): n values in all, n_c of them with label c, and
    o_cc = Σ_u n_uc (n_uc − 1) / (m_u − 1) over the units u with m_u values. Undefined if all values are equal.
    After Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), section C.
    """
    agreeing, of_label = columns[..., 0], columns[..., 1:]
    n = of_label.sum(axis=-1)
    expected = n**2 - (of_label**2).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(expected > 0, 1 - (n - 1) * (n - agreeing) / expected, np.nan)


def read_panel(samples: pa.Table, judgements: pa.Table, provenance: Mapping[str, Any]) -> list[PanelJudgement]:
    """A panel's judgements of all samples except controls; `provenance` is the one of its table.

    Raises `UserError` if the table is not a panel's, or unless it has one row per sample and metric.
    """
    if "votes" not in provenance:
        raise UserError("judgements: not those of a panel. Pass a panel's table, or the tables of two judges.")
    rows = samples.select(["sample_id", "split", "image_id", "control"]).to_pylist()
    keys = [(row["sample_id"], metric) for row in rows for metric in JUDGED_METRICS]
    judged = judgements.select(["sample_id", "metric", "claims", "score"]).to_pylist()
    found = {(row["sample_id"], row["metric"]): row for row in judged}
    check_keys("judgements", [(row["sample_id"], row["metric"]) for row in judged], keys)
    return [
        _judgement((row["split"], row["image_id"]), found[row["sample_id"], metric], provenance["votes"])
        for row in rows
        for metric in JUDGED_METRICS
        if not is_control(row)
    ]


def _judgement(cluster: tuple[str, str], row: Mapping[str, Any], votes: Mapping[str, Any]) -> PanelJudgement:
    metric, given = row["metric"], votes.get(row["sample_id"], {}).get(row["metric"])
    verdicts = [Claim.from_row(claim) for claim in row["claims"][:1]] if metric == "cr" else []
    of_members = None if given is None else [None if one is None else _labelled(metric, one) for one in given]
    return PanelJudgement(cluster, metric, tuple(verdicts), of_members, row["score"])


def _labelled(metric: str, labels: Sequence[str]) -> tuple[Claim, ...]:
    """Claims without their text, from stored labels: an error type means unfaithful."""
    known = CLAIM_LABELS[metric]
    return tuple(Claim("", one) if one in known else Claim("", "unfaithful", error_type=one) for one in labels)


def panel_agreement(
    judgements: Sequence[PanelJudgement], members: Sequence[str], resamples: int = RESAMPLES, seed: int = SEED
) -> dict[str, dict[str, Any]]:
    """By metric: `counts`, and `statistics` with value, low and high (null if undefined).

    Statistics: `alpha`, Krippendorff's α of the members' labels over the claims that two or more of them labelled;
    `score`, the panel's mean score over the scored samples; and `score_without_{member}`. 95% intervals come from a
    bootstrap that resamples the image pairs within their split.
    """
    return {
        metric: _of_metric([one for one in judgements if one.metric == metric], members, resamples, seed)
        for metric in JUDGED_METRICS
    }


def _of_metric(
    judgements: Sequence[PanelJudgement], members: Sequence[str], resamples: int, seed: int
) -> dict[str, Any]:
    if not judgements:
        raise UserError("samples: every sample is a control, so there is nothing to compare.")
    units = [one.units() for one in judgements]
    scores = {"score": [one.score for one in judgements]}
    scores |= {f"score_without_{name}": [one.score_without(k) for one in judgements] for k, name in enumerate(members)}
    alphas = np.array([agreement_columns(one, CLAIM_LABELS[judgements[0].metric]) for one in units])
    values = np.column_stack([alphas, *(_score_columns(of_samples) for of_samples in scores.values())])
    clusters = make_clusters(*zip(*(one.cluster for one in judgements), strict=True))
    sums = np.vstack([values.sum(axis=0), resample_sums(clusters, values, resamples, seed)])  # the estimate first
    width = alphas.shape[1]
    draws = {"alpha": krippendorff_alpha(sums[:, :width])}
    for k, name in enumerate(scores):
        total, scored = sums[:, width + 2 * k], sums[:, width + 2 * k + 1]
        draws[name] = np.divide(total, scored, out=np.full(len(sums), np.nan), where=scored > 0)
    return {
        "counts": {
            "samples": len(judgements),
            "labelled_samples": sum(one.votes is not None for one in judgements),
            "claims": sum(map(len, units)),
            "claims_of_two": sum(len(unit) > 1 for of_sample in units for unit in of_sample),
            "unscored": sum(one.score is None for one in judgements),
        },
        "statistics": {name: Estimate.of_draws(drawn).as_json() for name, drawn in draws.items()},
    }


def _score_columns(scores: Sequence[float | None]) -> np.ndarray:
    """(samples, 2): the score, 0 if unscored, and whether it is scored."""
    return np.array([(score or 0.0, score is not None) for score in scores], dtype=float)
