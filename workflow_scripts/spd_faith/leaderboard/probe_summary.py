"""Aggregate the summaries that the probes declare, with intervals, for the leaderboard."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from spd_faith.core.files import read_table
from spd_faith.core.statistics import make_clusters, percentile_interval, resample_sums
from spd_faith.probes.registry import PROBES, SUMMARIES
from spd_faith.probes.summary import TASK, Parts, Summary
from spd_faith.scoring.formulas import ratio

_KEYS = ("sample_id", "task", "status")
_ENDS = ("", "_low", "_high", "_n")


def read_probes(folder: Path, names: Collection[str]) -> dict[str, pa.Table]:
    """The tables of the named probes, by name, with the columns used here."""
    tables = {}
    for name in names:
        probe = PROBES[name]
        used = {*_KEYS, *(column for summary in probe.summaries for column in summary.columns)}
        columns = [column for column in probe.schema.names if column in used]
        tables[name] = read_table(probe.path_in(folder), probe.schema, columns=columns)
    return tables


def probe_summaries(
    samples: pa.Table, probes: Mapping[str, Mapping[str, pa.Table]], resamples: int, seed: int
) -> pd.DataFrame:
    """One row per model of `probes`, which has each model's tables by probe, with the columns read above or more.

    Columns: model, n_probed (samples), and for each of SUMMARIES its value, 95% interval (_low, _high) and number of
    samples (_n): nan and 0 if there are none, a null count if the probe was not run. Intervals are clustered over
    `image_id` within split, with the same `resamples` for all models.
    """
    names = [f"{summary.name}{end}" for summary in SUMMARIES for end in _ENDS]
    if not probes:
        return pd.DataFrame(columns=["model", "n_probed", *names])
    by_model = {model: _by_sample(tables) for model, tables in probes.items()}
    everyone = sorted(set().union(*(frame.index for frame in by_model.values())))
    parts = np.stack([frame.reindex(everyone).to_numpy(float) for frame in by_model.values()], axis=1)
    parts = parts.reshape(*parts.shape[:2], len(SUMMARIES), 2)  # samples, models, summaries, above and below
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
    for number, summary in enumerate(SUMMARIES):
        name = summary.name
        run = [any(summary in PROBES[probe].summaries for probe in tables) for tables in probes.values()]
        table |= {name: value[:, number], f"{name}_low": low[:, number], f"{name}_high": high[:, number]}
        table[f"{name}_n"] = pd.Series(present[..., number].sum(axis=0), dtype="Int64").where(np.array(run))
    return pd.DataFrame(table)


def not_measured(probes: Mapping[str, Mapping[str, pa.Table]]) -> pd.DataFrame:
    """One row per model, probe and status other than `ok`. Columns: model, probe, status, n (answers with that status,
    or samples for a measure of two answers), of (all of them)."""
    rows = []
    for model, tables in probes.items():
        for probe, table in tables.items():
            keys: list[str] = [name for name in _KEYS if name in table.column_names]
            answers = table.select(keys).group_by(keys).aggregate([]).to_pandas()
            for status, n in answers.loc[answers["status"] != "ok", "status"].value_counts().sort_index().items():
                rows.append({"model": model, "probe": probe, "status": status, "n": n, "of": len(answers)})
    return pd.DataFrame(rows, columns=["model", "probe", "status", "n", "of"])


# ---- a sample's part -------------------------------------------------------------------------------------------------


def _by_sample(tables: Mapping[str, pa.Table]) -> pd.DataFrame:
    """samples × (above, below) for each summary: the two numbers summed over samples; nan if a sample has none.
    Includes every sample of any table."""
    found: dict[str, Parts] = {}
    for name, table in tables.items():
        found |= {summary.name: summary.parts(_described(table, summary)) for summary in PROBES[name].summaries}
    samples = {sample_id for table in tables.values() for sample_id in table["sample_id"].to_pylist()}
    missing = (pd.Series(dtype=float),) * 2
    everyone = sorted(cast(set[str], samples))
    columns = [part.reindex(everyone) for summary in SUMMARIES for part in found.get(summary.name, missing)]
    return cast(pd.DataFrame, pd.concat(columns, axis=1))


def _described(table: pa.Table, summary: Summary) -> pd.DataFrame:
    """The argument of `summary.parts`."""
    rows = table.filter(pc.field("task") == TASK)
    frame = rows.select(["sample_id", *summary.columns]).to_pandas().set_index("sample_id")
    return frame.astype(float)
