"""What the leaderboard tells of the insides of the open models, from the probes' tables.

Everything is of the answers to "how many differences?". A summary is a ratio of two sums over samples, so that one
bootstrap serves all: a mean is the sum of a sample's values over the number of samples that have one; a grounding ratio
is the sum of densities on true boxes over that on the baseline's, for a ratio by sample has no bound where the
baseline is near 0.
"""

from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from spd_faith.core.files import read_table
from spd_faith.core.schemas import PROBE_SUMMARIES, PROBES
from spd_faith.core.statistics import make_clusters, percentile_interval, resample_sums
from spd_faith.scoring.formulas import ratio

TASK = "describe"
_BASELINES = {
    "grounding_ratio": "other_sample",
    "grounding_over_random": "random",
    "grounding_over_unchanged": "unchanged",
}
_COLUMNS = {
    "layer_changes": ["ffn_relative"],
    "generation_attention": ["token", "picture_1", "picture_2"],
    "token_activation_map": ["hit", "chance"],
    "grounding": ["attention_true", *(f"attention_{boxes}" for boxes in _BASELINES.values())],
}


def read_probes(folder: Path, names: Collection[str]) -> dict[str, pa.Table]:
    """The tables of the named probes, by name, with the columns that are used here."""
    keys = ("sample_id", "task", "status")
    return {
        name: read_table(
            folder / f"{name}.parquet",
            PROBES[name],
            columns=[column for column in (*keys, *_COLUMNS.get(name, ())) if column in PROBES[name].names],
        )
        for name in names
    }


def probe_summaries(
    samples: pa.Table, probes: Mapping[str, Mapping[str, pa.Table]], resamples: int, seed: int
) -> pd.DataFrame:
    """One row per model of `probes`, which holds its tables by the probe's name, with more columns or as read above.

    Columns: model, n_probed (samples), and for each of PROBE_SUMMARIES its value, 95% interval (_low, _high) and the
    samples behind it (_n): nan and a count of 0 where there are none, a null count where the probe was not run.
    Intervals are clustered over `image_id` within split, with the same `resamples` for all models.
    """
    names = [f"{name}{suffix}" for name in PROBE_SUMMARIES for suffix in ("", "_low", "_high", "_n")]
    if not probes:
        return pd.DataFrame(columns=["model", "n_probed", *names])
    by_model = {model: _by_sample(tables) for model, tables in probes.items()}
    everyone = sorted(set().union(*(frame.index for frame in by_model.values())))
    parts = np.stack([frame.reindex(everyone).to_numpy(float) for frame in by_model.values()], axis=1)
    parts = parts.reshape(*parts.shape[:2], len(PROBE_SUMMARIES), 2)  # samples, models, summaries, above and below
    present = ~np.isnan(parts).any(axis=-1)
    parts = np.where(present[..., None], parts, 0.0)

    places = samples.select(["sample_id", "split", "image_id"]).to_pandas().set_index("sample_id").loc[everyone]
    drawn = resample_sums(
        make_clusters(places["split"].tolist(), places["image_id"].tolist()),
        parts.reshape(len(parts), -1),
        resamples,
        seed,
    ).reshape(resamples, *parts.shape[1:])
    value = ratio(*np.moveaxis(parts.sum(axis=0), -1, 0))
    low, high = percentile_interval(ratio(*np.moveaxis(drawn, -1, 0)), value)

    table = {"model": list(by_model), "n_probed": [len(frame) for frame in by_model.values()]}
    for number, (name, probe) in enumerate(PROBE_SUMMARIES.items()):
        run = [probe in tables for tables in probes.values()]
        table |= {name: value[:, number], f"{name}_low": low[:, number], f"{name}_high": high[:, number]}
        table[f"{name}_n"] = pd.Series(present[..., number].sum(axis=0), dtype="Int64").where(run)
    return pd.DataFrame(table)


def not_measured(probes: Mapping[str, Mapping[str, pa.Table]]) -> pd.DataFrame:
    """One row per model, probe and status other than `ok`: how many answers (or samples, of a measure of two answers)
    have a row that says so, and how many there are. Columns: model, probe, status, n, of."""
    rows = []
    for model, tables in probes.items():
        for probe, table in tables.items():
            keys = [name for name in ("sample_id", "task", "status") if name in table.column_names]
            answers = table.select(keys).group_by(keys).aggregate([]).to_pandas()
            for status, n in answers.loc[answers["status"] != "ok", "status"].value_counts().sort_index().items():
                rows.append({"model": model, "probe": probe, "status": status, "n": n, "of": len(answers)})
    return pd.DataFrame(rows, columns=["model", "probe", "status", "n", "of"])


# ---- a sample's part -------------------------------------------------------------------------------------------------


def _by_sample(tables: Mapping[str, pa.Table]) -> pd.DataFrame:
    """samples × (above, below) of each summary, the two numbers that are added up over samples; nan where a sample has
    no number. It holds every sample that a table has a row of."""
    found: dict[str, tuple[pd.Series, pd.Series]] = {}
    frames = {name: _described(tables[name], columns) for name, columns in _COLUMNS.items() if name in tables}
    if "generation_attention" in frames:
        share, slope = _visual_attention(frames["generation_attention"])
        found |= {"visual_attention": _averaged(share), "visual_slope": _averaged(slope)}
    if "layer_changes" in frames:
        found["ffn_drift"] = _averaged(_means(frames["layer_changes"])["ffn_relative"])
    if "token_activation_map" in frames:
        maps = _means(frames["token_activation_map"])
        found |= {"tam_hit": _averaged(maps["hit"]), "tam_chance": _averaged(maps["chance"])}
    if "grounding" in frames:
        density = _means(frames["grounding"])
        found |= {name: (density["attention_true"], density[f"attention_{of}"]) for name, of in _BASELINES.items()}
    samples = sorted(set().union(*(table["sample_id"].to_pylist() for table in tables.values())))
    missing = (pd.Series(dtype=float),) * 2
    columns = [part.reindex(samples) for name in PROBE_SUMMARIES for part in found.get(name, missing)]
    return pd.concat(columns, axis=1)


def _described(table: pa.Table, columns: list[str]) -> pd.DataFrame:
    """The measurements of the answers to TASK, in float64; nan in the row of an answer without any."""
    rows = table.filter(pc.equal(table["task"], TASK))
    return rows.select(["sample_id", *columns]).to_pandas().set_index("sample_id").astype(float)


def _means(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.groupby(level="sample_id").mean()


def _averaged(values: pd.Series) -> tuple[pd.Series, pd.Series]:
    return values, values.notna().astype(float)


def _visual_attention(rows: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """By sample the share of the pictures, a token's being the mean over layers: its mean over the answer's tokens, and
    the slope of its line of least squares over positions from 0, the first token, to 1, the last (nan for one token).
    """
    shares = rows["picture_1"] + rows["picture_2"].fillna(0)  # null where both are one picture
    steps = shares.groupby([rows.index, rows["token"]]).mean().rename("share").reset_index("token")
    by_sample = steps.groupby(level="sample_id")
    mean = by_sample.mean()
    centred = steps - mean.loc[steps.index].set_axis(steps.index)
    product = (centred["token"] * centred["share"]).groupby(level="sample_id").sum()
    spread = (centred["token"] ** 2).groupby(level="sample_id").sum()
    slope = pd.Series(ratio(product, spread), mean.index) * by_sample["token"].max()
    return mean["share"], slope
