"""The section about interventions: what each changes in faithfulness and perception, how much is said, and the cost."""

import math
from collections.abc import Iterator, Mapping

import pandas as pd
import pyarrow as pa

from spd_faith.core.variants import VARIANT, Variant, missing_comparisons
from spd_faith.leaderboard.model import (
    COUNT,
    NUMBER,
    PERCENT,
    Cell,
    Code,
    Column,
    Difference,
    Interval,
    Missing,
    Note,
    Section,
    Table,
    Term,
    Text,
    note,
    signed_text,
    value_cell,
    warning,
)
from spd_faith.leaderboard.row_cells import MODEL_AND_JUDGE, Row, model_and_judge, role_text
from spd_faith.leaderboard.run_warnings import listing
from spd_faith.scoring.comparisons import SIGNIFICANT_AT
from spd_faith.scoring.control_metrics import CONTROL_METRICS
from spd_faith.scoring.interventions import PERCEPTION, SAID
from spd_faith.scoring.metrics import METRICS

_SHOWN = ("drf", *PERCEPTION, "cr", "overall", *SAID)
_RATIOS = ("seconds_ratio", "probing_ratio")
Variants = Mapping[str, Variant]


def interventions_section(live: pd.DataFrame, compared: pa.Table, variants: Variants) -> tuple[Section, ...]:
    """The section, empty if the run has no variants. `compared` comes from `interventions`."""
    if not variants:
        return ()
    labels = dict(zip(live["model"], live["label"], strict=True))
    reasons = dict(zip(live["model"], live["unsupported"], strict=True))
    parts: list[Note | Table] = [_how_to_read(), *_methods(variants, labels)]
    parts += [*_unsupported(reasons, labels), *_incomplete(variants, labels)]
    if len(rows := _with_scores(compared.to_pandas())):
        parts.append(_differences(rows))
    parts += [_what_is_said(), _costs(live, compared, variants)]
    return (Section("Interventions", tuple(parts), "interventions"),)


def intervention_warnings(compared: pa.Table) -> Iterator[Note]:
    """Names the variants whose significant gain in DRF comes with significantly less said or seen."""
    frame = compared.to_pandas()
    frame = frame[(frame["role"] == VARIANT) & (frame["against"] == "base") & (frame["p_holm"] <= SIGNIFICANT_AT)]
    items = []
    for _, rows in frame.groupby(["judge", "model"], sort=False):
        found = {row["metric"]: row for row in rows.to_dict("records")}
        lost = [name for name in (*SAID, *PERCEPTION) if name in found and found[name]["difference"] < 0]
        if lost and "drf" in found and found["drf"]["difference"] > 0:
            row = found["drf"]
            changes = ", ".join(_change(found[name]) for name in lost)
            items.append(f"{row['label']}, judged by {row['judge_label']}: {_change(row)}, but {changes}")
    if items:
        yield warning(
            f"Gains in DRF may be bought by silence: they come with less that is said or seen ({listing(items)}; minus "
            "the base model, each significant after Holm's correction). Do not report such a gain alone. The section "
            "“Interventions” has all differences."
        )


def _change(row: Row) -> str:
    metric = METRICS[row["metric"]]
    return f"{metric.label} {signed_text(row['difference'], PERCENT if metric.is_fraction else NUMBER)}"


def _how_to_read() -> Note:
    return note(
        "Variants of a model, changed by the key ",
        Code("intervention"),
        ", and their placebos, which do as much to something else than the images. They have no rank and change no "
        "other model's. Differences are paired, with 95% intervals and p after Holm's correction for these comparisons "
        f"alone; bold: significant, p ≤ {SIGNIFICANT_AT}. A variant helps if faithfulness rises over the base model "
        "and over the placebo, and neither perception nor how much is said falls. All metrics: ",
        Code("interventions.parquet"),
        ". Formulas: docs/statistics.md.",
    )


def _methods(variants: Variants, labels: Mapping[str, str]) -> Iterator[Note]:
    for name, variant in variants.items():
        base = "a model that is not in the run" if variant.base is None else labels[variant.base]
        kind = "placebo of a variant" if variant.is_placebo else "variant"
        yield note(Term(labels[name]), f": {variant.method}. A {kind} of {base}.")


def _unsupported(reasons: Mapping[str, str | None], labels: Mapping[str, str]) -> Iterator[Note]:
    """Why a variant has no comparisons."""
    for name, why in reasons.items():
        if pd.notna(why):
            yield note(Term(labels[name]), f": nothing to compare, because it was not asked. Unsupported: {why}.")


def _incomplete(variants: Variants, labels: Mapping[str, str]) -> Iterator[Note]:
    """What is missing to compare a variant, and how to add it."""
    for name, missing in missing_comparisons(variants):
        text, *more = missing.split("`")  # every second part is code
        spans = (Code(part) if number % 2 == 0 else part for number, part in enumerate(more))
        yield note(Term(labels[name]), f": {text}", *spans)


def _with_scores(compared: pd.DataFrame) -> pd.DataFrame:
    """The comparisons in which a pair of images is scored for both models, in some metric."""
    return compared[compared.groupby(["judge", "model", "other_model"])["n"].transform("max") > 0]


def _differences(compared: pd.DataFrame) -> Table:
    minus = Column("Minus", definition="What the model is compared with: its base model, or the placebo of its change.")
    columns = (*MODEL_AND_JUDGE, minus, *map(_difference_column, _SHOWN))
    rows = []
    for _, of_pair in compared.groupby(["judge", "model", "other_model"], sort=False):
        found = {row["metric"]: row for row in of_pair.to_dict("records")}
        first = found[_SHOWN[0]]
        against = Text(f"{first['against']}: {first['other_label']}")
        rows.append((*model_and_judge(first), against, *(_cell(found[name]) for name in _SHOWN)))
    return Table("interventions", columns, tuple(rows))


def _difference_column(name: str) -> Column:
    metric = METRICS[name]
    what = "in percentage points" if metric.is_fraction else "in number"
    return Column(
        metric.label,
        PERCENT if metric.is_fraction else NUMBER,
        f"{metric.label} minus that of the other model, {what}, over the pairs scored for both. {metric.better}",
    )


def _cell(row: Row) -> Cell:
    if pd.isna(row["difference"]):
        return Missing()
    if pd.isna(row["p_holm"]):
        return Difference(row["difference"], is_significant=False)
    is_significant = row["p_holm"] <= SIGNIFICANT_AT
    return Difference(row["difference"], is_significant, row["low"], row["high"], row["p_holm"])


# ---- how much is said, and the cost ----------------------------------------------------------------------------------


def _what_is_said() -> Note:
    return note(
        "How much is said, and the cost. A gain in faithfulness with fewer claims, listed or named differences may be "
        "bought by silence. cff is not tested: it is conditional on what each model named.",
    )


def _costs(live: pd.DataFrame, compared: pa.Table, variants: Variants) -> Table:
    """A row per judge and model that has variants, followed by those."""
    labels = dict(zip(live["model"], live["label"], strict=True))
    ratios = {row["model"]: row for row in compared.to_pandas().to_dict("records")}
    families: dict[str, list[str]] = {}
    for name, variant in variants.items():
        families.setdefault(variant.base or name, [] if variant.base is None else [variant.base]).append(name)
    shown = [name for family in families.values() for name in family]
    rows = []
    for _, of_judge in live.groupby("judge", sort=False):
        found = {row["model"]: row for row in of_judge.to_dict("records")}
        for name in shown:
            row, unchanged = found[name], math.nan if name in variants else 1.0
            rows.append(
                (
                    *model_and_judge(row),
                    Text(role_text(row, labels) or "base"),
                    *(value_cell(row[metric]) for metric in SAID),
                    value_cell(row["generated_tokens"] / (row["questions_asked"] or math.nan)),
                    value_cell(row["cff_n"]),
                    _cff(row),
                    value_cell(row["seconds_per_answer"]),
                    *(value_cell(ratios[name][one] if name in ratios else unchanged) for one in _RATIOS),
                )
            )
    return Table("interventions_cost", (*MODEL_AND_JUDGE, *_cost_columns()), tuple(rows))


def _cost_columns() -> Iterator[Column]:
    yield Column("What", definition="The base model, a variant of it, or the placebo of a variant.")
    for name in SAID:
        yield Column(METRICS[name].label, NUMBER, METRICS[name].meaning)
    yield Column("Tokens per answer", NUMBER, "Generated tokens over the answers to all questions, controls included.")
    cff = CONTROL_METRICS["cff"]
    yield Column(cff.count_label, COUNT, "Undone differences that the model names on the base pair.")
    yield Column(cff.label, PERCENT, f"{cff.definition}. “–” under {cff.least_n} named differences.")
    yield Column("Seconds per answer", NUMBER, "The mean time of an answer. Lower is faster.")
    yield Column("Times the base", NUMBER, "Seconds per answer over those of the base model, as they were measured.")
    yield Column("Probing, times the base", NUMBER, "Seconds of the job of the probes over those of the base model.")


def _cff(row: Row) -> Cell:
    ends = (row["cff"], row["cff_low"], row["cff_high"])
    return value_cell(row["cff"]) if any(pd.isna(end) for end in ends) else Interval(*ends)
