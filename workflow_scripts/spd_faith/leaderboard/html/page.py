"""The leaderboard as one HTML page: the wide table, charts, the sections of the leaderboard's data, and samples."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pandas as pd

from spd_faith.core.html import page_script, render_page
from spd_faith.core.latex import commands
from spd_faith.core.run_config import RecordedRun
from spd_faith.core.variants import MODEL, bases_of
from spd_faith.leaderboard.html.charts import (
    breakdown_charts,
    comparison_charts,
    intervention_charts,
    seeing_and_reasoning,
)
from spd_faith.leaderboard.html.libraries import data_tables, data_tables_style, vega_lite
from spd_faith.leaderboard.html.samples import STYLE as SAMPLES_STYLE
from spd_faith.leaderboard.html.samples import SamplesData, samples_script
from spd_faith.leaderboard.html.views import note_view, section_view
from spd_faith.leaderboard.html.wide_table import wide_table
from spd_faith.leaderboard.model import Note, Section, Text, Value, tables_in
from spd_faith.probes.figure_catalogue import FigureInfo, declared_figures
from spd_faith.probes.registry import PROBES
from spd_faith.scoring.comparisons import SIGNIFICANT_AT
from spd_faith.scoring.metrics import HEADLINE_AND_OVERALL, METRICS


@dataclass(frozen=True)
class PageTables:
    """The rows of leaderboard.parquet that are the run's, and those of breakdowns.parquet, comparisons.parquet and
    interventions.parquet."""

    live: pd.DataFrame
    breakdowns: pd.DataFrame
    comparisons: pd.DataFrame
    interventions: pd.DataFrame


@dataclass(frozen=True)
class Figures:
    """The figures of a model's probes, beside the page; each may be missing."""

    label: str
    folder: str
    """Relative to the page, as a URL."""
    declared: Sequence[FigureInfo]


def leaderboard_html(
    page: Section, tables: PageTables, figures: Sequence[Figures], samples: SamplesData | None = None
) -> str:
    """The page as HTML."""
    sections = [part for part in page.parts if isinstance(part, Section)]
    notes = [note_view(part) for part in page.parts if isinstance(part, Note)]
    sets = {
        "seeing": seeing_and_reasoning(tables.live, _constant_answers(page)),
        "breakdowns": breakdown_charts(tables.breakdowns, tables.live),
        "comparisons": comparison_charts(tables.comparisons, tables.live, SIGNIFICANT_AT),
        "interventions": intervention_charts(tables.interventions, tables.live),
    }
    return render_page(
        "leaderboard.html.j2",
        title=page.title,
        styles=("common.css", data_tables_style(), "leaderboard.css", SAMPLES_STYLE),
        scripts=(data_tables(), vega_lite(), page_script("leaderboard.js"), *([samples_script()] if samples else [])),
        data={
            "charts": {chart.name: chart.spec for one in sets.values() for chart in one.charts},
            "latex": commands(),
            **({"samples-data": samples.data} if samples else {}),
        },
        warnings=[note for note in notes if note.is_warning],
        notes=[note for note in notes if not note.is_warning],
        wide=wide_table(page),
        charts=sets,
        has_variants=bool((tables.live["role"] != MODEL).any()),
        sections=[section_view(section) for section in sections],
        figures=figures,
        samples=samples,
    )


def _constant_answers(page: Section) -> list[dict[str, Any]]:
    """The metrics of each constant answer, from the table of baselines without the images."""
    names = {METRICS[name].label: name for name in HEADLINE_AND_OVERALL}
    found = []
    for table in tables_in(page):
        for row in table.rows if table.name == "baselines" else ():
            match row[0]:
                case Text(answer, ""):  # a model's permuted answers have its key
                    values = zip(table.columns, row, strict=True)
                    metrics = {names[one.title]: cell.value for one, cell in values if isinstance(cell, Value)}
                    found.append({"answer": answer} | metrics)
    return found


def figures_of(run: RecordedRun, models: Iterable[str], folder: str = "figures") -> list[Figures]:
    """The figures of the models that the run probes, in their order here; `folder` has them, relative to the page.

    The page cannot know which answers have a figure of their own.
    """
    bases = bases_of(run.variants.values())
    return [
        Figures(run.models[name].label, quote(f"{folder}/{name}"), _named_figures(run.probes[name], name in bases))
        for name in models
        if name in run.probes
    ]


def _named_figures(probes: Iterable[str], has_variants: bool) -> list[FigureInfo]:
    """The figures of a model with these probes whose names are known."""
    declared = declared_figures([PROBES[name] for name in probes], has_variants)
    return [figure for figure in declared if not figure.is_pattern]
