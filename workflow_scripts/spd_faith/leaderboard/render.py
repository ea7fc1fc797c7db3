"""The leaderboard as CSV and Markdown."""

from typing import Any

import pandas as pd

from spd_faith.core.schemas import ERROR_TYPES, HEADLINE, PARSE_STATUSES, SEVERITIES
from spd_faith.core.text import printable
from spd_faith.leaderboard.rows import FRACTIONS, LOWEST_RANKED_COVERAGE, SHOWN
from spd_faith.probes.registry import SUMMARIES
from spd_faith.probes.summary import Summary
from spd_faith.scoring.aggregate import SECONDARY, Aggregate

NAMES = {
    **{metric: metric.upper() for metric in HEADLINE},
    "overall": "Overall",
    "dqr_exact": "DQR-exact",
    "ds_count": "DS-count",
    "pf1": "PF1",
    "cf1_alias": "CF1-alias",
    "tf1_figure": "TF1-figure",
    "cf1_figure": "CF1-figure",
    "cr_verdict": "CR-verdict",
    "cr_signed": "CR-signed",
}
_NONE = "–"
_MARKDOWN = str.maketrans({char: f"\\{char}" for char in "\\|*`<~"})
_GROUPINGS = {
    "split": "Split",
    "type": "Type of difference (a pair counts for each type that it holds)",
    "num_differences": "Number of differences",
    "box_area": "Box area (mean over a pair's boxes, share of the picture)",
}
_DRF_COUNTS = {"error_type": ERROR_TYPES, "severity": SEVERITIES}


def csv_text(rows: pd.DataFrame) -> str:
    """All columns; fractions as percentages, plain numbers."""
    columns = rows.columns.intersection(FRACTIONS)
    return rows.assign(**(rows[columns] * 100).round(2)).to_csv(index=False)


def markdown_text(
    live: pd.DataFrame,
    published: pd.DataFrame,
    aggregate: Aggregate,
    floors: pd.DataFrame,
    costs: pd.DataFrame,
    failures: pd.DataFrame,
    unmeasured: pd.DataFrame,
    dataset: str,
) -> str:
    """The page: headline, published rows, secondary metrics, breakdowns, failures, DRF errors, probes, judges,
    provenance.

    `costs` and `failures` are those of the judges (`judge_costs`, `judge_failures`), `unmeasured` the probes'
    (`not_measured`).
    """
    parts = [
        f"# SPD-Faith leaderboard: {dataset}",
        f"Percentages over {live['n'].iloc[0]} pairs, with 95% intervals [bootstrap over image ids within split]. "
        "`bounds` stand where a judge left samples unscored: the value with those as 0 and as 1; below "
        f"{LOWEST_RANKED_COVERAGE:.0%} coverage there is no rank.",
        headline_table(live),
        f"Constant answers would score: {_floors_text(floors)}.",
        "## Published, not rerun here",
        "From the benchmark's README, on its own dataset, scored by its own code and judges; not comparable one to one "
        "and never ranked with the rows above.",
        _published_table(published),
        "## Secondary metrics",
        _secondary_table(live),
        "## Breakdowns",
        *_breakdowns(aggregate, live),
        "## Answers and their parsing",
        _statuses_table(live),
        "## Errors of the reasoning",
        _drf_table(aggregate, live),
        *probe_section(live, unmeasured),
        "## Judges",
        "Calls, dollars and seconds count a question that several models' answers led to once, as it was paid for. An "
        "invented claim quotes what the answer does not say; it is in no score. A judge's printed score is never used.",
        _costs_table(costs, live),
        _failures_table(failures, live),
        "## Provenance",
        _provenance_table(live),
    ]
    return "\n\n".join(parts) + "\n"


def headline_table(live: pd.DataFrame) -> str:
    """Rank, model, judge, the headline in the published order with its intervals, and the least coverage of the six."""
    table = pd.DataFrame({"Rank": live["rank"].astype("string").fillna(_NONE), "Model": live["label"]})
    table["Judge"] = live["judge_label"]
    for metric in SHOWN:
        table[NAMES[metric]] = [_cell(row, metric) for row in live.to_dict("records")]
    table["Coverage"] = live[[f"{metric}_coverage" for metric in HEADLINE]].min(axis=1).map("{:.1%}".format)
    return _markdown(table)


def _cell(row: dict[str, float], metric: str) -> str:
    if pd.isna(row[metric]):
        return _NONE
    text = f"{_percent(row[metric])} [{_percent(row[f'{metric}_low'])}, {_percent(row[f'{metric}_high'])}]"
    if row[f"{metric}_coverage"] < 1:
        bounds = f"{_percent(row[f'{metric}_bound_low'])} to {_percent(row[f'{metric}_bound_high'])}"
        text += f", bounds {bounds} at {row[f'{metric}_coverage']:.1%} coverage"
    return text


def _floors_text(floors: pd.DataFrame) -> str:
    shown = floors[floors["metric"].isin(["dqr", "ds"])]
    by_answer = [
        f"“{answer}” " + ", ".join(f"{NAMES[row.metric]} {_percent(row.value)}" for row in rows.itertuples())
        for answer, rows in shown.groupby("answer", sort=False)
    ]
    return "; ".join(by_answer)


def _published_table(published: pd.DataFrame) -> str:
    table = pd.DataFrame({"Model (published)": published["label"]})
    for metric in SHOWN:
        table[NAMES[metric]] = published[metric].map(_percent)
    return _markdown(table)


def _secondary_table(live: pd.DataFrame) -> str:
    table = pd.DataFrame({"Model": live["label"], "Judge": live["judge_label"]})
    for metric in SECONDARY:
        table[NAMES[metric]] = live[metric].map(_percent)
    table["DRF claims per pair"] = live["drf_claims"].map("{:.2f}".format)
    table["CR claims per pair"] = live["cr_claims"].map("{:.2f}".format)
    table["Unclear verdicts"] = live["unclear"].map(_percent)
    return _markdown(table)


def _breakdowns(aggregate: Aggregate, live: pd.DataFrame) -> list[str]:
    breakdowns = aggregate.breakdowns.to_pandas()
    parts = []
    for by, title in _GROUPINGS.items():
        groups = breakdowns[breakdowns["by"] == by]
        wide = groups.pivot_table(
            index=["judge", "model", "group", "n"], columns="metric", values="value", sort=False, dropna=False
        )
        wide = wide.reset_index()[["judge", "model", "group", "n", *SHOWN]].dropna(subset=list(SHOWN), how="all")
        table = _labelled(wide, live).rename(columns={"group": "Group", "n": "Pairs"})
        for metric in SHOWN:
            table[metric] = table[metric].map(_percent)
        parts += [f"### {title}", _markdown(table.rename(columns=NAMES))]
    return parts


def _statuses_table(live: pd.DataFrame) -> str:
    table = pd.DataFrame({"Model": live["label"], "Judge": live["judge_label"]})
    for status in PARSE_STATUSES:
        table[status] = live[f"n_{status}"]
    return _markdown(table)


def _drf_table(aggregate: Aggregate, live: pd.DataFrame) -> str:
    errors = aggregate.drf_errors.to_pandas()
    wide = errors.pivot(index=["judge", "model"], columns=["kind", "level"], values="n").fillna(0).astype(int)
    columns = [(kind, level) for kind, levels in _DRF_COUNTS.items() for level in levels]
    columns += [column for column in wide.columns if column[0] == "score"]
    names = [f"DRF {level}" if kind == "score" else level for kind, level in columns]
    table = wide[columns].set_axis(names, axis=1).reset_index()
    return _markdown(_labelled(table, live))


def probe_section(live: pd.DataFrame, unmeasured: pd.DataFrame) -> list[str]:
    """The section about the insides of the open models; nothing where none was probed."""
    models = live.drop_duplicates("model")
    models = models[models["n_probed"].notna()]
    if models.empty:
        return []
    table = pd.DataFrame({"Model": models["label"], "Pairs": models["n_probed"].astype(int)})
    for summary in SUMMARIES:
        if models[f"{summary.name}_n"].notna().any():
            table[summary.label] = [_probe_cell(row, summary) for row in models.to_dict("records")]
    parts = [
        "## Inside the open models",
        "Of the answers to “how many differences?” about the probed pairs, with 95% intervals as above. "
        + " ".join(f"*{summary.label}*: {summary.definition}." for summary in SUMMARIES)
        + " Formulas: docs/probes.md.",
        "**The tiny reference models that come with this workflow were trained to point at what differs.** Their "
        "numbers show that the probes work, and nothing about the models whose architecture they have.",
        _markdown(table),
    ]
    if len(unmeasured):
        labels = dict(zip(models["model"], models["label"], strict=True))
        missing = pd.DataFrame({"Model": unmeasured["model"].map(labels), "Probe": unmeasured["probe"]})
        missing["Why"] = unmeasured["status"]
        missing["Answers"] = [f"{row.n} of {row.of}" for row in unmeasured.itertuples()]
        parts += ["Not measured, over all three questions:", _markdown(missing)]
    return parts


def _probe_cell(row: dict[str, float], summary: Summary) -> str:
    name = summary.name
    if pd.isna(row[name]):
        return _NONE
    scale, digits = (100, 1) if summary.is_fraction else (1, 2)
    value, low, high = (f"{scale * row[f'{name}{end}']:.{digits}f}" for end in ("", "_low", "_high"))
    text = f"{value} [{low}, {high}]"
    return text if row[f"{name}_n"] == row["n_probed"] else f"{text}, {row[f'{name}_n']} pairs"


def _costs_table(costs: pd.DataFrame, live: pd.DataFrame) -> str:
    labels = dict(zip(live["judge"], live["judge_label"], strict=True))
    table = pd.DataFrame({"Judge": costs["judge"].map(labels), "Metric": costs["metric"].map(NAMES)})
    table["Model of the judge"] = costs["judge_model"]
    table["Judgements"], table["Calls"] = costs["judgements"], costs["calls"]
    table["US$"] = costs["usd"].map(lambda usd: _NONE if pd.isna(usd) else f"{usd:.4f}")
    table["Seconds per call"] = costs["seconds"].map(lambda seconds: _NONE if pd.isna(seconds) else f"{seconds:.2f}")
    return _markdown(table)


def _failures_table(failures: pd.DataFrame, live: pd.DataFrame) -> str:
    names = {"invented": "Invented claims", "differing": "Printed scores that differ", "cut": "Answers cut"}
    return _markdown(_labelled(failures, live).rename(columns=names))


def _provenance_table(live: pd.DataFrame) -> str:
    names = {
        "label": "Model",
        "model_id": "Checkpoint",
        "model_revision": "Revision",
        "dtype": "dtype",
        "judge_label": "Judge",
        "dataset": "Dataset",
        "dataset_revision": "Dataset revision",
    }
    table = live[list(names)].rename(columns=names).astype(object)
    return _markdown(table.where(table.notna(), _NONE))


def _labelled(table: pd.DataFrame, live: pd.DataFrame) -> pd.DataFrame:
    """`table` with the keys judge and model replaced by their labels, in the order of the leaderboard."""
    keys = live[["judge", "model", "label", "judge_label"]]
    merged = keys.merge(table, on=["judge", "model"], how="left").drop(columns=["judge", "model"])
    return merged.rename(columns={"label": "Model", "judge_label": "Judge"})


def _percent(fraction: float) -> str:
    return _NONE if pd.isna(fraction) else f"{100 * fraction:.1f}"


def _markdown(table: pd.DataFrame) -> str:
    """The table; texts in it, which may come from a config or an endpoint, stay in their cells and mean nothing."""
    return table.map(_cell_text).to_markdown(index=False, disable_numparse=True)


def _cell_text(value: Any) -> Any:
    return printable(" ".join(value.split())).translate(_MARKDOWN) if isinstance(value, str) else value
