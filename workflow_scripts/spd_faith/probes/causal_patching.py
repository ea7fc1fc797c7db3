"""Probe `causal_patching`: how far what the answer says depends on what the image shows, and where in the model.

*Changed* is the pair as it was asked about, *undone* the same pair with one difference undone. Both are read with the
answer to the changed pair. The image effect E of a difference is log p(changed) − log p(undone) of the claim that names
it. Then states of image tokens are copied from one run into the other, layer by layer: the share of E that this moves
says whether what the answer needs is still at these tokens or has been read from them.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from spd_faith.core.schemas import DifferenceType, one_of
from spd_faith.core.statistics import make_clusters, percentile_interval, resample_sums
from spd_faith.probes.probe import ModelRun, Probe
from spd_faith.probes.summary import TASK, Parts, Summary, effect_ratios, mean_of
from spd_faith.probes.tables import (
    COPIED,
    DIFFERENCE,
    DIRECTION,
    DIRECTIONS,
    LAYER,
    TOKEN_SETS,
    measure_columns,
    probe_schema,
)

if TYPE_CHECKING:
    import pandas as pd

    from spd_faith.probes.figures.declared import ProbeFigures

HANDED_OVER = 0.5  # share below which more than half of the effect has left the tokens
EFFECTS = ("image_effect", "count_effect", "json_effect", "other_claims_effect", "verdict_effect")
INTO_CHANGED = DIRECTIONS[0]
OF_DIFFERENCE = TOKEN_SETS[0]
RESAMPLES = 1000


def first_below(shares: np.ndarray, layers: np.ndarray) -> np.ndarray:
    """The first layer (…) with a share (…, layers) under `HANDED_OVER`; nan if there is none."""
    if not len(layers):
        return np.full(shares.shape[:-1], np.nan)
    below = shares < HANDED_OVER
    return np.where(below.any(axis=-1), layers[below.argmax(axis=-1)], np.nan)


def shares(
    table: pa.Table,
    samples: pa.Table,
    by: Sequence[str] = ("direction", "layer", "tokens"),
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> "pd.DataFrame":
    """The share of the image effect that copied states move: Σ drop / Σ E over the differences that have both.

    A row for each group `by` (columns of the probe's `table`, `type` among them), with the columns share, low and high
    (95% interval, from resampled images of the dataset's `samples`) and n (differences). The three are nan where the
    interval of Σ E holds 0.
    """
    import pandas as pd

    rows = _drops(table.select(["sample_id", *_OF_SHARES, "type"]).to_pandas().set_index("sample_id"))
    if rows.empty:
        return pd.DataFrame(columns=[*by, "share", "low", "high", "n"])
    keys = list(by)
    sums = rows.groupby(["sample_id", *keys])[["drop", "image_effect"]].sum().unstack(keys).fillna(0.0)
    above, below = sums["drop"], sums["image_effect"]
    places = samples.select(["sample_id", "split", "image_id"]).to_pandas().set_index("sample_id").loc[sums.index]
    clusters = make_clusters(places["split"].tolist(), places["image_id"].tolist())
    parts = np.stack([above.to_numpy(float), below.to_numpy(float)], axis=-1)  # samples, groups, drop and effect
    drawn = resample_sums(clusters, parts.reshape(len(parts), -1), resamples, seed).reshape(resamples, -1, 2)
    share, draws = effect_ratios(parts.sum(axis=0), drawn)
    low, high = percentile_interval(draws, share)
    found = pd.DataFrame({"share": share, "low": low, "high": high}, index=above.columns)
    return found.assign(n=rows.groupby(keys).size()).reset_index()


_OF_SHARES = ("difference", "direction", "layer", "tokens", "image_effect", "drop")


def _drops(rows: "pd.DataFrame") -> "pd.DataFrame":
    """The rows that have a drop, each with the effect of its difference; rows without an effect are left out.

    `rows` has `_OF_SHARES` and is indexed by sample_id.
    """
    rows = rows.reset_index()
    effects = rows.loc[rows["image_effect"].notna(), ["sample_id", "difference", "image_effect"]]
    drops = rows.loc[rows["drop"].notna()].drop(columns="image_effect")
    return drops.merge(effects, on=["sample_id", "difference"])


def _curve(rows: "pd.DataFrame") -> Parts:
    """By layer, the sums over a sample's differences of drop and effect, for the difference's own tokens."""
    rows = _drops(rows)
    rows = rows[(rows["direction"] == INTO_CHANGED) & (rows["tokens"] == OF_DIFFERENCE)]
    sums = rows.groupby(["layer", "sample_id"])[["drop", "image_effect"]].sum()
    above, below = (sums[column].unstack("layer") for column in ("drop", "image_effect"))
    return above, below


class CausalPatching(Probe):
    """A row per sample and difference with the effects, without direction, layer and tokens; and a row per direction,
    layer and set of copied tokens, where layer −1 is the input of the first layer.

    A difference, or one set of tokens, that cannot be measured is one row with the reason; so is a sample.
    """

    name = "causal_patching"
    reads_shared_pass = False
    schema = probe_schema(
        DIFFERENCE,
        DIRECTION,
        LAYER,
        COPIED,
        one_of("type", DifferenceType, nullable=True),
        pa.field("claim_tokens", pa.int32()),  # of the answer, that name the difference
        *measure_columns("log_prob_changed", "log_prob_undone"),  # of these tokens, nats
        # log p(changed) − log p(undone), nats: of the claim, and of other words of the answer; null where not said
        *measure_columns(*EFFECTS),
        # of the claim's log p, signed so that Σ drop / Σ image_effect is the share in both directions
        *measure_columns("drop"),
        pa.field("copied_tokens", pa.int32()),
    )
    contrasted = ("image_effect",)
    contrasted_by_layer = False
    summaries = (
        Summary(
            "image_effect",
            "Image effect",
            "log-probability, in nats, that the claim of a difference loses if the image no longer shows it",
            is_fraction=False,
            columns=("image_effect",),
            parts=mean_of("image_effect"),
            is_null="no difference that can be undone is named",
        ),
        Summary(
            "hand_over_layer",
            "Hand-over layer",
            "first layer after which the image tokens of a difference carry less than half of the image effect"
            " (0 is the first layer, −1 its input)",
            is_fraction=False,
            columns=_OF_SHARES,
            parts=_curve,
            of_curve=first_below,
            is_null="the interval of the image effect holds 0, or no layer is under half",
        ),
    )

    def own_passes(self, of: ModelRun) -> Iterator[pa.Table]:
        from spd_faith.probes.patched_samples import measure_samples

        return (pa.Table.from_pylist(rows, schema=self.schema) for rows in measure_samples(of, TASK))

    @staticmethod
    def figures() -> "ProbeFigures":
        from spd_faith.probes.figures.causal_patching import FIGURES

        return FIGURES
