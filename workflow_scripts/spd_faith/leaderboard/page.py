"""The page of the leaderboard: its sections in their order. Each is made by a module of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa

from spd_faith.leaderboard.audit_section import audit_section, audit_warning
from spd_faith.leaderboard.comparisons_section import BOLD, RANKS, comparisons_section
from spd_faith.leaderboard.controls_section import baselines_section, controls_section
from spd_faith.leaderboard.corrections import correction_note, correction_section
from spd_faith.leaderboard.costs import costs_section
from spd_faith.leaderboard.failures_section import failures_section, parsing_section
from spd_faith.leaderboard.glossary import glossary_section, one_answer_section
from spd_faith.leaderboard.interventions_section import Variants, intervention_warnings, interventions_section
from spd_faith.leaderboard.judges_section import judges_section
from spd_faith.leaderboard.metric_columns import Chosen
from spd_faith.leaderboard.metric_sections import breakdowns_section, headline_table, secondary_section
from spd_faith.leaderboard.model import Code, Note, Section, Term, counted, note
from spd_faith.leaderboard.probe_section import probe_section
from spd_faith.leaderboard.provenance_section import provenance_section
from spd_faith.leaderboard.published_protocol import protocol_section
from spd_faith.leaderboard.reasoning_errors_section import reasoning_errors_section
from spd_faith.leaderboard.rows import LOWEST_RANKED_COVERAGE
from spd_faith.leaderboard.run_warnings import run_warnings
from spd_faith.scoring.aggregate import Aggregate
from spd_faith.scoring.metrics import HEADLINE, METRICS


@dataclass(frozen=True)
class Findings:
    """The data of the page: rows of the run's models and of published ones, and further tables.

    `live` comes from `with_standings` with the columns of further tables, `comparisons` from `compare_models`, `floors`
    from `constant_answers`. `chosen` has the variants of headline metrics that the config chooses,
    `controls` the counts of controls that the dataset's provenance records.
    `failed` has the failed answers by group (`failures_by_group`).
    `costs` and `failures` are about the judges (`judge_costs`, `judge_failures`), `unmeasured` about the probes
    (`not_measured`); `audit` is the truth audit (AUDIT), `corrections` from `scoring.correction`.
    `variants` are the run's variants, `interventions` their comparisons (`interventions`).
    `samples` is SAMPLES, `record` the content of run.json (`run_record`).
    """

    live: pd.DataFrame
    published: pd.DataFrame
    aggregate: Aggregate
    comparisons: pa.Table
    interventions: pa.Table
    variants: Variants
    corrections: pd.DataFrame
    floors: pd.DataFrame
    controls: Mapping[str, Any]
    failed: pd.DataFrame
    costs: pd.DataFrame
    failures: pd.DataFrame
    unmeasured: pd.DataFrame
    audit: pa.Table
    samples: pa.Table
    chosen: Chosen
    record: Mapping[str, Any]


def leaderboard_page(dataset: str, found: Findings) -> Section:
    """The complete page; `dataset` is the label of the dataset."""
    live = found.live.to_dict("records")
    return Section(
        f"SPD-Faith leaderboard: {dataset}",
        (
            _how_to_read(live[0]["n"]),
            _abbreviations(),
            *run_warnings(live, found.failures, found.aggregate, found.samples),
            *intervention_warnings(found.interventions),
            *audit_warning(found.audit),
            headline_table(found.live, found.chosen),
            correction_note(found.corrections),
            baselines_section(found.floors, live, found.chosen),
            *comparisons_section(found.live, found.comparisons),
            *interventions_section(found.live, found.interventions, found.variants),
            controls_section(live, found.controls),
            correction_section(found.live, found.corrections),
            protocol_section(found.live, found.published),
            secondary_section(live, found.chosen),
            breakdowns_section(found.aggregate, live, found.chosen),
            failures_section(live, found.failed),
            parsing_section(live),
            reasoning_errors_section(found.aggregate, live),
            *probe_section(found.live, found.unmeasured),
            audit_section(found.audit, live, found.chosen),
            costs_section(live),
            judges_section(found.costs, found.failures, live),
            one_answer_section(found.samples, live),
            provenance_section(live, found.record),
            glossary_section(found.chosen),
        ),
    )


def _how_to_read(pairs: int) -> Note:
    return note(
        f"Percentages over {counted(pairs, 'pair')}; in brackets 95% intervals (bootstrap of images within split). "
        f"Bold: {BOLD}; {RANKS}. Below {LOWEST_RANKED_COVERAGE:.0%} coverage there is no rank. Where questions got no "
        "reply or judgements failed, ",
        Code("bounds"),
        " give the lowest and the highest value that scoring those pairs could lead to.",
    )


def _abbreviations() -> Note:
    titles = {METRICS[name].label: METRICS[name].title for name in HEADLINE}
    spans = [span for label, title in titles.items() for span in (Term(label), f": {title}. ")]
    return note(*spans, Term(METRICS["overall"].label), ": the mean of these. The glossary says what each measures.")
