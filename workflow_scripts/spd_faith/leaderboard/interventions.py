"""The rows of interventions.parquet: what variants of a model change, and what they cost."""

import math
from collections.abc import Mapping

import pandas as pd
import pyarrow as pa

from spd_faith.core.variants import Variant, compared_pairs
from spd_faith.scoring.comparisons import compare_pairs
from spd_faith.scoring.interventions import COMPARED, INTERVENTIONS_SCHEMA
from spd_faith.scoring.tallies import Entry


def interventions(
    samples: pa.Table,
    scores: Mapping[Entry, pa.Table],
    live: pd.DataFrame,
    variants: Mapping[str, Variant],
    probing: Mapping[str, float],
    resamples: int,
    seed: int,
) -> pa.Table:
    """A row of INTERVENTIONS_SCHEMA per judge, compared pair and metric of COMPARED.

    `live` has the rows of the leaderboard with the columns of `model_costs`; `probing` has the seconds of the probes'
    jobs by model, where they are known.
    """
    pairs = compared_pairs(variants)
    compared = compare_pairs(samples, scores, pairs, COMPARED, resamples, seed).to_pandas()
    models = live.drop_duplicates("model").set_index("model")
    labels = dict(zip(models.index, models["label"], strict=True))
    seconds = dict(zip(models.index, models["seconds_per_answer"], strict=True))
    judges = dict(zip(live["judge"], live["judge_label"], strict=True))
    base = {name: variant.base for name, variant in variants.items()}
    rows = [
        row
        | {
            "judge_label": judges[row["judge"]],
            "base": base[row["model"]],
            "label": labels[row["model"]],
            "role": variants[row["model"]].role,
            "other_label": labels[row["other_model"]],
            "against": "base" if row["other_model"] == base[row["model"]] else "placebo",
            "seconds_ratio": _ratio(seconds, row["model"], base[row["model"]]),
            "probing_ratio": _ratio(probing, row["model"], base[row["model"]]),
        }
        for row in compared.to_dict("records")
    ]
    columns = [
        pa.array([row[field.name] for row in rows], field.type, from_pandas=True) for field in INTERVENTIONS_SCHEMA
    ]
    return pa.Table.from_arrays(columns, schema=INTERVENTIONS_SCHEMA)


def _ratio(seconds: Mapping[str, float], model: str, base: str | None) -> float:
    """The seconds of a model over those of its base; NaN if unknown."""
    of_base = math.nan if base is None else seconds.get(base, math.nan)
    return seconds.get(model, math.nan) / of_base if of_base else math.nan
