"""Interventions on the leaderboard: unranked, a family of comparisons of their own, and gains bought by silence."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from scoring.tables import judged, judgements_table, parsed, parsed_table, sample, samples_table

from spd_faith.core.variants import Variant
from spd_faith.leaderboard.comparisons_section import comparisons_section, with_standings
from spd_faith.leaderboard.interventions import interventions
from spd_faith.leaderboard.interventions_section import intervention_warnings, interventions_section
from spd_faith.leaderboard.metric_sections import headline_table
from spd_faith.leaderboard.model import Difference, Leaderboard, Missing, Note, Ranks, Section, Table, Unranked, Value
from spd_faith.leaderboard.renderers import SUFFIXES, render
from spd_faith.leaderboard.renderers.md import table_text
from spd_faith.leaderboard.rows import Provenance, live_rows
from spd_faith.scoring.aggregate import aggregate
from spd_faith.scoring.comparisons import compare_models
from spd_faith.scoring.interventions import COMPARED, INTERVENTIONS_SCHEMA
from spd_faith.scoring.samples import score_table

IDS = [f"easy/{row:05d}_{row}" for row in range(40)]
SAMPLES = samples_table(*(sample(name, [("color", "car")], image_id=name[11:]) for name in IDS))
CHOSEN = {"dqr": "recall", "ds": "detection"}

Claims = tuple[int, int, int]
HALF: Claims = (1, 1, 0)  # of two claims one is faithful


def scores(
    changed: int, drf: Claims = HALF, listed: int = 1, verdicts: tuple[str, str] = ("differs", "differs")
) -> tuple[pa.Table, pa.Table]:
    """(SCORES, JUDGEMENTS): on the first `changed` of 40 pairs these claims, lists and verdicts, else a base's."""
    answers, judgements = [], []
    for row, name in enumerate(IDS):
        is_changed = row < changed
        one = [("color", "car")] * (listed if is_changed else 1)
        answers.append(parsed(name, one, stated=1, verdicts=verdicts if is_changed else ("differs", "differs")))
        judgements.append(judged(name, drf=drf if is_changed else HALF, cr=(1, 0, 0)))
    table = judgements_table(*judgements)
    return score_table(SAMPLES, parsed_table(*answers), table), table


BASE = scores(0)  # DRF 0.5, two claims, one listed, DS 1
HONEST = scores(30, (2, 0, 0))  # DRF 0.5 + 30/40 · 0.5 = 0.875
SILENT = scores(30, (1, 0, 0))  # DRF 0.875 with one claim instead of two on 30 of 40 pairs
SHORT = scores(30, (2, 0, 0), listed=0)  # DRF 0.875 with no list on 30 of 40 pairs
BLIND = scores(30, (2, 0, 0), verdicts=("same", "differs"))  # DRF 0.875 and DS 0.5 on 30 of 40 pairs
CHATTY = scores(30, (3, 0, 0))  # DRF 0.875 with three claims instead of two on 30 of 40 pairs
WORSE = scores(30, (0, 1, 0))  # DRF 0.125 and fewer claims
PLACEBO = scores(4, (2, 0, 0))  # DRF 0.55


def live_of(**variants: Variant | None) -> pd.DataFrame:
    """Rows with what the table and the section need; None for a model that is no variant."""
    return pd.DataFrame(
        [
            {"judge": "hand", "judge_label": "By hand", "model": model, "label": model.title()}
            | {"seconds_per_answer": 1.0 + number, "questions_asked": 40, "generated_tokens": 80}
            | {"drf_claims": 2.0, "listed": 1.0, "cff": math.nan, "cff_low": math.nan, "cff_high": math.nan, "cff_n": 0}
            | {"unsupported": None}
            | ({"role": "model", "variant_of": None} if one is None else {"role": one.role, "variant_of": one.base})
            for number, (model, one) in enumerate(variants.items())
        ]
    )


def compared(models: Mapping[str, tuple[pa.Table, pa.Table]], **variants: Variant) -> pa.Table:
    live = live_of(**{model: variants.get(model) for model in models})
    entries = {("hand", model): tables[0] for model, tables in models.items()}
    return interventions(SAMPLES, entries, live, variants, {"a": 2.0, "b": 3.0}, 2000, 0)


def rows_of(table: pa.Table, metric: str) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["model"], row["other_model"]): row for row in table.to_pylist() if row["metric"] == metric}


OF_A = Variant("a", "Method", placebos=("fake",))
FAKE = Variant("a", "Method", is_placebo=True)
TWO_BASES = {"a": BASE, "b": BASE, "better": HONEST, "fake": PLACEBO, "same": BASE}


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return compared(TWO_BASES, better=OF_A, fake=FAKE, same=Variant("b", "Other"))


def test_differences_by_hand(table: pa.Table) -> None:
    assert table.schema.equals(INTERVENTIONS_SCHEMA)
    found = {pair: round(row["difference"], 6) for pair, row in rows_of(table, "drf").items()}
    assert found == {("better", "a"): 0.375, ("better", "fake"): 0.325, ("fake", "a"): 0.05, ("same", "b"): 0}
    assert {row["metric"] for row in table.to_pylist()} == set(COMPARED)
    kinds = {pair: (row["role"], row["against"], row["base"]) for pair, row in rows_of(table, "ds").items()}
    assert kinds[("better", "fake")] == ("variant", "placebo", "a")
    assert kinds[("fake", "a")] == ("placebo", "base", "a")
    assert kinds[("same", "b")] == ("variant", "base", "b")


def test_holm_is_over_these_comparisons_alone(table: pa.Table) -> None:
    """The smallest of four p four times, the next three times unless that is less, …"""
    for metric in COMPARED:
        pairs = sorted((row["p"], row["p_holm"]) for row in rows_of(table, metric).values())
        expected = 0.0
        for left, (p, p_holm) in zip(range(4, 0, -1), pairs, strict=True):
            expected = max(expected, min(1, left * p))
            assert p_holm == pytest.approx(expected)
    assert min(row["p"] for row in rows_of(table, "drf").values()) == pytest.approx(1 / 2001)


def test_costs_are_relative_to_the_base(table: pa.Table) -> None:
    """Seconds per answer: a 1, b 2, better 3, fake 4, same 5. Only the bases' jobs of probes are known."""
    found = {pair: (row["seconds_ratio"], row["probing_ratio"]) for pair, row in rows_of(table, "drf").items()}
    assert found[("better", "a")] == found[("better", "fake")] == (3, None)
    assert (found[("fake", "a")], found[("same", "b")]) == ((4, None), (2.5, None))


def test_without_variants_nothing_is_compared() -> None:
    empty = compared({"a": BASE, "b": HONEST})
    assert empty.num_rows == 0 and empty.schema.equals(INTERVENTIONS_SCHEMA)
    assert interventions_section(live_of(a=None, b=None), empty, {}) == ()
    assert list(intervention_warnings(empty)) == []


# ---- the ranked models -----------------------------------------------------------------------------------------------


def standings(models: Mapping[str, tuple[pa.Table, pa.Table]], **variants: Variant) -> pd.DataFrame:
    """The rows of the leaderboard, as make_leaderboard.py makes them."""
    entries = {("hand", model): tables[0] for model, tables in models.items()}
    provenance = {
        ("hand", model): Provenance(
            *(model.title(), "By hand", "owner/name", "0123", "float32", "a GPU", "beds", "v1", "hand", 0, None, None),
            **({"role": variants[model].role, "variant_of": variants[model].base} if model in variants else {}),
        )
        for model in models
    }
    aggregated = aggregate(SAMPLES, entries, {("hand", model): tables[1] for model, tables in models.items()}, 500, 0)
    unchanged = {entry: of for entry, of in entries.items() if entry[1] not in variants}
    return with_standings(live_rows(aggregated, provenance), compare_models(SAMPLES, unchanged, 500, 0))


RANKED = {"a": BASE, "b": WORSE}
VARIANTS = {"better": OF_A, "fake": FAKE}


@pytest.fixture(scope="module")
def with_variants() -> pd.DataFrame:
    return standings(RANKED | {"better": HONEST, "fake": PLACEBO}, **VARIANTS)


def test_the_rows_of_the_other_models_do_not_change(with_variants: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(with_variants.iloc[:2], standings(RANKED))


def test_a_variant_is_unranked_never_best_and_below_the_models(with_variants: pd.DataFrame) -> None:
    """It is better than all others, which changes nothing."""
    rows = with_variants.set_index("model")
    assert rows.index.tolist() == ["a", "b", "better", "fake"]
    assert rows.loc["better", "overall"] > rows.loc["a", "overall"]
    assert rows.loc[["better", "fake"], ["rank", "rank_low", "rank_high"]].isna().all(axis=None)
    assert rows["overall_best"].tolist() == [True, False, False, False]
    assert rows["role"].tolist() == ["model", "model", "variant", "placebo"]
    headline = headline_table(with_variants, CHOSEN)
    assert [row[0] for row in headline.rows] == [Ranks(1, 1), Ranks(2, 2), Unranked(), Unranked()]
    assert [row[1].text for row in headline.rows] == [
        *("A", "B", "Better (variant of A)", "Fake (placebo for variants of A)")
    ]


def test_the_matrix_of_comparisons_has_no_variants(with_variants: pd.DataFrame) -> None:
    pairs = {("hand", model): tables[0] for model, tables in RANKED.items()}
    (section,) = comparisons_section(with_variants, compare_models(SAMPLES, pairs, 500, 0))
    tables = [part for part in section.parts[1].parts if isinstance(part, Table)]
    assert [len(one.rows) for one in tables] == [2, 2]


# ---- bought by silence -----------------------------------------------------------------------------------------------


def warnings_of(changed: tuple[pa.Table, pa.Table], role: Variant = OF_A) -> list[str]:
    found = compared({"a": BASE, "changed": changed}, changed=Variant(role.base, role.method, role.is_placebo))
    return ["".join(map(str, one.spans)) for one in intervention_warnings(found)]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (SILENT, "DRF +37.5, but DRF claims per pair −0.75;"),
        (SHORT, "DRF +37.5, but Listed differences per pair −0.75, TF1 −60.0, CF1 −60.0;"),  # F1: 2 · 10 / (10 + 40)
        (BLIND, "DRF +37.5, but DS −37.5;"),
    ],
    ids=["fewer claims", "shorter lists", "sees less"],
)
def test_a_gain_with_less_said_or_seen_is_a_warning(changed: tuple[pa.Table, pa.Table], said: str) -> None:
    (text,) = warnings_of(changed)
    assert "bought by silence" in text and f"Changed, judged by By hand: {said}" in text


@pytest.mark.parametrize(
    "changed", [HONEST, CHATTY, WORSE, BASE, PLACEBO], ids=["honest", "says more", "no gain", "equal", "small"]
)
def test_no_warning_without_a_gain_or_without_a_loss(changed: tuple[pa.Table, pa.Table]) -> None:
    assert warnings_of(changed) == []


def test_a_loss_that_is_not_significant_is_no_warning() -> None:
    """Of 30 pairs with a gain, two have one claim instead of two: −0.05 claims per pair."""
    tables = [scores(30, (2, 0, 0)), scores(2, (1, 0, 0))]
    mixed = pa.concat_tables([tables[1][0].slice(0, 2), tables[0][0].slice(2)])
    found = compared({"a": BASE, "changed": (mixed, BASE[1])}, changed=Variant("a", "Method"))
    row = rows_of(found, "drf_claims")[("changed", "a")]
    assert row["difference"] == pytest.approx(-0.05) and row["p_holm"] > 0.05
    assert list(intervention_warnings(found)) == []


def test_a_placebo_is_not_warned_of() -> None:
    assert warnings_of(SILENT, FAKE) == []


# ---- the section -----------------------------------------------------------------------------------------------------


def section_of(models: Mapping[str, tuple[pa.Table, pa.Table]], **variants: Variant) -> Section:
    live = live_of(**{model: variants.get(model) for model in models})
    (section,) = interventions_section(live, compared(models, **variants), variants)
    return section


def notes_of(section: Section) -> list[str]:
    def text(span: Any) -> str:
        return span if isinstance(span, str) else span.text

    return ["".join(map(text, part.spans)) for part in section.parts if isinstance(part, Note)]


def test_the_section_has_a_row_per_comparison_and_one_per_model() -> None:
    section = section_of(TWO_BASES, better=OF_A, fake=FAKE, same=Variant("b", "Other"))
    differences, costs = (part for part in section.parts if isinstance(part, Table))
    assert [(row[0].text, row[2].text) for row in differences.rows] == [
        *(("Better", "base: A"), ("Better", "placebo: Fake"), ("Fake", "base: A"), ("Same", "base: B"))
    ]
    drf = differences.rows[0][[column.title for column in differences.columns].index("DRF")]
    assert isinstance(drf, Difference)
    assert (round(drf.value, 6), drf.is_significant) == (0.375, True) and drf.low < 0.375 < drf.high
    titles = [column.title for column in costs.columns]
    assert [row[0].text for row in costs.rows] == ["A", "Better", "Fake", "B", "Same"]
    assert [row[titles.index("Times the base")] for row in costs.rows] == [*map(Value, (1, 3, 4, 1, 2.5))]
    assert {row[titles.index("Tokens per answer")] for row in costs.rows} == {Value(2)}


def test_the_source_is_at_the_label() -> None:
    notes = notes_of(section_of(TWO_BASES, better=OF_A, fake=FAKE, same=Variant("b", "Other")))
    assert "Better: Method. A variant of A." in notes
    assert "Fake: Method. A placebo of a variant of A." in notes
    assert "Same: Other. A variant of B." in notes
    assert [one for one in notes if "no placebo" in one] == [
        "Same: there is no placebo to compare it with. Name in models an entry of models.yaml that is the same, but "
        "with placebo: true."
    ]


def test_a_variant_alone_says_what_is_missing() -> None:
    section = section_of({"c": BASE, "lost": HONEST}, lost=Variant(None, "Method"))
    notes = notes_of(section)
    assert (
        "Lost: there is no base model to compare it with. Name in models an entry of models.yaml that is the same, but "
        "without intervention."
    ) in notes
    assert any(one.startswith("Lost: there is no placebo") for one in notes)
    (costs,) = (part for part in section.parts if isinstance(part, Table))  # nothing to compare
    assert [row[2].text for row in costs.rows] == ["variant"]


def test_a_placebo_without_its_variant_says_so() -> None:
    notes = notes_of(section_of({"a": BASE, "fake": PLACEBO}, fake=FAKE))
    assert any(one.startswith("Fake: the run lacks its variant.") for one in notes)


def test_a_variant_that_was_not_asked_is_not_compared_and_says_why() -> None:
    nothing = {"parse_status": "no_response", "failure": "not_asked", "verdict": None}
    unanswered = [[answer | nothing for answer in parsed(name, [])] for name in IDS]
    judgements = judgements_table(*(judged(name, drf=None, cr=None) for name in IDS))
    nowhere = score_table(SAMPLES, parsed_table(*unanswered), judgements), judgements
    models = {"a": BASE, "nowhere": nowhere, "fake": PLACEBO}
    variants = {"nowhere": Variant("a", "Method", placebos=("fake",)), "fake": FAKE}
    live = live_of(**{model: variants.get(model) for model in models})
    live.loc[live["model"] == "nowhere", ["unsupported", "questions_asked", "generated_tokens"]] = [
        "ffn_scale: why",
        0,
        0,
    ]
    found = compared(models, **variants)
    (section,) = interventions_section(live, found, variants)
    assert "Nowhere: nothing to compare, because it was not asked. Unsupported: ffn_scale: why." in notes_of(section)
    differences, costs = (part for part in section.parts if isinstance(part, Table))
    assert [(row[0].text, row[2].text) for row in differences.rows] == [("Fake", "base: A")]
    assert [row[0].text for row in costs.rows] == ["A", "Nowhere", "Fake"]
    assert isinstance(costs.rows[1][[column.title for column in costs.columns].index("Tokens per answer")], Missing)
    assert not list(intervention_warnings(found))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format_has_intervals_and_p(suffix: str) -> None:
    section = section_of({"a": BASE, "better": HONEST}, better=Variant("a", "Method"))
    rows = live_of(a=None, better=OF_A).assign(origin="run", dataset="beds", dataset_revision="v1", n=40)
    text = render(suffix, Leaderboard(Section("Beds", (section,)), rows, ()))
    if suffix == "md":
        line = next(line for line in text.splitlines() if "base: A" in line)
        assert "**+37.5** [+" in line and "], p = 0.000" not in line and "], p < 0.001" in line
    if suffix == "tex":
        assert (
            r"\spdbounded{\textbf{+37.5}}{{[}+" in text
            and r"{p \textless{} 0.001}" in text
            and "Interventions and their placebos" in text
        )


def test_p_is_written_out_from_a_thousandth_on() -> None:
    differences = next(part for part in section_of({"a": BASE, "f": PLACEBO}, f=FAKE).parts if isinstance(part, Table))
    assert "p = 0.0" in table_text(differences)
