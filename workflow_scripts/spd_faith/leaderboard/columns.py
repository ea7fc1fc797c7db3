"""What the columns of the leaderboard's tables are: for docs/leaderboard_columns.md and the metadata of the files."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import pyarrow as pa

from spd_faith.core.schemas import JUDGED_METRICS, PARSE_STATUSES, TASKS
from spd_faith.core.statistics import LEAST_CLUSTERS
from spd_faith.leaderboard.controls_section import estimate_columns
from spd_faith.leaderboard.failed_answers import FAILURE_KINDS
from spd_faith.leaderboard.published_protocol import METRIC_COLUMNS, SPLIT
from spd_faith.leaderboard.rows import LOWEST_RANKED_COVERAGE
from spd_faith.probes.registry import SUMMARIES
from spd_faith.scoring.breakdowns import BREAKDOWNS
from spd_faith.scoring.comparisons import SIGNIFICANT_AT
from spd_faith.scoring.control_metrics import CONTROL_METRICS, Topic
from spd_faith.scoring.interventions import SAID
from spd_faith.scoring.metric_types import Metric
from spd_faith.scoring.metrics import DESCRIPTIVE, HEADLINE_AND_OVERALL, METRICS, SECONDARY

FRACTION, NUMBER, COUNT, TEXT, TRUTH = "fraction", "number", "count", "text", "true or false"
_UNSCORED = "no pair is scored"
_UNRANKED = f"under {LOWEST_RANKED_COVERAGE:.0%} coverage, or a variant"
_UNPROBED = "the model was not probed"
_FEW_CLUSTERS = f"under {LEAST_CLUSTERS} image ids"


@dataclass(frozen=True)
class Described:
    """A column, or several with the same beginning: `endings` are further columns, named after it."""

    name: str
    unit: str
    meaning: str
    null: str = "never"
    endings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ending:
    """What a column with an ending is, relative to the one without; no unit: that one's."""

    meaning: str
    unit: str = ""
    null: str = ""


@dataclass(frozen=True)
class Part:
    title: str
    columns: tuple[Described, ...]


ENDINGS = {
    "_low": Ending("lower end of the 95% interval", null="there is no interval"),
    "_high": Ending("upper end of the 95% interval", null="there is no interval"),
    "_coverage": Ending("scored pairs / all pairs", FRACTION, "never"),
    "_bound_low": Ending("the value if every unscored pair had the lowest one"),
    "_bound_high": Ending("the value if every unscored pair had the highest one"),
    "_best": Ending("whether it is the best of the judge's ranked models or not significantly worse", TRUTH, "never"),
    "_unflagged": Ending("the value over the pairs that the truth audit does not flag", null="all pairs are flagged"),
    "_unflagged_coverage": Ending("their coverage", FRACTION, "all pairs are flagged"),
    "_n": Ending("the pairs, answers or named differences that the value is over", COUNT, "the probe was not run"),
}
_INTERVAL = ("_low", "_high")
_METRIC = (*_INTERVAL, "_coverage")
_HEADLINE = (*_METRIC, "_bound_low", "_bound_high", "_best", "_unflagged", "_unflagged_coverage")

_ROW = Part(
    "The row",
    (
        Described("rank", COUNT, "rank in Overall among the judge's models that are no variants", _UNRANKED),
        Described("rank_low", COUNT, "1 + the ranked models that are significantly better", _UNRANKED),
        Described("rank_high", COUNT, "ranked models minus the significantly worse ones", _UNRANKED),
        Described("judge", TEXT, "key of the judge in the config"),
        Described("model", TEXT, "key of the model in the config; the name in published rows"),
        Described("n", COUNT, "pairs without controls"),
        Described("label", TEXT, "name of the model on the leaderboard"),
        Described("judge_label", TEXT, "name of the judge on the leaderboard"),
        Described("origin", TEXT, "`run` or `published`"),
        Described("role", TEXT, "`model`; `variant` or `placebo` if it is another model with an intervention"),
        Described("variant_of", TEXT, "key of that other model", "it is none, or that model is not in the run"),
    ),
)
_COSTS = {
    "questions_asked": (COUNT, "different questions that were asked, controls included", "never"),
    "prompt_tokens": (COUNT, "tokens of these questions", "they are not reported"),
    "generated_tokens": (COUNT, "tokens of their answers", "they are not reported"),
    "answer_seconds": ("s", "sum of the times of the answers", "they were made elsewhere"),
    "seconds_per_answer": ("s", "mean time of an answer", "they were made elsewhere"),
    "model_usd": ("US$", "cost of the answers", "the price is unknown"),
    "calls_to_judge": (COUNT, "calls of the judge about this model's answers", "never"),
    "usd_to_judge": ("US$", "cost of these calls; one about answers of several models is in each of their rows",
                     "the price is unknown"),
}  # fmt: skip
_PROVENANCE = Part(
    "Provenance and cost",
    (
        Described("model_id", TEXT, "checkpoint, or name at the endpoint"),
        Described("model_revision", TEXT, "revision of the checkpoint, or what the endpoint reports"),
        Described("dtype", TEXT, "type of the weights", "this workflow loaded none"),
        Described("hardware", TEXT, "GPUs and processor that made the answers", "they were made elsewhere"),
        Described("dataset", TEXT, "key of the dataset"),
        Described("dataset_revision", TEXT, "revision or seed of the dataset; the source in published rows"),
        Described("judge_models", TEXT, "the judge's models, as the endpoint reports them"),
        Described("judge_calls", COUNT, "calls of the judge, over all models of the run"),
        Described("judge_usd", "US$", "cost of these calls", "the price is unknown"),
        Described("judge_seconds", "s", "mean time of a call", "there was none"),
        *(Described(name, unit, meaning, null) for name, (unit, meaning, null) in _COSTS.items()),
    ),
)
_FAILURE_MEANINGS = {
    "model": "answers that are empty, withheld, or cut before they said anything",
    "cut": "answers cut at the limit",
    "transport": "questions without a reply after all attempts",
    "timeout": "of these, timed out",
    "not_asked": "questions not asked",
}
_ERROR_OF_JUDGE = {
    "corrected": (FRACTION, "corrected by human labels", "too few labels"),
    "labelled": (COUNT, "answers with a label that is used", "never"),
    "correction": (TEXT, "status of the correction: docs/statistics.md", "never"),
}
_PROTOCOL_COUNTS = {
    "pairs": "pairs of the split",
    "dropped": "pairs that the released code drops",
    "without_content": "judged pairs without claims about the contents",
    "unscored": "pairs without DRF or CR",
}


def leaderboard_parts() -> tuple[Part, ...]:
    """The columns of leaderboard.parquet and leaderboard.csv."""
    return (
        _ROW,
        Part("Headline metrics", tuple(_metric(METRICS[name], _HEADLINE) for name in HEADLINE_AND_OVERALL)),
        Part("Secondary metrics", tuple(_metric(METRICS[name], _METRIC) for name in (*SECONDARY, *DESCRIPTIVE))),
        *(Part(topic, tuple(_controls(topic))) for topic in Topic),
        Part("The judge's error", tuple(_corrections())),
        Part("The published protocol", tuple(_protocol())),
        Part("Mechanism: internals of open-weight models", tuple(_probes())),
        Part("Answers and failures", tuple(_answers())),
        Part("Truth audit", (Described("n_unflagged", COUNT, "pairs that the truth audit does not flag"),)),
        _PROVENANCE,
    )


def leaderboard_columns() -> tuple[Described, ...]:
    """Those of all parts."""
    return tuple(column for part in leaderboard_parts() for column in part.columns)


def _metric(metric: Metric, endings: tuple[str, ...]) -> Described:
    title = f"{metric.title}: " if metric.title else ""
    unit = FRACTION if metric.is_fraction else NUMBER
    return Described(metric.name, unit, f"{title}{metric.definition}", _UNSCORED, endings)


def _controls(topic: Topic) -> Iterator[Described]:
    for metric in CONTROL_METRICS.values():
        if metric.topic is topic:
            unit = FRACTION if metric.is_fraction else NUMBER
            endings = tuple(ending for ending in estimate_columns(metric).values() if ending)
            null = f"`_n` is under {metric.least_n}" if metric.least_n > 1 else "`_n` is 0"
            yield Described(metric.name, unit, metric.definition, null, endings)


def _corrections() -> Iterator[Described]:
    for metric in JUDGED_METRICS:
        for name, (unit, meaning, null) in _ERROR_OF_JUDGE.items():
            endings = _INTERVAL if unit == FRACTION else ()
            yield Described(f"{metric}_{name}", unit, f"{METRICS[metric].label}: {meaning}", null, endings)


def _protocol() -> Iterator[Described]:
    for metric, column in METRIC_COLUMNS.items():
        yield Described(column, FRACTION, f"{METRICS[metric].label} by the published protocol", f"no split {SPLIT}")
    for name, meaning in _PROTOCOL_COUNTS.items():
        yield Described(f"protocol_{name}", COUNT, meaning, f"no split {SPLIT}")


def _probes() -> Iterator[Described]:
    yield Described("n_probed", COUNT, "probed pairs", _UNPROBED)
    for one in SUMMARIES:
        unit = FRACTION if one.is_fraction else NUMBER
        yield Described(one.name, unit, one.definition, f"{_UNPROBED}; {one.is_null}", (*_INTERVAL, "_n"))


def _answers() -> Iterator[Described]:
    for status in PARSE_STATUSES:
        yield Described(f"n_{status}", COUNT, f"descriptions with the parse status `{status}`")
    yield from _failures()
    yield Described("n_unclear", COUNT, "yes/no answers without a clear verdict")
    yield Described("n_unread", COUNT, "answers in a language that is not read")
    yield Described("unread_languages", TEXT, "these languages, most frequent first; may be empty")
    yield Described(
        "drf_json_only", FRACTION, "descriptions whose claims are in their JSON alone", "no description has one"
    )
    yield Described("transport_failures", COUNT, "questions without a reply, controls included")
    yield Described("ask_again", TEXT, "arguments of snakemake that ask only those again", "there are none")
    yield Described(
        "unsupported", TEXT, "why its intervention has no place in the model, which was not asked", "it has, or is none"
    )


def _failures() -> Iterator[Described]:
    for task in TASKS:
        for kind in FAILURE_KINDS:
            yield Described(f"{task}_{kind}", COUNT, f"`{task}`: {_FAILURE_MEANINGS[kind]}")


BREAKDOWN_COLUMNS = (
    Described("judge", TEXT, "key of the judge"),
    Described("model", TEXT, "key of the model"),
    Described("by", TEXT, f"what groups the pairs: {', '.join(f'`{one.name}`' for one in BREAKDOWNS)}"),
    Described("group", TEXT, "the group"),
    Described("n", COUNT, "pairs of the group, without controls"),
    Described("metric", TEXT, "a headline metric or Overall, or the count of a kind of failure, as in the leaderboard"),
    Described("value", f"{FRACTION}, {COUNT}", "the value of the metric, or the number of failures", _UNSCORED),
    Described("low", FRACTION, "lower end of the 95% interval", f"{_FEW_CLUSTERS}; not by split; a count"),
    Described("high", FRACTION, "upper end of the 95% interval", f"{_FEW_CLUSTERS}; not by split; a count"),
    Described("coverage", FRACTION, "scored pairs / pairs of the group", "a count"),
)
INTERVENTION_COLUMNS = (
    Described("judge", TEXT, "key of the judge"),
    Described("judge_label", TEXT, "name of the judge on the leaderboard"),
    Described("base", TEXT, "key of the model that is changed", "it is not in the run"),
    Described("model", TEXT, "key of the variant or placebo"),
    Described("label", TEXT, "its name on the leaderboard"),
    Described("role", TEXT, "`variant` or `placebo`"),
    Described("other_model", TEXT, "key of the model that it is compared with"),
    Described("other_label", TEXT, "its name on the leaderboard"),
    Described("against", TEXT, "what `other_model` is: the `base`, or a `placebo` of the same change"),
    Described("metric", TEXT, f"a headline metric, Overall, {' or '.join(f'`{name}`' for name in SAID)}"),
    Described("n", COUNT, "pairs that the metric scores for both"),
    Described("difference", f"{FRACTION}, {NUMBER}", "value of `model` minus value of `other_model`", "not defined"),
    Described("low", f"{FRACTION}, {NUMBER}", "lower end of the 95% interval", _FEW_CLUSTERS),
    Described("high", f"{FRACTION}, {NUMBER}", "upper end of the 95% interval", _FEW_CLUSTERS),
    Described("p", NUMBER, "p of “there is no difference”", _FEW_CLUSTERS),
    Described("p_holm", NUMBER, "p after Holm's correction for the rows of the judge and metric", _FEW_CLUSTERS),
    Described("seconds_ratio", NUMBER, "seconds per answer of `model` over those of `base`", "unknown"),
    Described("probing_ratio", NUMBER, "seconds of the probes' job of `model` over those of `base`", "unknown"),
)
COMPARISON_COLUMNS = (
    Described("judge", TEXT, "key of the judge"),
    Described("metric", TEXT, "a headline metric or Overall"),
    Described("model", TEXT, "key of the model"),
    Described("other_model", TEXT, "key of the model that it is compared with; each pair once"),
    Described("n", COUNT, "pairs that the metric scores for both"),
    Described("difference", FRACTION, "value of `model` minus value of `other_model`", "it is not defined"),
    Described("low", FRACTION, "lower end of the 95% interval", _FEW_CLUSTERS),
    Described("high", FRACTION, "upper end of the 95% interval", _FEW_CLUSTERS),
    Described("p", NUMBER, "p of “there is no difference”", _FEW_CLUSTERS),
    Described("p_holm", NUMBER, f"p after Holm's correction; significant up to {SIGNIFICANT_AT}", _FEW_CLUSTERS),
)


def expanded(columns: tuple[Described, ...]) -> Iterator[Described]:
    """Each column by itself."""
    for one in columns:
        yield Described(one.name, one.unit, one.meaning, one.null)
        for name in one.endings:
            ending = ENDINGS[name]
            meaning = f"{ending.meaning} ({one.name}: {one.meaning})"
            yield Described(f"{one.name}{name}", ending.unit or one.unit, meaning, ending.null or one.null)


def with_whole_counts(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of the leaderboard with counts as whole numbers, also beside rows that have none.

    Raises `TypeError` for a count that is not whole.
    """
    counts = [one.name for one in expanded(leaderboard_columns()) if one.unit == COUNT and one.name in rows]
    return rows.astype(dict.fromkeys(counts, "Int64"))


def with_descriptions(table: pa.Table, columns: tuple[Described, ...]) -> pa.Table:
    """The table with each column's unit and description in the metadata of its field."""
    found = {one.name: one for one in expanded(columns)}
    fields = [_described(field, found.get(field.name)) for field in table.schema]
    of_pandas: dict[bytes | str, bytes | str] = dict((table.schema.metadata or {}).items())  # its types
    return table.cast(pa.schema(fields, of_pandas))


def _described(field: "pa.Field[Any]", column: Described | None) -> "pa.Field[Any]":
    if column is None:
        return field
    return field.with_metadata({"unit": column.unit, "description": column.meaning, "null": column.null})


# ---- the page of the documentation -----------------------------------------------------------------------------------

_INTRODUCTION = """\
# The files of the leaderboard, and their columns

<!-- Written by workflow_scripts/write_column_docs.py: do not edit. -->

| file | what it has |
| --- | --- |
| `leaderboard.html` | the page to read and to question |
| `leaderboard.md` | the tables of the page, for GitHub |
| `leaderboard.tex` | the tables that a paper needs |
| `leaderboard.json` | the tables and notes of the page as data |
| `leaderboard.parquet`, `leaderboard.csv` | a row per model and judge, then one per published result |
| `breakdowns.parquet` | a row per judge, model, group of pairs, and metric or kind of failure |
| `comparisons.parquet` | a row per judge, metric and two models |
| `interventions.parquet` | a row per judge, metric, and variant of a model and what it is compared with |

## leaderboard.tex

With `\\usepackage{booktabs,graphicx}`, `\\input{leaderboard}` adds all tables to a paper. Single ones can be copied
with the commands that the file defines at its beginning. They are floats as wide as the page (`table*`), with a caption
and a label such as `tab:spd-faith:headline`; a table too wide or too long for a page comes in parts.
`pdflatex leaderboard.tex` makes a PDF of the tables alone. Outside of comments the file is ASCII. A character that the
fonts of pdflatex lack is named: `[U+4E2D]`.

To leave the intervals out, or to set them otherwise, define the command before `\\input`:

```latex
\\newcommand{\\spdvalue}[2]{#1} % 1: the value, 2: its interval
```

Not in the file is what serves to check a run: failures, parsing, audit, judges' cost, provenance, and DRF and CR
corrected by human labels if there are none.

## leaderboard.parquet and leaderboard.csv

A *fraction* is between 0 and 1 in Parquet; in CSV it is a percentage with two decimals, and so it is named below. A
difference of fractions can be negative. The config can choose another DQR and DS. [metrics.md](metrics.md) and
[statistics.md](statistics.md) have the formulas, [claim_sheet.md](claim_sheet.md) what one may conclude.

In Parquet the unit and the meaning of a column are also in the metadata of its field:

```python
pyarrow.parquet.read_schema("results/demo/leaderboard.parquet").field("drf").metadata
```

Published rows have the values of the headline metrics, `model`, `label`, `judge_label`, `dataset_revision` and
`origin`; all else is null there. Some columns come with others that have the same beginning, such as `drf_low` and
`drf_high` with `drf`:

"""


_ONE_DIRECTION = """\
Each pair of models is in it in one direction only: `model` can be either of the two. For the other direction, change
the sign of `difference`, `low` and `high`, and swap the last two. [statistics.md](statistics.md#one-pair-of-models) has
an example."""


def documentation() -> str:
    """docs/leaderboard_columns.md."""
    endings = [
        f"| `{name}` | {one.unit or 'as the value'} | {one.meaning} | {one.null or 'as the value'} |"
        for name, one in ENDINGS.items()
    ]
    parts = [f"### {part.title}\n\n{_of_part(part)}\n" for part in leaderboard_parts()]
    return "\n".join(
        (
            _INTRODUCTION + "\n".join(("| ending | unit | meaning | null if |", "| --- | --- | --- | --- |", *endings)),
            "",
            *parts,
            f"## breakdowns.parquet\n\n{_table(BREAKDOWN_COLUMNS)}\n",
            f"## comparisons.parquet\n\n{_ONE_DIRECTION}\n\n{_table(COMPARISON_COLUMNS)}\n",
            f"## interventions.parquet\n\n{_table(INTERVENTION_COLUMNS)}\n",
        )
    )


def _of_part(part: Part) -> str:
    """Its table; endings that all columns have are listed once."""
    common = {one.endings for one in part.columns}
    if len(part.columns) == 1 or common == {()} or len(common) > 1:
        return _table(part.columns)
    each = ", ".join(f"`{name}`" for name in part.columns[0].endings)
    return f"Each with {each}.\n\n{_table(tuple(replace(one, endings=()) for one in part.columns))}"


def _table(columns: tuple[Described, ...]) -> str:
    rows = [("column", "unit", "meaning", "null if"), ("---",) * 4]
    for one in columns:
        names = ", ".join(f"`{name}`" for name in (one.name, *one.endings))
        rows.append((names, one.unit, one.meaning.replace("|", "\\|"), one.null))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
