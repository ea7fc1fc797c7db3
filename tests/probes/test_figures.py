"""The probes' figures: drawn from whatever tables there are, legible, and written as PDF and PNG."""

import itertools
import json
import re
import shutil
import subprocess
import sys
from functools import cache, partial
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from PIL import Image
from probes.probe_tables import (
    BY_LAYER,
    FRACTIONS,
    ids,
    parsed_table,
    patched_table,
    probe_tables,
    responses_table,
    samples_table,
    scores_table,
    unmeasured_tables,
    write_tables,
)

from draw_models import label_of
from spd_faith.core.errors import UserError
from spd_faith.core.files import write_table
from spd_faith.core.schemas import IMAGES, SAMPLES, TASKS
from spd_faith.dataset.demo import encode_png
from spd_faith.probes.contrast_table import PROBE_CONTRASTS
from spd_faith.probes.contrasts import contrast_rows
from spd_faith.probes.figure_catalogue import declared_figures, figure_of
from spd_faith.probes.figures.causal_patching import image_effect, patching_by_type, patching_shares
from spd_faith.probes.figures.contact_sheet import Tile, write_contact_sheet
from spd_faith.probes.figures.declared import ModelResults
from spd_faith.probes.figures.drawing import COLORS, COLUMN, GREY, mean_and_interval, middle_and_band, save
from spd_faith.probes.figures.effects import effect_sizes
from spd_faith.probes.figures.generation_attention import attention_by_layer, attention_by_step, attention_of_sample
from spd_faith.probes.figures.grounding import grounding
from spd_faith.probes.figures.hidden_similarity import hidden_similarity, similarity_and_divergence
from spd_faith.probes.figures.layer_changes import layer_changes
from spd_faith.probes.figures.neuron_activation import neuron_activation
from spd_faith.probes.figures.of_model import all_drawings, write_figures
from spd_faith.probes.groups import CONSISTENCY, CONTRASTS, FAITHFULNESS, PROBE_GROUPS, sample_groups
from spd_faith.probes.registry import PROBES
from spd_faith.probes.sample_values import sample_values
from spd_faith.probes.saved_tables import probes_in

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
MODEL = "A model with a rather long label, of seven billion parameters, instructed"
SMALLEST_LETTERS = 6.5  # points, at the width that a figure is printed in


def groups_and_contrasts(sample_ids, unfaithful, contradictory, tables):
    verdicts = {one: ("same", "differs") if one in contradictory else ("differs", "differs") for one in sample_ids}
    answers = responses_table(sample_ids)
    groups = sample_groups(
        samples_table(dict.fromkeys(sample_ids)),
        parsed_table(verdicts),
        answers,
        scores_table({one: 0.0 if one in unfaithful else 1.0 for one in sample_ids}),
        0.8,
        0.5,
    )
    return groups, contrast_rows(pd.DataFrame(groups), tables, answers, permutations=99, seed=0)


def all_figures(tables, groups, rows):
    """Every figure by name, not yet drawn."""
    values = {name: sample_values(tables[name], probe.contrasted) for name, probe in BY_LAYER.items()}
    groups = pd.DataFrame(groups)
    dataset = samples_table(dict.fromkeys(groups["sample_id"]))
    contrasts = pd.DataFrame(rows, columns=PROBE_CONTRASTS.names)
    attention, first = tables["generation_attention"], groups["sample_id"].iloc[0]
    figures = {
        "attention_by_step": partial(
            attention_by_step, [(MODEL, attention), ("b", attention), ("c", attention)], "describe"
        ),
        "attention_by_layer": partial(attention_by_layer, attention, "describe"),
        "attention_of_sample": partial(attention_of_sample, attention, "describe", first),
        "grounding": partial(grounding, values["grounding"], "describe"),
        "image_effect": partial(image_effect, tables["causal_patching"], groups),
        "patching_shares": partial(patching_shares, tables["causal_patching"], dataset),
        "patching_by_type": partial(patching_by_type, tables["causal_patching"], dataset),
    }
    for contrast in CONTRASTS:
        similarity = values["hidden_similarity"]
        of_groups = {
            "layer_changes": partial(layer_changes, values["layer_changes"], groups, contrast),
            "neuron_activation": partial(neuron_activation, values["neuron_activation"], groups, contrast, contrasts),
            "hidden_similarity": partial(hidden_similarity, similarity, groups, contrast),
            "similarity_and_divergence": partial(similarity_and_divergence, similarity, groups, contrast),
            "effect_sizes": partial(effect_sizes, contrasts, contrast),
        }
        figures |= {f"{name}_{contrast.name}": draw for name, draw in of_groups.items()}
    return figures


def full():
    sample_ids = ids(40)
    tables = probe_tables(sample_ids, layers=28, tokens=12, planted=(set(ids(20)), "layer_changes", "ffn_change", 3, 1))
    return tables, *groups_and_contrasts(sample_ids, sample_ids[:20], sample_ids[10:30], tables)


def tiny():
    """One sample in each group, one layer, answers of one token, merged images."""
    sample_ids = ids(2)
    tables = probe_tables(sample_ids, layers=1, tokens=1, images=1)
    return tables, *groups_and_contrasts(sample_ids, sample_ids[:1], sample_ids[:1], tables)


def three():
    """Three layers, and groups of different sizes."""
    sample_ids = ids(9)
    tables = probe_tables(sample_ids, layers=3)
    return tables, *groups_and_contrasts(sample_ids, sample_ids[:2], sample_ids[3:8], tables)


def one_sided():
    """All samples in one group of each contrast."""
    sample_ids = ids(12)
    tables = probe_tables(sample_ids)
    return tables, *groups_and_contrasts(sample_ids, [], [], tables)


def unprobed():
    """Groups, but no measurement of any sample."""
    sample_ids = ids(4)
    tables = unmeasured_tables(sample_ids)
    return tables, *groups_and_contrasts(sample_ids, sample_ids[:2], sample_ids[:2], tables)


def long():
    """80 layers, and answers of 1,024 tokens."""
    few = ids(3)
    tables = probe_tables(few, layers=80, tokens=1)
    steps, layers = np.meshgrid(np.arange(1024), np.arange(80))
    fractions = np.random.default_rng(0).dirichlet(np.arange(1, 7), steps.size)
    answer = {"task": "describe", "layer": layers.ravel(), "token": steps.ravel(), "status": "ok", "dtype": "bfloat16"}
    answer |= dict(zip(FRACTIONS, fractions.T, strict=True))
    attention = pd.concat([pd.DataFrame({"sample_id": one} | answer) for one in ids(2)])
    schema = tables["generation_attention"].schema
    tables["generation_attention"] = pa.Table.from_pandas(attention.reindex(columns=schema.names), schema=schema)
    return tables, *groups_and_contrasts(few, few[:1], few[:1], tables)


@cache
def case(name):
    """Tables, groups and contrasts."""
    cases = {"long": long, "full": full, "three": three, "tiny": tiny, "one_sided": one_sided, "unprobed": unprobed}
    return cases[name]()


@cache
def figures_of(case_name):
    return all_figures(*case(case_name))


def draw(case_name, name):
    return figures_of(case_name)[name]()


OF_GROUPS = [
    f"{figure}_{contrast.name}"
    for figure in (
        "layer_changes",
        "neuron_activation",
        "hidden_similarity",
        "similarity_and_divergence",
        "effect_sizes",
    )
    for contrast in CONTRASTS
]
OF_PATCHING = ("image_effect", "patching_shares", "patching_by_type")
FIGURES = ["attention_by_step", "attention_by_layer", "attention_of_sample", "grounding", *OF_PATCHING, *OF_GROUPS]


def shown_texts(figure):
    """Every text that is drawn, with its box in pixels."""
    figure.set_dpi(200)  # of the PNG: letters' widths are rounded to pixels
    FigureCanvasAgg(figure).draw()
    hidden = set()
    for axes in figure.axes:
        for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            low, high = sorted(limits)
            for ticks in (axis.get_major_ticks(), axis.get_minor_ticks()):
                hidden |= {
                    label
                    for tick in ticks
                    for label in (tick.label1, tick.label2)
                    if not low - 1e-9 <= tick.get_loc() <= high + 1e-9 or not (axes.get_visible() and axes.axison)
                }
    texts = [one for one in figure.findobj(Text) if one.get_visible() and one.get_text().strip() and one not in hidden]
    texts = [one for one in texts if one.axes is None or one.axes.get_visible()]
    return [(one, one.get_window_extent()) for one in texts]


@pytest.mark.parametrize(
    ("case_name", "name"),
    [(case_name, name) for case_name in ("full", "three", "tiny", "unprobed", "long") for name in FIGURES]
    + [("one_sided", name) for name in OF_GROUPS],
)
def test_no_text_is_cut_off_nor_in_another_nor_too_small(case_name, name):
    figure = draw(case_name, name)
    texts = shown_texts(figure)
    assert texts
    assert figure.get_figwidth() == COLUMN < 8.6 / 2.54
    for text, box in texts:
        shown = repr(text.get_text())
        assert text.get_fontsize() >= SMALLEST_LETTERS, shown
        assert min(box.x0, box.y0) >= 1, shown
        assert box.x1 <= figure.bbox.x1 - 1, shown
        assert box.y1 <= figure.bbox.y1 - 1, shown
    for (one, box), (other, other_box) in itertools.combinations(texts, 2):
        apart = box.padded(-0.5)  # pixels
        assert not apart.overlaps(other_box), f"{one.get_text()!r} lies in {other.get_text()!r}"


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_without_numbers_says_so(name):
    figure = draw("unprobed", name)
    shown = " ".join(text.get_text() for text, _ in shown_texts(figure))
    assert any(
        words in shown for words in ("no measured", "no samples", "no values", "no effect sizes", "no image effect")
    )


def lines_of(axes):
    return {line.get_label(): line for line in axes.get_lines()}


def test_groups_are_drawn_apart_with_their_sizes_and_bands():
    figure = draw("full", "layer_changes_faithfulness")
    ffn_change = figure.axes[1]
    lines = lines_of(ffn_change)
    unfaithful, faithful = lines["unfaithful (n = 20)"], lines["faithful (n = 20)"]
    assert unfaithful.get_ydata()[3] - faithful.get_ydata()[3] == pytest.approx(1, abs=0.1)  # planted
    assert unfaithful.get_color() != faithful.get_color()
    assert unfaithful.get_linestyle() != faithful.get_linestyle()
    values = sample_values(case("full")[0]["layer_changes"], ["ffn_change"]).loc[ids(20), ("describe", "ffn_change", 3)]
    half = 2.093 * values.std() / np.sqrt(20)  # Student's t of 19 degrees of freedom
    ends = [y for x, y in ffn_change.collections[1].get_paths()[0].vertices if x == 3]
    assert max(ends) == pytest.approx(values.mean() + half, rel=1e-3)
    assert min(ends) == pytest.approx(values.mean() - half, rel=1e-3)


def test_a_group_without_samples_is_named_with_its_size():
    figure = draw("one_sided", "hidden_similarity_consistency")
    assert {text.get_text() for text in figure.legends[0].get_texts()} == {
        "consistent (n = 12)",
        "contradictory (n = 0)",
        "95% interval of the mean",
    }


def test_a_panel_of_fewer_samples_than_its_groups_have_says_so():
    """As of the original ICR, which wants answers of 20 tokens."""
    tables, groups, _ = case("full")
    values = sample_values(tables["hidden_similarity"], PROBES["hidden_similarity"].contrasted)
    values.loc[ids(40)[10:13], [column for column in values.columns if column[1] == "icr_original_same"]] = np.nan
    figure = hidden_similarity(values, pd.DataFrame(groups), CONSISTENCY)
    labels = {axes.get_title(): axes.get_xlabel() for axes in figure.axes}
    assert labels["ICR, original"] == "layer (n = 20, 17)"  # 10 to 29 are contradictory
    assert set(labels.values()) == {"layer", "layer (n = 20, 17)"}
    assert "contradictory (n = 20)" in {text.get_text() for text in figure.legends[0].get_texts()}


@pytest.mark.parametrize(
    "name",
    ["attention_by_step", "grounding", *(name for name in OF_GROUPS if name.startswith(("layer", "neur", "hid")))],
)
def test_the_meaning_of_bands_is_shown(name):
    assert "95% interval of the mean" in {text.get_text() for text in draw("full", name).legends[0].get_texts()}


def test_figures_show_the_number_of_answers_or_the_sample():
    shown = [text.get_text() for text, _ in shown_texts(draw("full", "attention_by_step"))]
    assert {f"{MODEL} (40 answers)", "b (40 answers)"} <= {" ".join(text.split()) for text in shown}
    for name in ("attention_by_layer", "grounding"):
        assert any("40 answers" in text.get_text() for text, _ in shown_texts(draw("full", name)))
    assert f"sample {ids(1)[0]}" in [text.get_text() for text, _ in shown_texts(draw("full", "attention_of_sample"))]


# ---- numbers computed from the rows; samples 10 to 29 are contradictory ----------------------------------------------


def of_layers(probe, measure, groups, **keys):
    """Of each group the samples' means over layers, from a probe's rows."""
    rows = case("full")[0][probe].to_pandas()
    for name, value in keys.items():
        rows = rows[rows[name] == value]
    means = rows.groupby("sample_id")[measure].mean()
    return [means[list(of_group)].to_numpy() for of_group in groups]


CONSISTENT, CONTRADICTORY = [*ids(40)[:10], *ids(40)[30:]], ids(40)[10:30]
UNFAITHFUL, FAITHFUL = ids(40)[:20], ids(40)[20:]


def test_bars_of_the_mean_divergence_are_means_of_layers():
    (axes,) = (
        one for one in draw("full", "layer_changes_faithfulness").axes if one.get_title() == "KL, mean of layers"
    )
    values = of_layers("layer_changes", "kl_attention_ffn", (FAITHFUL, UNFAITHFUL), task="describe")
    assert [bar.get_height() for bar in axes.patches] == pytest.approx([one.mean() for one in values], rel=1e-5)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["faithful", "unfaithful"]


def test_points_and_scores_are_means_of_layers():
    scatter, histogram = draw("full", "similarity_and_divergence_consistency").axes
    groups = (CONSISTENT, CONTRADICTORY)
    across, up, score = (
        of_layers("hidden_similarity", name, groups) for name in ("icr_simple_divergence", "cosine", "score")
    )
    for points, x, y in zip(scatter.collections, across, up, strict=True):
        np.testing.assert_allclose(points.get_offsets(), np.column_stack([x, y]), rtol=1e-5)
    outlines = [patch for patch in histogram.patches if not isinstance(patch, Rectangle)]
    filled = [[patch for patch in bars if isinstance(patch, Rectangle)] for bars in histogram.containers]
    filled = [bars for bars in filled if bars]
    for outline, bars, scores in zip(outlines, filled, score, strict=True):
        edges = [bar.get_x() for bar in bars] + [bars[-1].get_x() + bars[-1].get_width()]
        counts = np.histogram(scores, edges)[0].tolist()
        assert sum(counts) == 20
        assert [bar.get_height() for bar in bars] == counts
        assert outline.get_path().vertices[:, 1].max() == max(counts)


def test_the_icr_of_two_answers_is_their_mean():
    (axes,) = (one for one in draw("full", "hidden_similarity_consistency").axes if one.get_title() == "ICR, relative")
    values = [
        of_layers("hidden_similarity", f"icr_relative_{task}", [CONSISTENT], layer=2)[0]
        for task in ("same", "different")
    ]
    line = lines_of(axes)["consistent (n = 20)"]
    assert line.get_ydata()[2] == pytest.approx(np.mean(values), rel=1e-5)


def test_densities_are_those_of_their_boxes():
    attention, _, maps, _ = draw("full", "grounding").axes
    names = ("true", "random", "unchanged", "other_sample")
    lines = [line for line in attention.get_lines() if len(line.get_xdata()) == 28]
    assert [line.get_label() for line in lines] == [
        "true boxes (t)", "random boxes (r)", "unchanged objects (u)", "another sample's boxes (a)"
    ]  # fmt: skip
    for line, name in zip(lines, names, strict=True):
        (values,) = of_layers("grounding", f"attention_{name}", [ids(40)], task="describe", layer=5)
        assert line.get_ydata()[5] == pytest.approx(values.mean(), rel=1e-5)
    heights = [of_layers("grounding", f"tam_{name}", [ids(40)], task="describe", layer=27)[0].mean() for name in names]
    assert [bar.get_height() for bar in maps.patches] == pytest.approx(heights, rel=1e-5)


def test_fractions_of_one_answer_are_stacked_at_their_steps():
    rows = case("full")[0]["generation_attention"].to_pandas()
    rows = rows[(rows.sample_id == ids(40)[0]) & (rows.task == "describe") & (rows.layer == 27)].sort_values("token")
    axes = draw("full", "attention_of_sample").axes[11]
    assert axes.get_title() == "layer 27"
    below = np.zeros(len(rows))
    for area, segment in zip(
        axes.collections, ("picture_1", "picture_2", "user", "answer", "system", "sink"), strict=True
    ):
        above = below + rows[segment].to_numpy()
        (path,) = area.get_paths()
        for step, (low, high) in enumerate(zip(below, above, strict=True)):
            assert path.contains_point((step, (low + high) / 2))
            assert not path.contains_point((step, high + 1e-3))
            assert not path.contains_point((step, low - 1e-3))
        below = above


def test_each_form_of_active_neurons_has_its_panel():
    panels = draw("full", "neuron_activation_faithfulness").axes[::2]
    for axes, measure in zip(panels, ("active_share", "active_share_of_sum"), strict=True):
        (values,) = of_layers("neuron_activation", measure, [FAITHFUL], task="describe", layer=4)
        assert lines_of(axes)["faithful (n = 20)"].get_ydata()[4] == pytest.approx(values.mean(), rel=1e-5)


def test_the_published_score_is_drawn_by_layer():
    (panel,) = (axes for axes in draw("full", "hidden_similarity_consistency").axes if axes.get_ylabel() == "score")
    values = sample_values(case("full")[0]["hidden_similarity"], ["score"])["", "score"]
    line = lines_of(panel)["contradictory (n = 20)"]
    assert line.get_ydata()[5] == pytest.approx(values.loc[ids(40)[10:30], 5].mean(), rel=1e-6)


def test_merged_images_have_no_second_one():
    assert "merged with image 1" in {text.get_text() for text, _ in shown_texts(draw("tiny", "attention_by_layer"))}
    legend = draw("tiny", "attention_of_sample").legends[0]
    assert "image 2" not in {text.get_text() for text in legend.get_texts()}


def test_mean_and_interval_leave_out_what_is_missing():
    values = np.array([[1, 1, np.nan, 1], [2, np.nan, np.nan, 3], [3, np.nan, np.nan, np.nan]])
    mean, low, high = mean_and_interval(values)
    half = 4.302653 / np.sqrt(3)  # Student's t of two degrees of freedom, deviation 1
    np.testing.assert_allclose(mean, [2, 1, np.nan, 2])
    np.testing.assert_allclose(low, [2 - half, np.nan, np.nan, np.nan], rtol=1e-6)
    np.testing.assert_allclose(high, [2 + half, np.nan, np.nan, np.nan], rtol=1e-6)


def test_steps_that_few_answers_reach_are_left_out():
    frames = []
    for number, sample_id in enumerate(ids(8)):
        tokens = 10 if number == 0 else 6 if number == 1 else 4
        frames.append(probe_tables([sample_id], tokens=tokens)["generation_attention"].to_pandas())
    table = type(case("tiny")[0]["generation_attention"]).from_pandas(
        pd.concat(frames), schema=case("tiny")[0]["generation_attention"].schema
    )
    steps = lines_of(attention_by_step([("m", table)], "describe").axes[0])["answer so far"].get_xdata()
    assert list(steps) == [0, 1, 2, 3, 4, 5]  # two of eight reach the sixth step, one the rest


def test_all_of_a_line_is_in_sight_though_panels_share_their_axis():
    low = probe_tables(ids(4))["generation_attention"]
    frame = low.to_pandas().assign(picture_1=0.95, picture_2=0.01, user=0.01, answer=0.01, system=0.01, sink=0.01)
    figure = attention_by_step([("low", low), ("high", type(low).from_pandas(frame, schema=low.schema))], "describe")
    line = next(line for label, line in lines_of(figure.axes[1]).items() if label.startswith("image 1"))
    assert max(line.get_ydata()) < figure.axes[1].get_ylim()[1]
    assert figure.axes[0].get_ylim()[0] == 0


def test_heat_map_has_layers_upwards_and_steps_rightwards():
    table = probe_tables(ids(3), layers=5, tokens=7)["generation_attention"]
    frame = table.to_pandas()
    image = attention_by_layer(table, "describe").axes[0].images[0]
    mine = frame[(frame.task == "describe") & (frame.layer == 4) & (frame.token == 2)]
    assert image.get_array()[4, 2] == pytest.approx(mine["picture_1"].mean(), rel=1e-6)
    assert list(image.get_extent()) == [-0.5, 6.5, -0.5, 4.5]
    assert image.origin == "lower"


def test_heat_maps_of_some_layers_stand_where_those_layers_are():
    table = probe_tables(ids(3), layers=9, tokens=7)["generation_attention"]
    some = table.filter(pc.greater(table["layer"], 5))
    axes = attention_by_layer(some, "describe").axes[0]
    assert list(axes.images[0].get_extent()) == [-0.5, 6.5, 5.5, 8.5]
    assert axes.get_ylim() == (5.5, 8.5)
    rows = pd.DataFrame(case("full")[2])
    layers = rows["layer"].dropna().max()
    panel = effect_sizes(rows[rows["layer"].isna() | (rows["layer"] >= 2)], FAITHFULNESS).axes[0]
    assert panel.get_xlim() == (1.5, layers + 0.5)


def test_figures_are_the_pages_of_one_file(tmp_path):
    drawings = all_figures(*case("tiny"))
    for name in ("a", "b"):
        pages = (drawings[which]() for which in ("grounding", "attention_by_step", "attention_by_layer"))
        save(pages, tmp_path / name)
    assert {path.name for path in tmp_path.glob("a*")} == {"a.pdf", "a.png", "a_p02.png", "a_p03.png"}
    content = (tmp_path / "a.pdf").read_bytes()
    assert len(re.findall(rb"/Type /Page\b", content)) == 3
    assert b"/FontFile2" in content  # TrueType, as the style says: letters stay letters
    assert content == (tmp_path / "b.pdf").read_bytes()


def test_a_sample_of_many_layers_has_twelve_panels_from_first_to_last():
    table = probe_tables(ids(1), layers=40, tokens=2)["generation_attention"]
    titles = [axes.get_title() for axes in attention_of_sample(table, "describe", ids(1)[0]).axes]
    assert len(titles) == 12
    assert (titles[0], titles[-1]) == ("layer 0", "layer 39")


def test_effect_sizes_show_the_number_of_samples():
    figure = draw("full", "effect_sizes_faithfulness")
    shown = [text.get_text() for text, _ in shown_texts(figure)]
    assert any("unfaithful (n = 20) − faithful (n = 20)" in text for text in shown)


@pytest.mark.parametrize(("tested", "words"), [(True, "dot: FDR ≤ 5%"), (False, "not tested")])
def test_effect_sizes_show_whether_anything_was_tested(tested, words):
    rows = pd.DataFrame(case("full")[2]).assign(q_value=0.5 if tested else None)
    assert words in effect_sizes(rows, FAITHFULNESS).get_supxlabel()


def test_an_effect_size_that_is_missing_is_no_effect_of_zero():
    rows = pd.DataFrame(case("full")[2])
    lacking = (rows["measure"] == "ffn_change") & (rows["layer"] == 3) & (rows["contrast"] == "faithfulness")
    figure = effect_sizes(rows.assign(hedges_g=rows["hedges_g"].mask(lacking)), FAITHFULNESS)
    axes = figure.axes[0]
    line = [label.get_text() for label in axes.get_yticklabels()].index("FFN: L2 change")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())
    across, down = axes.transData.transform((3, line))
    assert pixels[len(pixels) - round(down), round(across), :3].tolist() == [0xBB] * 3
    assert "grey: no value" in figure.get_supxlabel()


def test_discoveries_are_marked():
    rows = pd.DataFrame(case("full")[2]).assign(q_value=0.051)
    which = (rows["measure"] == "ffn_change") & (rows["layer"] == 3) & (rows["contrast"] == "faithfulness")
    rows.loc[which, "q_value"] = 0.05
    axes = effect_sizes(rows, FAITHFULNESS).axes[0]
    (dots,) = [line for line in axes.get_lines() if line.get_marker() == "o"]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert list(zip(dots.get_xdata(), dots.get_ydata(), strict=True)) == [(3, names.index("FFN: L2 change"))]
    assert axes.images[0].get_array()[names.index("FFN: L2 change"), 3] > 2  # planted


def test_a_difference_has_a_bar_for_each_answer_full_where_it_is_found():
    tables, groups, rows = case("tiny")
    rows = pd.DataFrame(rows)
    is_shown = (rows["contrast"] == "consistency") & (rows["measure"] == "active_share")
    for task, difference, q in (("same", -0.2, 0.05), ("different", 0.3, 0.06)):
        rows.loc[is_shown & (rows["task"] == task), ["difference", "q_value"]] = difference, q
    values = sample_values(tables["neuron_activation"], PROBES["neuron_activation"].contrasted)
    axes = neuron_activation(values, pd.DataFrame(groups), CONSISTENCY, rows).axes[1]
    bars = {bar.get_height(): bar for bar in axes.patches}
    assert set(bars) == {-0.2, 0.3}
    assert bars[-0.2].get_facecolor() != (1, 1, 1, 1)
    assert bars[0.3].get_facecolor() == (1, 1, 1, 1)
    one_answer = neuron_activation(values, pd.DataFrame(groups), FAITHFULNESS, rows)
    shown = {
        text.get_text(): bar
        for text, bar in zip(one_answer.legends[0].get_texts(), one_answer.legends[0].legend_handles, strict=True)
    }
    (not_found,) = [bar for label, bar in shown.items() if "not tested" in label]
    assert not_found.get_facecolor() == (1, 1, 1, 1)
    assert not any("≤" in label for label in shown)
    assert bars[-0.2].get_x() + bars[-0.2].get_width() <= bars[0.3].get_x() + 1e-9


def test_grounding_ratio_is_the_median_over_samples():
    table = case("full")[0]["grounding"].to_pandas()
    ratios = draw("full", "grounding").axes[1]
    expected = table[(table.task == "describe") & (table.layer == 7)]["attention_over_random"].median()
    assert ratios.get_lines()[0].get_ydata()[7] == pytest.approx(expected, rel=1e-6)


def test_maxima_of_maps_stand_beside_chance():
    table = case("full")[0]["grounding"].to_pandas()
    of_answers = table[(table.task == "describe") & (table.layer == table.layer.max())]
    maxima = draw("full", "grounding").axes[3]
    expected = [of_answers["tam_hit"].mean(), of_answers["tam_chance"].mean()]
    assert [bar.get_height() for bar in maxima.patches] == pytest.approx(expected, rel=1e-6)


def test_effects_stand_by_group_and_by_what_is_said():
    figure = draw("full", "image_effect")
    rows = case("full")[0]["causal_patching"].to_pandas()
    means = rows[rows["tokens"].isna()].groupby("sample_id")[["image_effect", "verdict_effect"]].mean()
    of_groups, of_words = figure.axes
    effect, unfaithful = means["image_effect"], means.index.isin(ids(20))
    expected = [effect.mean(), effect[~unfaithful].mean(), effect[unfaithful].mean()]
    assert [bar.get_height() for bar in bars_of(of_groups)] == pytest.approx(expected)
    labels = [label.get_text() for label in of_groups.get_xticklabels()]
    assert labels == ["all\nn = 40", "faithful\nn = 20", "unfaithful\nn = 20"]
    assert bars_of(of_words)[0].get_height() == pytest.approx(effect.mean())
    assert bars_of(of_words)[-1].get_height() == pytest.approx(means["verdict_effect"].mean())
    assert of_words.get_xticklabels()[-1].get_text() == "verdict\nn = 20"


def bars_of(axes):
    return [patch for patch in axes.patches if isinstance(patch, Rectangle)]


def test_shares_are_drawn_by_layer_from_the_input_on_with_the_hand_over_layer():
    figure = draw("full", "patching_shares")
    into_changed, into_undone = (lines_of(axes) for axes in figure.axes)
    rows = case("full")[0]["causal_patching"].to_pandas()
    total = rows["image_effect"].sum()
    rows = rows[(rows["tokens"] == "difference") & (rows["direction"] == "undone_into_changed")]
    expected = rows.groupby("layer")["drop"].sum() / total
    line = into_changed["tokens of the difference"]
    assert list(line.get_xdata()) == list(range(-1, 28))
    np.testing.assert_allclose(line.get_ydata(), expected, atol=1e-6)
    assert len(into_undone["all tokens of the image"].get_xdata()) == 29
    [circle] = [line for line in figure.axes[0].get_lines() if line.get_markersize() == 6]
    first = expected[expected < 0.5].index[0]
    assert (circle.get_xdata()[0], circle.get_ydata()[0]) == (first, pytest.approx(expected[first]))
    assert "60 differences" in figure.legends[0].get_title().get_text()


def test_shares_of_types_are_of_their_own_effects():
    rows = case("full")[0]["causal_patching"].to_pandas()
    lines = lines_of(draw("full", "patching_by_type").axes[0])
    for kind in ("color", "remove", "position"):
        of_kind = rows[rows["type"] == kind]
        own = of_kind[(of_kind["tokens"] == "difference") & (of_kind["direction"] == "undone_into_changed")]
        expected = own.groupby("layer")["drop"].sum() / of_kind["image_effect"].sum()
        np.testing.assert_allclose(lines[f"{kind} (n = 20)"].get_ydata(), expected, atol=1e-6)


def test_an_effect_whose_interval_holds_0_has_no_shares():
    table = patched_table(ids(8), effect=0.0)
    figure = patching_shares(table, samples_table(dict.fromkeys(ids(8))))
    assert "the interval of\nthe image effect holds 0" in figure.axes[0].texts[0].get_text()


def test_drawing_leaves_the_callers_style_alone():
    before = dict(matplotlib.rcParams)
    draw("tiny", "grounding")
    assert dict(matplotlib.rcParams) == before


def test_saving_writes_pdf_and_png_the_same_bytes_each_time(tmp_path):
    for folder in ("one", "two"):
        save([draw("tiny", "layer_changes_faithfulness")], tmp_path / folder / "figure")
    for kind, magic in ((".pdf", b"%PDF"), (".png", b"\x89PNG")):
        one, two = ((tmp_path / folder / f"figure{kind}").read_bytes() for folder in ("one", "two"))
        assert one.startswith(magic)
        assert one == two
    assert b"/Type3" not in (tmp_path / "one" / "figure.pdf").read_bytes()  # letters of PDF are TrueType, not drawings
    with Image.open(tmp_path / "one" / "figure.png") as image:
        assert image.width == int(COLUMN * 300)  # not cut to its content, which would change the letters' size


def test_pdf_and_png_have_one_layout(tmp_path, monkeypatch):
    laid_out = []
    layout = ConstrainedLayoutEngine.execute
    monkeypatch.setattr(ConstrainedLayoutEngine, "execute", lambda *given: (laid_out.append(1), layout(*given))[1])
    figure = draw("full", "grounding")
    save([figure], tmp_path / "figure")
    assert len(laid_out) == 1
    places = [axes.get_position().bounds for axes in figure.axes]
    FigureCanvasAgg(figure).draw()
    assert [axes.get_position().bounds for axes in figure.axes] == places


def test_samples_are_counted_in_whole_numbers():
    (_, histogram) = draw("tiny", "similarity_and_divergence_faithfulness").axes
    assert all(tick == round(tick) for tick in histogram.get_yticks())


def test_a_contact_sheet_shows_every_image_whole(tmp_path):
    colors = [(200, 0, 0), (0, 200, 0), (0, 0, 200)]
    for number, (color, height) in enumerate(zip(colors, (900, 200, 300), strict=True)):
        Image.new("RGB", (500, height), color).save(tmp_path / f"{number}.png")
    write_contact_sheet([Tile(tmp_path / f"{number}.png", "a") for number in range(3)], tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        counted = {color: count for count, color in sheet.convert("RGB").getcolors()}
    assert [counted[color] for color in colors] == [500 * 900, 500 * 200, 500 * 300]


def test_a_contact_sheet_shows_a_wide_page_over_two_columns_and_names_what_was_not_drawn(tmp_path):
    for name, color, width in (("a", (200, 0, 0), 1005), ("b", (0, 200, 0), 2100), ("c", (0, 0, 200), 1005)):
        Image.new("RGB", (width, 1005), color).save(tmp_path / f"{name}.png", dpi=(300, 300))
    tiles = [Tile(tmp_path / f"{name}.png", "") for name in "abc"]
    write_contact_sheet(tiles, tmp_path / "sheet.png", ["d was not drawn"])
    with Image.open(tmp_path / "sheet.png") as sheet:
        counted = {color: count for count, color in sheet.convert("RGB").getcolors()}
        assert counted[200, 0, 0] == counted[0, 0, 200] == 500 * 500
        assert counted[0, 200, 0] == 1024 * round(1005 * 1024 / 2100)
        assert sheet.convert("L").crop((548, 538, 1048, 638)).getextrema()[0] < 50  # words below the wide one


def test_steps_of_a_long_answer_are_averaged_and_said_to_be():
    rows = case("long")[0]["generation_attention"].to_pandas()
    rows = rows[(rows["sample_id"] == ids(1)[0]) & (rows["layer"] == 79)]
    figure = draw("long", "attention_of_sample")
    (axes,) = (one for one in figure.axes if one.get_title() == "layer 79")
    assert axes.get_xlabel() == "step (means of 7)"
    lowest = axes.collections[0].get_paths()[0].vertices
    means = rows["picture_1"].to_numpy()[:1022].reshape(-1, 7).mean(axis=1)
    assert lowest[:, 1].max() == pytest.approx(means.max(), rel=1e-5)
    assert axes.get_xlim() == (-0.5, 1023.5)


def test_a_failed_figure_does_not_stop_the_others(tmp_path, caplog):
    def pages():
        yield draw("tiny", "grounding")
        raise ValueError("no\nnumbers")

    def alone(name):
        yield draw("tiny", name)

    drawings = {name: partial(alone, name) for name in FIGURES[:2]} | {"overlays": pages}
    drawn = []
    failures = write_figures(drawings, tmp_path, drawn.append)
    assert failures == {"overlays": "ValueError: no numbers"} and drawn == [1, 1, 1]
    names = {f"{name}.{kind}" for name in FIGURES[:2] for kind in ("pdf", "png")}
    assert {path.name for path in tmp_path.iterdir()} == names | {"contact_sheet.png", "not_drawn.txt"}
    assert (tmp_path / "not_drawn.txt").read_text() == "overlays: ValueError: no numbers\n"
    assert "overlays was not drawn" in caplog.text
    del drawings["overlays"]
    assert write_figures(drawings, tmp_path, drawn.append) == {}
    assert not (tmp_path / "not_drawn.txt").exists()
    with pytest.raises(UserError, match="none of 1 figures could be drawn"):
        write_figures({"overlays": pages}, tmp_path / "other", drawn.append)


def test_a_full_disk_is_not_a_failed_figure(tmp_path, monkeypatch):
    def full(*given, **settings):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", full)
    with pytest.raises(UserError, match="No space left"):
        write_figures({"a": lambda: iter([draw("tiny", "grounding")])}, tmp_path, print)


def test_a_contact_sheet_keeps_the_colours_of_bands(tmp_path):
    """Among more colours than a PNG of a byte a pixel has."""
    values = np.zeros((2, 2))
    figure, bands = Figure(), {}
    for color in (*COLORS, GREY):
        axes = figure.add_axes((0, 0, 1, 1), facecolor="white")
        axes.axis("off")
        middle_and_band(axes, np.arange(2), values[0], values[0], values[0] + 1, color, "", "none")
        axes.set(xlim=(0, 1), ylim=(0, 1))
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        bands[color] = tuple(np.asarray(canvas.buffer_rgba())[100, 100, :3].tolist())
        figure.clear()
    drawn = np.random.default_rng(0).integers(0, 256, (400, 500, 3), dtype=np.uint8)
    for number, color in enumerate(bands.values()):
        drawn[20 * number : 20 * number + 20, :20] = color
    Image.fromarray(drawn).save(tmp_path / "drawn.png")
    write_contact_sheet([Tile(tmp_path / "drawn.png", "")], tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        pixels = np.asarray(sheet.convert("RGB"))[48:, 24:]
    np.testing.assert_allclose(pixels[10 : 20 * len(bands) : 20, 10].astype(int), list(bands.values()), atol=1)


# ---- the commands ----------------------------------------------------------------------------------------------------


def run(script, *arguments):
    return subprocess.run(
        [sys.executable, ROOT / "workflow_scripts" / script, *arguments], capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def probed(tmp_path_factory):
    """Folder of a model's tables."""
    folder = tmp_path_factory.mktemp("probes") / "some-model"
    tables, groups, rows = case("tiny")
    write_tables(folder, tables)
    write_table(folder / "groups.parquet", groups, PROBE_GROUPS)
    write_table(folder / "contrasts.parquet", rows, PROBE_CONTRASTS)
    write_table(folder.parent / "samples.parquet", samples_table(dict.fromkeys(ids(2))), SAMPLES)
    white = encode_png(np.full((9, 9, 3), 255, np.uint8))
    pair = {"original": white, "modified": white, "original_sha256": "0", "modified_sha256": "0"}
    write_table(folder.parent / "images.parquet", [{"sample_id": one} | pair for one in ids(2)], IMAGES)
    return folder


def with_maps(probed, folder, **row):
    """A copy of the folder in `folder`, with a row of maps of its second sample; no other answer is mapped."""
    copy = shutil.copytree(probed.parent, folder) / probed.name
    keys = [{"sample_id": one, "task": task, "dtype": "float32"} for one in ids(2) for task in TASKS]
    mapped = {"sample_id": ids(2)[1], "task": "describe"}.items()
    rows = [key | ({"status": "ok"} | row if mapped <= key.items() else {"status": "no_answer"}) for key in keys]
    write_table(copy / "token_activation_map.parquet", rows, PROBES["token_activation_map"].schema)
    return copy


def draw_probes(probed, output, *more):
    tables = ["--contrasts", probed / "contrasts.parquet", "--groups", probed / "groups.parquet"]
    tables += ["--samples", probed.parent / "samples.parquet", "--images", probed.parent / "images.parquet"]
    return run("draw_probes.py", "--probes", probed, *tables, "--output-folder", output, *more)


@pytest.mark.slow
def test_the_command_draws_every_figure_and_a_contact_sheet(probed, tmp_path):
    done = draw_probes(probed, tmp_path)
    assert done.returncode == 0, done.stderr
    names = {path.name for path in tmp_path.iterdir()}
    figures = {"attention_by_step", "attention_by_layer", "attention_of_sample", "grounding", *OF_PATCHING} | {
        f"{figure}_{contrast}"
        for contrast in (FAITHFULNESS.name, CONSISTENCY.name)
        for figure in (
            "layer_changes",
            "neuron_activation",
            "hidden_similarity",
            "similarity_and_divergence",
            "effect_sizes",
        )
    }
    assert names == {f"{name}{kind}" for name in figures for kind in (".pdf", ".png")} | {"contact_sheet.png"}
    with Image.open(tmp_path / "contact_sheet.png") as sheet:
        assert sheet.width == 4 * 500 + 5 * 24


def test_maps_of_the_first_measured_answer_of_a_split_are_drawn_too(probed, tmp_path):
    whole = {"x": 0, "y": 0, "w": 1, "h": 1}
    rasters = [
        {"first": number, "rows": 1, "columns": 1, "pictures": [{"picture": number} | whole]} for number in (0, 1)
    ]
    maps = {"token": 0, "token_id": 7, "word": "car", "map": [np.float16(0), np.float16(1)], "rasters": rasters}
    done = draw_probes(with_maps(probed, tmp_path / "probes", **maps), tmp_path / "figures")
    assert done.returncode == 0, done.stderr
    name = f"overlays_describe_{ids(2)[1].replace('/', '_')}"
    assert {path.name for path in (tmp_path / "figures").glob("overlays*")} == {f"{name}.pdf", f"{name}.png"}


def test_figures_are_drawn_of_a_model_whose_tokens_have_no_known_places(probed, tmp_path):
    done = draw_probes(with_maps(probed, tmp_path / "probes", status="unsupported"), tmp_path / "figures")
    assert done.returncode == 0, done.stderr
    assert "no maps to draw" in done.stderr
    assert (tmp_path / "figures" / "contact_sheet.png").exists()
    assert not list((tmp_path / "figures").glob("overlays*"))


def test_a_sample_that_was_not_probed_is_named(probed, tmp_path):
    done = draw_probes(probed, tmp_path, "--sample-id", "easy/77777_7")
    assert done.returncode == 1
    assert "easy/77777_7: this sample was not probed" in done.stderr


def test_models_are_drawn_beside_each_other(probed, tmp_path):
    done = run("draw_models.py", "--probes", probed, probed, "--output-folder", tmp_path)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"attention_by_step.pdf", "attention_by_step.png"}


def test_a_run_of_maps_alone_has_no_figures_of_contrasts(probed, tmp_path):
    folder = with_maps(probed, tmp_path / "probes", status="unsupported")
    samples, images = (folder.parent / f"{name}.parquet" for name in ("samples", "images"))
    contrasts = PROBE_CONTRASTS.empty_table().to_pandas()
    results = ModelResults(folder, samples, images, pd.DataFrame(), contrasts)
    assert all_drawings(results, probes_in(folder, ["token_activation_map"])) == {}
    assert "grounding" in all_drawings(results, probes_in(folder))


def test_a_table_that_is_named_and_missing_is_an_error_before_anything_is_drawn(probed, tmp_path):
    folder = shutil.copytree(probed.parent, tmp_path / "probes") / probed.name
    (folder / "layer_changes.parquet").unlink()
    done = draw_probes(folder, tmp_path / "figures", "--only", "grounding", "layer_changes")
    assert done.returncode == 1
    assert "layer_changes.parquet: no such file" in done.stderr
    assert not (tmp_path / "figures").exists()


# ---- the catalogue ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "chosen", [list(PROBES), ["grounding"], ["token_activation_map"], ["layer_changes", "grounding"]]
)
def test_what_is_drawn_is_what_is_declared(probed, tmp_path, chosen):
    folder = with_maps(probed, tmp_path / "probes", word="car", map=[], rasters=[], token=0, token_id=7)
    samples, images = (folder.parent / f"{name}.parquet" for name in ("samples", "images"))
    contrasts = PROBE_CONTRASTS.empty_table().to_pandas()
    results = ModelResults(folder, samples, images, pd.DataFrame(), contrasts)
    drawn = list(all_drawings(results, probes_in(folder, chosen)))
    declared = declared_figures([PROBES[name] for name in chosen])
    kinds = [figure_of(name, declared) for name in drawn]
    assert [kind.name for kind in kinds] == [figure.name for figure in declared]
    assert {kind.probe for kind in kinds} - {None} == set(chosen)


def test_no_figure_shows_a_key():
    keys = {*TASKS, *PROBES, *(contrast.name for contrast in CONTRASTS)}
    for name in FIGURES:
        for text, _ in shown_texts(draw("full", name)):
            shown = text.get_text()
            assert shown not in keys and ("_" not in shown or shown.startswith("sample ")), shown


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_has_no_title(name):
    assert draw("full", name).get_suptitle() == ""


def test_models_are_shown_by_their_labels(probed, tmp_path):
    folder = shutil.copytree(probed.parent, tmp_path / "results/probes") / probed.name
    assert label_of(folder) == probed.name
    models = {probed.name: {"label": "Some Model 7B"}}
    (tmp_path / "results/run.json").write_text(json.dumps({"run": {"models": models}}))
    assert label_of(folder) == "Some Model 7B"
    models["other"] = {"label": "Some Model 7B"}
    (tmp_path / "results/run.json").write_text(json.dumps({"run": {"models": models}}))
    assert label_of(folder) == f"Some Model 7B ({probed.name})"


def test_each_column_of_panels_has_its_steps_below_it():
    """Three layers leave the second line of panels half empty."""
    labels = [axes.get_xlabel() for axes in draw("three", "attention_of_sample").axes if axes.get_visible()]
    assert labels == ["", "step (token)", "step (token)"]
