"""The parts of the page that come from the run's config, and where the page can be written."""

from pathlib import Path

import pytest

from spd_faith.core.errors import UserError
from spd_faith.core.html import files_of_page
from spd_faith.core.run_config import read_recorded_run
from spd_faith.leaderboard.html.page import figures_of

CONFIG = """{
    "config": {"dataset": "demo", "models": ["a.b"], "judges": ["rules"], "probes": {"run": ["layer_changes"]}},
    "dataset": {"demo": {"label": null}}, "models": {"a.b": {"label": "A"}}, "judges": {"rules": {"label": null}},
    "probes": {"a.b": ["layer_changes"]}, "variants": {}
}"""


def test_figures_are_found_from_where_the_page_is(tmp_path):
    (tmp_path / "config.json").write_text(CONFIG)
    run = read_recorded_run(tmp_path / "config.json")
    assert [(one.label, one.folder) for one in figures_of(run, ["a.b"])] == [("A", "figures/a.b")]
    assert figures_of(run, ["a.b"], "../results/100% #1/figures")[0].folder == "../results/100%25%20%231/figures/a.b"


@pytest.mark.parametrize("name", [".", "page", "page.pdf", ".html"])
def test_a_page_has_a_name_that_browsers_open(name):
    with pytest.raises(UserError, match=r"expected a file name that ends in \.html"):
        files_of_page(Path(name))


def test_files_of_a_page_are_in_a_folder_beside_it():
    assert files_of_page(Path("pages/run.v2.html")) == Path("pages/run.v2_files")
