"""Ranks, coverage and bounds on the leaderboard, and what its pages show."""

import contextlib
import re
from collections import Counter
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pandas as pd
import pyarrow as pa
import pytest
from scoring.tables import BEDROOM, judged, judgements_table, parsed, parsed_table, sample, samples_table

from spd_faith.core.paths import ResultPaths
from spd_faith.core.schemas import AUDIT, IMAGES, RESPONSES, TASKS
from spd_faith.leaderboard.answer_signs import answer_signs, reasoning_signs
from spd_faith.leaderboard.comparisons_section import comparisons_section, with_standings
from spd_faith.leaderboard.controls_section import control_columns, controls_section
from spd_faith.leaderboard.corrections import with_corrections
from spd_faith.leaderboard.costs import IMAGE_COLUMNS, judging_costs, model_costs
from spd_faith.leaderboard.failed_answers import failed_answers, failures_by_group
from spd_faith.leaderboard.glossary import glossary, one_answer_section
from spd_faith.leaderboard.judges import judge_costs, judge_failures
from spd_faith.leaderboard.metric_sections import headline_table
from spd_faith.leaderboard.model import (
    NUMBER,
    PERCENT,
    PERCENT_SIGN,
    Bounded,
    Code,
    Column,
    Difference,
    Group,
    Interval,
    Leaderboard,
    Missing,
    Ranks,
    Section,
    Table,
    Text,
    Unit,
    Unranked,
    Value,
    tables_in,
)
from spd_faith.leaderboard.page import Findings, leaderboard_page
from spd_faith.leaderboard.probe_section import probe_section
from spd_faith.leaderboard.probe_summary import not_measured, probe_summaries
from spd_faith.leaderboard.published_protocol import by_published_protocol
from spd_faith.leaderboard.renderers import SUFFIXES, render
from spd_faith.leaderboard.renderers.md import table_text
from spd_faith.leaderboard.results import ANSWER_COLUMNS
from spd_faith.leaderboard.rows import Provenance, fractions, live_rows, published_rows
from spd_faith.probes.registry import PROBES
from spd_faith.scoring.aggregate import Aggregate, aggregate
from spd_faith.scoring.comparisons import COMPARISONS_SCHEMA, compare_models
from spd_faith.scoring.control_values import control_metrics
from spd_faith.scoring.correction import corrections
from spd_faith.scoring.floors import constant_answers
from spd_faith.scoring.interventions import INTERVENTIONS_SCHEMA
from spd_faith.scoring.metrics import HEADLINE_AND_OVERALL
from spd_faith.scoring.samples import score_table

IDS = [f"easy/{row:05d}_{row}" for row in range(4)]
SAMPLES = samples_table(*(sample(name, image_id=name[-1]) for name in IDS))
PUBLISHED = Path(__file__).resolve().parents[2] / "resources/published_results.csv"


PATHS = ResultPaths(Path("results/demo"))
ANSWERS = pa.Table.from_pylist(
    [
        {"sample_id": i, "task": task, "prompt_sha": task, "finish_reason": "stop", "seconds": 0.5}
        for i in IDS
        for task in TASKS
    ],
    schema=pa.schema([RESPONSES.field(name) for name in ANSWER_COLUMNS]),
)
HASHES = pa.Table.from_pylist(
    [{"sample_id": i, "original_sha256": i, "modified_sha256": i} for i in IDS],
    schema=pa.schema([IMAGES.field(name) for name in IMAGE_COLUMNS]),
)
CHOSEN = {"dqr": "recall", "ds": "detection"}
RECORD = {
    "git_commit": None,
    "hardware": "a processor",
    "command": "snakemake",
    "dataset": {},
    "prompts": {"describe": "0"},
    "packages": {"numpy": "2", "torch": None},
    "job_seconds": {"run_inference": 3.0},
}


def results(unscored: int) -> tuple[pa.Table, pa.Table]:
    """(scores, judgements) of a model that finds everything, where the judge fails on the DRF of some samples."""
    answers = parsed_table(*(parsed(name, BEDROOM, stated=3) for name in IDS))
    drf = [None if row < unscored else (2, 0, 0) for row in range(len(IDS))]
    judgements = judgements_table(
        *(judged(name, drf=counts, cr=(1, 0, 0)) for name, counts in zip(IDS, drf, strict=True))
    )
    return score_table(SAMPLES, answers, judgements, "recall", "detection"), judgements


def poor_results() -> tuple[pa.Table, pa.Table]:
    answers = parsed_table(*(parsed(name, [("color", "dog")], stated=1, verdicts=("same", "differs")) for name in IDS))
    judgements = judgements_table(*(judged(name, drf=(0, 1, 0), cr=(0, 1, 0)) for name in IDS))
    return score_table(SAMPLES, answers, judgements, "recall", "detection"), judgements


def audit_table(flags: dict[str, list[str]]) -> pa.Table:
    """Equal images of all samples; `flags` by sample id."""
    row = {"equal_size": True, "noise": 0.0, "outside": 0, "empty_boxes": [], "missing_boxes": []}
    return pa.Table.from_pylist([row | {"sample_id": name, "flags": flags.get(name, [])} for name in IDS], schema=AUDIT)


def provenance(label: str) -> Provenance:
    return Provenance(
        label, "By hand", "owner/name", "0123abc", "float32", "a GPU", "beds", "v1", "hand", 0, None, None
    )


ENTRIES = {"good": results(0), "partly": results(1), "poor": poor_results()}
SCORES_BY_ENTRY = {("hand", model): tables[0] for model, tables in ENTRIES.items()}
NOT_CORRECTED = corrections(SAMPLES, SCORES_BY_ENTRY, None, 200, 0).to_pandas()
JUDGEMENTS_BY_ENTRY = {("hand", model): tables[1] for model, tables in ENTRIES.items()}
with patch("spd_faith.scoring.comparisons.LEAST_CLUSTERS", 1):  # four images are too few for a run to be tested
    COMPARISONS = compare_models(SAMPLES, SCORES_BY_ENTRY, 200, 0)


@pytest.fixture(scope="module")
def aggregated() -> Aggregate:
    return aggregate(SAMPLES, SCORES_BY_ENTRY, JUDGEMENTS_BY_ENTRY)


def leaderboard(
    aggregated: Aggregate,
    live: pd.DataFrame,
    published: pd.DataFrame,
    unmeasured: pd.DataFrame | None = None,
    controls: dict[str, Any] | None = None,
) -> Leaderboard:
    found = Findings(
        live=live,
        published=published,
        aggregate=aggregated,
        comparisons=COMPARISONS,
        interventions=INTERVENTIONS_SCHEMA.empty_table(),
        variants={},
        corrections=NOT_CORRECTED,
        controls=controls or {},
        floors=constant_answers(SAMPLES, "recall", "detection").to_pandas(),
        costs=judge_costs(JUDGEMENTS_BY_ENTRY),
        failures=judge_failures(JUDGEMENTS_BY_ENTRY),
        failed=failures_by_group(SAMPLES, {}),
        unmeasured=not_measured({}) if unmeasured is None else unmeasured,
        audit=audit_table({}),
        samples=SAMPLES,
        chosen=CHOSEN,
        record=RECORD,
    )
    rows = pd.concat([live, published], ignore_index=True)
    return Leaderboard(leaderboard_page("Beds", found), rows, fractions())


def page_of(*parts: Any) -> str:
    return render("md", leaderboard(*parts))


def csv_of(rows: pd.DataFrame) -> pd.DataFrame:
    text = render("csv", Leaderboard(Section("Beds", ()), rows, fractions()))
    return pd.read_csv(StringIO(text)).set_index("model")


def cells(table: Table, title: str) -> dict[str, Any]:
    """The cells below a title, by the label of the model."""
    titles = [column.title for column in table.columns]
    return {row[titles.index("Model")].text: row[titles.index(title)] for row in table.rows}


@pytest.fixture(scope="module")
def live(aggregated: Aggregate) -> pd.DataFrame:
    rows = live_rows(aggregated, {("hand", model): provenance(model.title()) for model in ("good", "partly", "poor")})
    rows = with_corrections(with_standings(rows, COMPARISONS), NOT_CORRECTED)
    protocol = by_published_protocol(SAMPLES, dict.fromkeys(ENTRIES, parsed_table()), SCORES_BY_ENTRY)
    rows = rows.merge(protocol, on=["judge", "model"])
    rows = rows.merge(control_columns(control_metrics(SAMPLES, SCORES_BY_ENTRY, 100, 0)), on=["judge", "model"])
    rows = rows.merge(probe_summaries(SAMPLES, {}, 100, 0), on="model", how="left")
    read = dict.fromkeys(ENTRIES, parsed_table(*(parsed(name, BEDROOM) for name in IDS)))
    rows = rows.merge(answer_signs(SAMPLES, read), on="model")
    rows = rows.merge(reasoning_signs(SAMPLES, read, JUDGEMENTS_BY_ENTRY), on=["judge", "model"])
    rows = rows.merge(judging_costs(JUDGEMENTS_BY_ENTRY), on=["judge", "model"])
    rows = rows.merge(model_costs(HASHES, dict.fromkeys(rows["model"], ANSWERS)), on="model")
    return rows.merge(failed_answers(SAMPLES, dict.fromkeys(rows["model"], ANSWERS), PATHS, {}), on="model")


@pytest.fixture(scope="module")
def published() -> pd.DataFrame:
    return published_rows(pd.read_csv(PUBLISHED))


def test_a_model_that_finds_everything_has_ones(live: pd.DataFrame) -> None:
    good = live.set_index("model").loc["good"]
    assert [good[metric] for metric in HEADLINE_AND_OVERALL] == [1.0] * 7
    assert (good["overall_low"], good["overall_high"]) == (1.0, 1.0)
    assert good["n"] == 4 and good["n_json"] == 4 and good["n_no_response"] == 0


def test_overall_of_the_poor_model(live: pd.DataFrame) -> None:
    # DQR 1/3, DS 1/2; of TF1 the color matches: 2·1/(1+3); no category, no claim
    poor = live.set_index("model").loc["poor"]
    assert [poor[metric] for metric in HEADLINE_AND_OVERALL[:-1]] == pytest.approx([0, 1 / 2, 0, 1 / 3, 1 / 2, 0])
    assert poor["overall"] == pytest.approx((1 / 2 + 1 / 3 + 1 / 2) / 6)


def test_low_coverage_has_bounds_and_no_rank(live: pd.DataFrame) -> None:
    rows = live.set_index("model")
    assert rows.loc["partly", "drf_coverage"] == 0.75
    assert (rows.loc["partly", "drf_bound_low"], rows.loc["partly", "drf_bound_high"]) == (0.75, 1.0)
    assert pd.isna(rows.loc["partly", "rank"])
    assert rows["rank"].dropna().to_dict() == {"good": 1, "poor": 2}
    line = next(line for line in table_text(headline_table(live, CHOSEN)).splitlines() if "Partly" in line)
    assert line.startswith("| –") and "bounds 75.0 to 100.0 at 75.0% coverage" in line


def test_a_cell_says_what_state_it_is_in(live: pd.DataFrame) -> None:
    table = headline_table(live, CHOSEN)
    assert cells(table, "Rank") == {"Good": Ranks(1, 1), "Poor": Ranks(2, 2), "Partly": Unranked()}
    assert cells(table, "DRF") == {
        "Good": Interval(1, 1, 1, is_best=True),
        "Poor": Interval(0, 0, 0),
        "Partly": Bounded(1, 1, 1, bound_low=0.75, bound_high=1, coverage=0.75),
    }
    nothing = live.assign(drf=float("nan"))
    assert set(cells(headline_table(nothing, CHOSEN), "DRF").values()) == {Missing()}


def test_a_row_has_a_cell_per_column() -> None:
    with pytest.raises(ValueError, match="odd"):
        Table("odd", (Column("Model"),), ((Text("a"), Text("b")),))


def test_unscored_judgements_are_counted_above_the_table(
    aggregated: Aggregate, live: pd.DataFrame, published: pd.DataFrame
) -> None:
    page = page_of(aggregated, live, published)
    reasons = Counter(row["status"] for row in JUDGEMENTS_BY_ENTRY["hand", "partly"].to_pylist())
    [reason] = [status for status in reasons if status.startswith("unscored:")]
    warning = f"DRF and CR together (Partly, judged by By hand: {reasons[reason]} {reason})."
    assert page.index(warning) < page.index("Rank")


def test_each_judge_has_its_own_ranks() -> None:
    tables = {("strict", "good"): results(0), ("strict", "poor"): poor_results(), ("kind", "poor"): results(0)}
    scores, judgements = ({key: pair[part] for key, pair in tables.items()} for part in (0, 1))
    rows = live_rows(aggregate(SAMPLES, scores, judgements), {key: provenance("") for key in tables})
    assert rows[["judge", "model", "rank"]].to_numpy().tolist() == [
        ["kind", "poor", 1],
        ["strict", "good", 1],
        ["strict", "poor", 2],
    ]


def test_published_rows_have_no_rank_and_stand_below(
    aggregated: Aggregate, live: pd.DataFrame, published: pd.DataFrame
) -> None:
    page = page_of(aggregated, live, published)
    sections = page.split("\n## ")
    assert "Good" in sections[0] and "GLM-4.5V" not in sections[0]
    [protocol] = [section for section in sections if "GLM-4.5V" in section]
    assert protocol.startswith("The published protocol") and "58.3" in protocol
    assert sections[1].startswith("Baselines without the images")
    provenance_section = next(section for section in sections if section.startswith("Provenance"))
    for expected in ("owner/name", "0123abc", "By hand", "beds", "v1"):
        assert expected in provenance_section


def test_every_table_of_the_page_is_regular(aggregated: Aggregate, live: pd.DataFrame, published: pd.DataFrame) -> None:
    page = page_of(aggregated, live, published)
    tables = [block.splitlines() for block in page.split("\n\n") if block.startswith("|")]
    assert len(tables) == 20
    for lines in tables:
        assert len({line.count("|") for line in lines}) == 1 and len(lines) > 2
    assert not re.search(r"\bnan\b|<na>|\bnone\b", page, re.IGNORECASE)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format_has_every_row(
    suffix: str, aggregated: Aggregate, live: pd.DataFrame, published: pd.DataFrame
) -> None:
    text = render(suffix, leaderboard(aggregated, live, published))
    assert [label for label in ("Good", "Partly", "Poor", "Qwen2.5-VL-72B") if label not in text] == []


def test_the_csv_holds_percentages_as_plain_numbers(live: pd.DataFrame, published: pd.DataFrame) -> None:
    rows = pd.concat([live, published], ignore_index=True)
    csv = csv_of(rows)
    assert csv.loc["good", "drf"] == 100 and csv.loc["poor", "dqr"] == 33.33
    assert csv.loc["partly", "drf_coverage"] == 75
    assert csv.loc["good", "drf_claims"] == 2  # claims per pair are no percentage
    assert csv.loc["good", "drf_claims_coverage"] == 100
    assert csv.loc["Qwen2.5-VL-72B", ["dqr", "ds", "overall"]].tolist() == [61.6, 44.4, 49.9]
    assert csv["origin"].value_counts().to_dict() == {"published": 6, "run": 3}


# ---- comparisons -----------------------------------------------------------------------------------------------------


def live_of(**overall: float | None) -> pd.DataFrame:
    """Rows with what `with_standings` needs: all metrics like Overall, no rank where that is None."""
    ranks = iter(range(1, len(overall) + 1))
    rows = [
        {"rank": None if value is None else next(ranks), "judge": "hand", "model": model, "label": model.title()}
        | {
            "judge_label": "By hand",
            "role": "model",
            **dict.fromkeys(HEADLINE_AND_OVERALL, 0.99 if value is None else value),
        }
        for model, value in overall.items()
    ]
    return pd.DataFrame(rows).astype({"rank": "Int64"})


def comparisons_of(**p_holm: float) -> pa.Table:
    """A difference of 0.1 in every metric for each pair, named as better_worse, with Holm's p."""
    rows = [
        {"judge": "hand", "metric": metric, "model": pair.split("_")[0], "other_model": pair.split("_")[1]}
        | {"difference": 0.1, "p_holm": p}
        for pair, p in p_holm.items()
        for metric in HEADLINE_AND_OVERALL
    ]
    return pa.Table.from_pylist(rows, schema=COMPARISONS_SCHEMA)


def test_standings() -> None:
    """b is not significantly worse than a, c is. d has no rank: it is better than c, but nobody's rank knows."""
    live = live_of(a=0.9, b=0.8, c=0.7, d=None)
    compared = comparisons_of(a_b=0.051, a_c=0.05, b_c=0.2, d_c=0.001)
    rows = with_standings(live, compared).set_index("model")
    assert rows.columns[:3].tolist() == ["rank", "rank_low", "rank_high"]
    assert rows.loc[["a", "b", "c"], ["rank_low", "rank_high"]].to_numpy().tolist() == [[1, 2], [1, 3], [2, 3]]
    assert rows.loc["d", ["rank", "rank_low", "rank_high"]].isna().all()
    for metric in HEADLINE_AND_OVERALL:
        assert rows[f"{metric}_best"].to_dict() == {"a": True, "b": True, "c": False, "d": False}


def test_the_best_of_one_metric_need_not_lead() -> None:
    live = live_of(a=0.9, b=0.8)
    live["drf"] = [0.1, 0.2]
    rows = with_standings(live, comparisons_of(a_b=0.01)).set_index("model")  # in DRF b is compared as worse: no matter
    assert rows["drf_best"].to_dict() == {"a": True, "b": True}
    assert rows["cr_best"].to_dict() == {"a": True, "b": False}


def test_a_model_alone_has_rank_1_and_nothing_to_be_best_of() -> None:
    rows = with_standings(live_of(a=0.9), COMPARISONS_SCHEMA.empty_table())
    assert rows.loc[0, ["rank_low", "rank_high"]].tolist() == [1, 1]
    assert not rows["overall_best"].any()
    assert comparisons_section(rows, COMPARISONS_SCHEMA.empty_table()) == ()


def test_the_matrix_has_the_row_minus_the_column() -> None:
    compared = comparisons_of(a_b=0.3, a_c=0.01)  # b and c: not comparable
    (section,) = comparisons_section(with_standings(live_of(a=0.9, b=0.8, c=0.7), compared), compared)
    tables = [part for part in section.parts[1].parts if isinstance(part, Table)]
    assert [table.name for table in tables] == ["comparisons_overall_hand", "comparisons_drf_hand"]
    assert [column.title for column in tables[0].columns] == ["Model", "A", "B", "C"]
    assert [row[1:] for row in tables[0].rows] == [
        (Missing(), Difference(0.1, False), Difference(0.1, True)),
        (Difference(-0.1, False), Missing(), Missing()),
        (Difference(-0.1, True), Missing(), Missing()),
    ]
    lines = table_text(tables[0]).splitlines()[2:]
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert found == [
        ["A", "–", "+10.0", "**+10.0**"],
        ["B", "−10.0", "–", "–"],
        ["C", "**−10.0**", "–", "–"],
    ]


@pytest.mark.parametrize(("number", "titles"), [(6, ["Model", *"ABCDEF"]), (7, ["No.", "Model", *"1234567"])])
def test_a_matrix_of_up_to_six_models_names_its_columns(number: int, titles: list[str]) -> None:
    rows = with_standings(live_of(**dict.fromkeys("abcdefg"[:number], 0.5)), compared := comparisons_of(a_b=0.3))
    (section,) = comparisons_section(rows, compared)
    table = next(part for part in section.parts[1].parts if isinstance(part, Table))
    assert [column.title for column in table.columns] == titles
    first = table.rows[0][: len(titles) - number]
    assert first == ((Text("A"),) if number == 6 else (Value(1), Text("A")))


def test_ranks_and_best_values_in_markdown_and_csv(live: pd.DataFrame, published: pd.DataFrame) -> None:
    uncertain = live.assign(rank_high=live["rank_high"].where(live["model"] != "good", 2))
    good = next(line for line in table_text(headline_table(uncertain, CHOSEN)).splitlines() if "Good" in line)
    assert good.startswith("| 1–2 ") and "| **100.0** [100.0, 100.0]" in good
    poor = next(line for line in table_text(headline_table(live, CHOSEN)).splitlines() if "Poor" in line)
    assert poor.startswith("| 2 ") and "**" not in poor
    csv = csv_of(pd.concat([live, published], ignore_index=True))
    assert csv.loc["poor", ["rank", "rank_low", "rank_high"]].tolist() == [2, 2, 2]
    assert csv.columns[:4].tolist() == ["rank", "rank_low", "rank_high", "judge"]


def test_without_tests_nothing_is_better_or_best(live: pd.DataFrame) -> None:
    untested = compare_models(SAMPLES, SCORES_BY_ENTRY, 200, 0)  # four images
    assert untested["p"].null_count == len(untested)
    rows = with_standings(live.drop(columns=["rank_low", "rank_high"]), untested)
    ranked = rows[rows["rank"].notna()]
    assert set(zip(ranked["rank_low"], ranked["rank_high"], strict=True)) == {(1, len(ranked))}
    assert not ranked[[f"{metric}_best" for metric in HEADLINE_AND_OVERALL]].to_numpy().any()


def test_few_images_and_merged_splits_are_stated_beside_the_intervals(
    aggregated: Aggregate, live: pd.DataFrame, published: pd.DataFrame
) -> None:
    page = page_of(aggregated, live, published)
    note = "The run has only 4 image ids: the intervals are too narrow, and models are not tested."
    assert page.index(note) < page.index("| Rank")
    merged = replace(aggregated, num_clusters=31, merged_splits=(("easy", "hard"), ("medium", "multi_diff")))
    page = page_of(merged, live, published)
    note = (
        "Splits with under 10 image ids are merged for the intervals: easy + hard; medium + multi_diff. "
        "Do not compare models on the small ones alone (easy: 4)."
    )
    assert page.index(note) < page.index("| Rank") and "The run has only" not in page


def test_the_breakdown_by_split_has_intervals(aggregated: Aggregate, live: pd.DataFrame, published: Any) -> None:
    rows = [
        row | ({"low": 0.25, "high": 0.75} if row["by"] == "split" and row["metric"] == "ds" else {})
        for row in aggregated.breakdowns.to_pylist()
    ]
    changed = replace(aggregated, breakdowns=pa.Table.from_pylist(rows, schema=aggregated.breakdowns.schema))
    page = page_of(changed, live, published)
    by_split = page.split("### Split")[1].split("### ")[0]
    poor = next(line for line in by_split.splitlines() if "Poor" in line)
    assert "| 50.0 [25.0, 75.0] " in poor and poor.count("[") == 1
    assert "Splits with under 10 image ids have no interval." in by_split


def test_a_group_without_a_value_keeps_its_row_and_shows_its_coverage(
    aggregated: Aggregate, live: pd.DataFrame, published: Any
) -> None:
    unscored = {"value": None, "low": None, "high": None, "coverage": 0.0}
    rows = [
        row | (unscored if (row["by"], row["model"]) == ("split", "poor") else {})
        for row in aggregated.breakdowns.to_pylist()
    ]
    changed = replace(aggregated, breakdowns=pa.Table.from_pylist(rows, schema=aggregated.breakdowns.schema))
    by_split = page_of(changed, live, published).split("### Split")[1].split("### ")[0]
    poor = next(line for line in by_split.splitlines() if "Poor" in line)
    assert [cell.strip() for cell in poor.split("|")][5:-1] == ["–"] * 7 + ["0.0%"]


# ---- inside the open models ------------------------------------------------------------------------------------------


def probe_table(probe: str, **measures: list[float | None]) -> pa.Table:
    """One row per sample; a sample without numbers has no boxes."""
    rows = [
        {"sample_id": name, "task": "describe", "dtype": "float32"}
        | {"status": "no_boxes" if None in values else "ok", **dict(zip(measures, values, strict=True))}
        for name, *values in zip(IDS, *measures.values(), strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=PROBES[probe].schema)


OPEN = {
    "good": {
        "layer_changes": probe_table("layer_changes", ffn_relative=[2.0, 2.0, 2.0, 2.0]),
        "grounding": probe_table(
            "grounding", attention_true=[3.0, 3.0, 3.0, None], attention_other_sample=[1.0, 1.0, 1.0, None]
        ),
        "token_activation_map": probe_table("token_activation_map", hit=[1.0] * 4, chance=[0.25] * 4),
    },
    "partly": {
        "layer_changes": PROBES["layer_changes"].schema.empty_table(),
        "grounding": probe_table("grounding", attention_true=[None] * 4, attention_other_sample=[None] * 4),
        "token_activation_map": PROBES["token_activation_map"].schema.empty_table(),
    },
}


@pytest.fixture(scope="module")
def opened(live: pd.DataFrame) -> pd.DataFrame:
    """Two of the models were probed, the third stands behind an endpoint; another judge judged them, too."""
    summaries = probe_summaries(SAMPLES, OPEN, 100, 0)
    again = live.assign(judge="other", judge_label="Another")
    bare = pd.concat([live, again], ignore_index=True).drop(columns=summaries.columns.drop("model"))
    return bare.merge(summaries, on="model", how="left")


def section(page: str, title: str) -> list[str]:
    return next(part for part in page.split("\n## ") if part.startswith(title)).splitlines()


def test_the_open_models_have_a_section_with_a_row_each(aggregated: Aggregate, opened: pd.DataFrame) -> None:
    one_judge = opened[opened["judge"] == "hand"]
    page = page_of(aggregated, one_judge, published_rows(pd.read_csv(PUBLISHED)), not_measured(OPEN))
    lines = section(page, "Mechanism: internals of open-weight models")
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    by_hand = {
        "Model": ("Good", "Partly"),
        "Pairs probed": ("4", "4"),
        "Grounding ratio": ("3.00 [3.00, 3.00], 3 pairs", "–"),
        "Grounding over random boxes": ("–", "–"),
        "Grounding over unchanged objects": ("–", "–"),
        "FFN drift": ("2.00 [2.00, 2.00]", "–"),
        "TAM hits": ("100.0 [100.0, 100.0]", "–"),
        "TAM hits by chance": ("25.0 [25.0, 25.0]", "–"),
    }
    assert [row for row in found if row[0] in ("Model", "Good", "Partly")] == [
        list(by_hand),
        *(list(row) for row in zip(*by_hand.values(), strict=True)),
        ["Model", "Probe", "Why", "How many"],
        ["Good", "grounding", "no_boxes", "1 of 4"],
        ["Partly", "grounding", "no_boxes", "4 of 4"],
    ]
    assert any("trained to point" in line for line in lines)


def test_models_judged_twice_stand_once_in_it(opened: pd.DataFrame) -> None:
    (shown,) = probe_section(opened, not_measured(OPEN))
    table = next(part for part in shown.parts if isinstance(part, Table))
    assert list(cells(table, "Pairs probed").items()) == [("Good", Value(4)), ("Partly", Value(4))]
    assert len(table.rows) == 2


def test_without_probes_there_is_no_such_section(
    aggregated: Aggregate, live: pd.DataFrame, published: pd.DataFrame
) -> None:
    assert "nternals of open-weight models" not in page_of(aggregated, live, published)


def test_the_csv_has_fractions_as_percentages_and_unscaled_ratios(opened: pd.DataFrame) -> None:
    rows = csv_of(opened[opened["judge"] == "hand"])
    good = rows.loc["good"]
    assert (good["tam_hit"], good["tam_hit_low"], good["tam_chance"]) == (100, 100, 25)
    assert (good["ffn_drift"], good["grounding_ratio"], good["grounding_ratio_n"]) == (2, 3, 3)
    assert rows.loc["partly", "grounding_ratio_n"] == 0 and pd.isna(rows.loc["partly", "grounding_ratio"])
    assert rows.loc["poor", ["n_probed", "ffn_drift", "ffn_drift_n"]].isna().all()


def test_a_label_stays_in_its_cell_and_means_nothing(aggregated: Aggregate) -> None:
    odd = "a|b \\|\n*c* <b>`d` ~~e~~ \x1b[2J\u202e 模型"
    keys = {("hand", model): provenance(odd if model == "good" else model) for model in ENTRIES}
    headline = table_text(headline_table(with_standings(live_rows(aggregated, keys), COMPARISONS), CHOSEN))
    (line,) = [line for line in headline.splitlines() if "模型" in line]
    found = re.split(r"(?<!\\)(?:\\\\)*\|", line)[1:-1]  # at the pipes that no backslash escapes
    assert len(found) == len(re.split(r"\|", headline.splitlines()[0])[1:-1])
    assert found[1].strip() == r"a\|b \\\| \*c\* \<b>\`d\` \~\~e\~\~ \\x1b[2J\\u202e 模型"


# ---- what the words mean ---------------------------------------------------------------------------------------------


def test_no_column_of_a_grouped_table_lacks_a_definition(
    aggregated: Aggregate, opened: pd.DataFrame, published: pd.DataFrame
) -> None:
    shown = leaderboard(aggregated, opened[opened["judge"] == "hand"], published)
    made = {"identical": {"made": 1, "left_out": {}}}
    sections = Section("all", (shown.page, controls_section(opened.to_dict("records"), made)))
    tables = [table for table in Leaderboard(sections, shown.rows, ()).tables() if table.group]
    assert {table.group for table in tables} == set(Group)
    lacking = [(table.name, column.title) for table in tables for column in table.columns if not column.definition]
    assert lacking == []
    for column in (column for table in tables for column in table.columns):
        assert column.definition[0].isupper() and column.definition[-1] == "." and ".." not in column.definition
        assert "`" not in column.definition and "\n" not in column.definition


def test_titles_of_grouped_tables_stand_for_one_column_each(
    aggregated: Aggregate, opened: pd.DataFrame, published: pd.DataFrame
) -> None:
    """In the wide table of the page they stand side by side."""
    shown = leaderboard(aggregated, opened[opened["judge"] == "hand"], published)
    made = {"identical": {"made": 1, "left_out": {}}}
    sections = Section("all", (shown.page, controls_section(opened.to_dict("records"), made)))
    tables = [table for table in Leaderboard(sections, shown.rows, ()).tables() if table.group]
    titles = Counter(column.title for table in tables for column in table.columns)
    assert [title for title, n in titles.items() if n > 1 and title not in ("Model", "Judge")] == []


def test_the_definition_of_a_headline_metric_is_that_of_its_variant(live: pd.DataFrame) -> None:
    def definitions(**chosen: str) -> dict[str, str]:
        return {column.title: column.definition for column in headline_table(live, CHOSEN | chosen).columns}

    assert "min(n_pred, n_gt) / n_gt" in definitions()["DQR"] and "two yes/no" in definitions()["DS"]
    assert "1 if n_pred = n_gt" in definitions(dqr="exact")["DQR"]
    assert "|n_pred − n_gt|" in definitions(ds="count")["DS"]


def test_terms_of_the_glossary_are_in_alphabetical_order() -> None:
    found = glossary(CHOSEN)
    assert list(found) == sorted(found, key=str.lower)
    assert [term for term, text in found.items() if not 1 <= text.count(". ") + 1 <= 3 or text[-1] != "."] == []


def test_the_glossary_has_the_metrics_with_their_full_names() -> None:
    found = glossary(CHOSEN)
    full = {
        "DRF": "Difference Reasoning Faithfulness",
        "TF1": "Type-Level F1",
        "CF1": "Category-Level F1",
        "DQR": "Difference Quantity Recall",
        "DS": "Difference Sensitivity",
        "CR": "Consistency Ratio",
        "cff": "Counterfactual faithfulness",
        "Overall": "The mean of the six",
        "Fabrication": "Unfaithful claims",
    }
    assert [term for term, name in full.items() if not found[term].startswith(name)] == []
    assert {"d′", "DS net", "Necessity", "Stability", "Repeatability"} <= set(found)
    assert "exactly" in glossary(CHOSEN | {"dqr": "exact"})["DQR"] and "exactly" not in found["DQR"]


def test_the_words_above_the_table_say_what_bold_and_ranks_and_short_names_mean(
    aggregated: Aggregate, live: pd.DataFrame, published: pd.DataFrame
) -> None:
    above = page_of(aggregated, live, published).split("| Rank")[0]
    assert "Bold: the best of the judge's ranked models, and those not significantly worse; a rank of 2–3" in above
    assert "*DRF*: Difference Reasoning Faithfulness." in above and "*CR*: Consistency Ratio." in above


def test_headings_are_words(aggregated: Aggregate, opened: pd.DataFrame, published: pd.DataFrame) -> None:
    page = leaderboard(aggregated, opened[opened["judge"] == "hand"], published).page
    titles = [column.title for table in tables_in(page) for column in table.columns]
    assert [title for title in titles if "_" in title] == []
    assert {"Type category mismatch", "Attribute error", "Critical", "Prose", "No response"} <= set(titles)
    assert [title for title in titles if title.startswith("Unscored: ")]


def test_severities_are_defined_by_their_errors(
    aggregated: Aggregate, live: pd.DataFrame, published: pd.DataFrame
) -> None:
    tables = {table.name: table for table in tables_in(leaderboard(aggregated, live, published).page)}
    defined = {column.title: column.definition for column in tables["reasoning_errors"].columns}
    assert defined["Critical"] == "Unfaithful claims labelled type category mismatch or fabrication."
    assert defined["DRF 1.0"] == "Pairs whose DRF, from 0 to 1, is 1.0." and "without" in defined["DRF unscored"]


@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [(-0.094, PERCENT, "−9.4"), (-0.0001, PERCENT, "0.0"), (0.5, PERCENT_SIGN, "50.0%"), (-1.005, NUMBER, "−1.00")],
)
def test_a_negative_number_has_a_true_minus(number: float, unit: Unit, text: str) -> None:
    assert unit.text(number) == text


def test_numbers_in_the_csv_have_a_hyphen(live: pd.DataFrame, published: pd.DataFrame) -> None:
    rows = pd.concat([live.assign(order_ds=-0.125), published], ignore_index=True)
    text = render("csv", Leaderboard(Section("Beds", ()), rows, fractions()))
    assert ",-12.5," in text and "−" not in text


def test_the_example_for_one_answer_runs(aggregated: Aggregate, live: pd.DataFrame, tmp_path: Path) -> None:
    section = one_answer_section(SAMPLES, live.to_dict("records"))
    examples = [
        span.text
        for part in section.parts
        for span in part.spans
        if isinstance(span, Code) and span.text.startswith("pd.")
    ]
    model = live["model"].iloc[0]
    paths = ResultPaths(Path())
    files = [paths.samples, paths.responses(model), paths.parsed(model), paths.judgements("hand", model)]
    for file in [*files, paths.scores("hand", model)]:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        SAMPLES.select(["sample_id"]).to_pandas().to_parquet(tmp_path / file)
    with contextlib.chdir(tmp_path):
        found = [eval(example, {"pd": pd}) for example in examples]
    assert found == [[{"sample_id": IDS[0]}]] * 5


def test_provenance_says_where_the_numbers_come_from(
    aggregated: Aggregate, live: pd.DataFrame, published: pd.DataFrame
) -> None:
    lines = section(page_of(aggregated, live, published), "Provenance")
    facts = {cells[1].strip(): cells[2].strip() for line in lines if len(cells := line.split("|")) == 4}
    assert facts["Git commit"] == "–" and facts["Hardware of the last step"] == "a processor"
    assert facts["Packages"] == "numpy 2" and facts["Prompt describe"] == "sha256:0"
    assert facts["Failures"].startswith("answers empty or withheld: 0, answers cut: ") and facts["run_inference"] == "3"
    assert any("a GPU" in line for line in lines) and any("`snakemake`" in line for line in lines)
