"""The declarations of the probes' figures."""

import subprocess
import sys
from pathlib import Path

from spd_faith.core.schemas import TASKS
from spd_faith.probes.figure_catalogue import declared_figures, figure_of, heading
from spd_faith.probes.registry import PROBES

ROOT = Path(__file__).parents[2]
ALL = declared_figures(PROBES.values(), has_variants=True)


def test_a_figure_says_what_it_cannot_say_and_has_a_section_in_the_docs():
    docs = (ROOT / "docs/probes.md").read_text()
    sections = {line.removeprefix("## ").lower().replace(" ", "-") for line in docs.splitlines() if line[:3] == "## "}
    assert {figure.probe for figure in ALL} == {*PROBES, None}
    for figure in ALL:
        assert figure.section in sections, figure.name
        assert figure.shows.endswith(".") and figure.limits.endswith(".")
        assert figure.caption.startswith(figure.shows) and figure.caption.endswith(figure.limits)
        assert not set("_*`|") & set(figure.title + figure.caption)  # no keys, no markup of reports


def test_figures_of_all_probes_need_a_contrasted_probe():
    def names(*probes):
        return [figure.name for figure in declared_figures([PROBES[name] for name in probes])]

    assert names("token_activation_map") == ["overlays_"]
    assert names("grounding") == ["grounding", "effect_sizes_faithfulness", "effect_sizes_consistency"]
    assert names() == []


def test_a_file_is_found_by_its_name():
    assert figure_of("layer_changes_consistency", ALL).probe == "layer_changes"
    assert figure_of("overlays_describe_easy_1_p02", ALL).probe == "token_activation_map"
    assert figure_of("contact_sheet", ALL) is None
    assert heading("layer_changes_consistency", ALL) == "Changes by layer: contradictory against consistent"
    assert heading("overlays_describe_easy_1", ALL) == "Token activation maps of one answer (describe_easy_1)"
    assert heading("mine", ALL) == "mine"


def test_the_catalogue_is_read_without_slow_libraries():
    """Each start of Snakemake reads it."""
    code = "import sys; import spd_faith.probes.figure_catalogue; print(*sys.modules)"
    scripts = ROOT / "workflow_scripts"
    done = subprocess.run([sys.executable, "-c", code], cwd=scripts, capture_output=True, text=True, check=True)
    assert not {"matplotlib", "pandas", "torch"} & {*done.stdout.split()}


def test_every_compared_measure_has_its_own_label():
    for probe in PROBES.values():
        labels = probe.figures().measures
        assert set(labels) == set(probe.contrasted)
        assert len(set(labels.values())) == len(labels)
        assert not {*TASKS} & {*labels.values()} and not any("_" in label for label in labels.values())
