"""Compare the probes' measures between groups: unfaithful and faithful, contradictory and consistent samples.

All results are correlations. The false discovery rate (Benjamini and Hochberg, 1995) covers all probes, measures and
layers of one contrast.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa

from spd_faith.probes.contrast_table import ANSWER_LENGTH
from spd_faith.probes.groups import CONTRASTS, Contrast, members
from spd_faith.probes.permutation import Comparison, compare_groups
from spd_faith.probes.registry import PROBES
from spd_faith.probes.sample_values import sample_values

SMALLEST_GROUP = 8


def contrast_rows(
    groups: pd.DataFrame,
    probes: Mapping[str, pa.Table],
    responses: pa.Table,
    permutations: int,
    seed: int,
) -> list[dict[str, Any]]:
    """Rows of PROBE_CONTRASTS: one per contrast, probe, task, measure and layer, plus the lengths of the answers.

    `groups` has rows of PROBE_GROUPS, `probes` the tables by name, `responses` those of the probed model. If a probe
    measured none of a group's answers, one row per measure says so.
    """
    values = {
        name: sample_values(table, PROBES[name].contrasted, PROBES[name].contrasted_by_layer)
        for name, table in probes.items()
    }
    probed = pd.Index([]).append([one.index for one in values.values()]).unique()
    lengths = _answer_lengths(responses)
    lengths = lengths[lengths.index.isin(probed)]
    rows = []
    for contrast in CONTRASTS:
        of_contrast = members(groups, contrast)
        found = list(_length_rows(contrast, of_contrast, lengths, permutations, seed))
        for name, table in probes.items():
            found += _probe_rows(contrast, of_contrast, name, table, values[name], permutations, seed)
        rows += _with_q_values(found)
    return rows


def _answer_lengths(responses: pa.Table) -> pd.DataFrame:
    """Tokens of each answer: sample_id × task, nan if there are none."""
    frame = responses.select(["sample_id", "task", "generated_tokens"]).to_pandas()
    return frame.astype({"generated_tokens": float}).pivot(index="sample_id", columns="task", values="generated_tokens")


def _length_rows(
    contrast: Contrast, groups: pd.DataFrame, lengths: pd.DataFrame, permutations: int, seed: int
) -> Iterator[dict[str, Any]]:
    comparison = _compared(contrast, groups, lengths, permutations, seed)
    for number, task in enumerate(lengths.columns):
        yield _row(contrast, ANSWER_LENGTH, task, "tokens", None, comparison, number)


def _probe_rows(
    contrast: Contrast,
    groups: pd.DataFrame,
    name: str,
    table: pa.Table,
    values: pd.DataFrame,
    permutations: int,
    seed: int,
) -> Iterator[dict[str, Any]]:
    has_task = "task" in table.column_names
    for task in contrast.tasks if has_task else ("",):
        some = values[[column for column in values.columns if column[0] == task]]
        comparison = _compared(contrast, groups, some, permutations, seed)
        for number, (_, measure, layer) in enumerate(cast(Iterable[tuple[str, str, float]], some.columns)):
            of_layer = None if np.isnan(layer) else int(layer)
            yield _row(contrast, name, task or None, measure, of_layer, comparison, number)
        if not len(some.columns):
            for measure in PROBES[name].contrasted:
                yield _row(contrast, name, task or None, measure, None, None, 0)


def _compared(
    contrast: Contrast, groups: pd.DataFrame, values: pd.DataFrame, permutations: int, seed: int
) -> Comparison:
    groups = groups[groups.index.isin(values.index)]
    strata = groups.groupby(["split", "n_gt"]).ngroup().to_numpy()
    in_group = (groups["group"] == contrast.group).to_numpy()
    return compare_groups(values.loc[groups.index].to_numpy(float), in_group, strata, permutations, seed)


def _row(
    contrast: Contrast,
    probe: str,
    task: str | None,
    measure: str,
    layer: int | None,
    comparison: Comparison | None,
    number: int,
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "contrast": contrast.name,
        "group": contrast.group,
        "reference": contrast.reference,
        "probe": probe,
    }
    row |= {"task": task, "measure": measure, "layer": layer, "q_value": None}
    counts = ("n_group", "n_reference", "n_compared")
    if comparison is None:
        return row | dict.fromkeys(counts, 0) | {"status": "no_measurements"}
    row |= {name: int(getattr(comparison, name)[number]) for name in counts}
    for name in ("mean_group", "mean_reference", "difference", "hedges_g", "p_value"):
        value = float(getattr(comparison, name)[number])
        row[name] = None if np.isnan(value) else value
    if not row["n_group"] + row["n_reference"]:
        row["status"] = "no_measurements"
    elif min(row["n_group"], row["n_reference"]) < SMALLEST_GROUP:
        row |= {"p_value": None, "status": "small_group"}
    else:
        row["status"] = "ok" if row["n_compared"] else "not_comparable"
    return row


def _with_q_values(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    from scipy.stats import false_discovery_control  # takes half a second, and figures do not need it

    rows = list(rows)
    tested = [row for row in rows if row.get("p_value") is not None and row["probe"] != ANSWER_LENGTH]
    if tested:
        for row, q in zip(tested, false_discovery_control([row["p_value"] for row in tested]), strict=True):
            row["q_value"] = float(q)
    return rows
