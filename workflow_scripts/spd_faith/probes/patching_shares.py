"""Shares of the image effect that copied states move, from the table of `causal_patching`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from spd_faith.core.statistics import make_clusters, percentile_interval, resample_sums
from spd_faith.probes.summary import Parts, effect_ratios
from spd_faith.probes.tables import DIRECTIONS
from spd_faith.probes.token_sets import TOKEN_SETS

if TYPE_CHECKING:
    import pandas as pd

HANDED_OVER = 0.5  # share below which more than half of the effect has left the tokens
EFFECTS = ("image_effect", "count_effect", "json_effect", "other_claims_effect", "verdict_effect")
INTO_CHANGED = DIRECTIONS[0]
OF_DIFFERENCE = TOKEN_SETS[0]
RESAMPLES = 1000
OF_SHARES = ("difference", "direction", "layer", "tokens", "image_effect", "drop")


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

    rows = _drops(table.select(["sample_id", *OF_SHARES, "type"]).to_pandas().set_index("sample_id"))
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


def _drops(rows: "pd.DataFrame") -> "pd.DataFrame":
    """The rows that have a drop, each with the effect of its difference; rows without an effect are left out.

    `rows` has `OF_SHARES` and is indexed by sample_id.
    """
    rows = rows.reset_index()
    effects = rows.loc[rows["image_effect"].notna(), ["sample_id", "difference", "image_effect"]]
    drops = rows.loc[rows["drop"].notna()].drop(columns="image_effect")
    return drops.merge(effects, on=["sample_id", "difference"])


def own_curve(rows: "pd.DataFrame") -> Parts:
    """By layer, the sums over a sample's differences of drop and effect, for the difference's own tokens."""
    rows = _drops(rows)
    rows = rows[(rows["direction"] == INTO_CHANGED) & (rows["tokens"] == OF_DIFFERENCE)]
    sums = rows.groupby(["layer", "sample_id"])[["drop", "image_effect"]].sum()
    above, below = (sums[column].unstack("layer") for column in ("drop", "image_effect"))
    return above, below
