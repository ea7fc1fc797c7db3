"""`snakemake --report`: captions for all tables and figures, in categories, without the network."""

import json
import re
import shutil
from html import unescape
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from workflow.project import Project

from spd_faith.probes.figure_catalogue import declared_figures
from spd_faith.probes.registry import PROBES

MODELS = dict.fromkeys(("tiny-qwen2-vl", "tiny-qwen2-vl-early"), "Qwen <b>2</b> {tiny} *VL*")
SHOWN = {model: f"Qwen <b>2</b> (tiny) *VL* ({model})" for model in MODELS}
RUN = ["layer_changes", "token_activation_map"]
OFFLINE = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
"""Any request is refused."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.fresh(tmp_path_factory.mktemp("report") / "project")
    with project.edited("config/models.yaml") as models:
        for name, label in MODELS.items():
            models[name]["label"] = label
    with project.edited("config/config.yaml") as config:
        config["models"] = list(MODELS)
        config["probes"] = {"run": RUN, "samples_per_split": 1}
    project.run()
    return project


def data_of(page: str, name: str) -> Any:
    """What the report's script `name` holds."""
    start = re.search(rf"<script id=\"{name}\">\s*var {name} = ", page)
    assert start
    return json.JSONDecoder().raw_decode(page[start.end() :].lstrip())[0]


def words(html: str) -> str:
    """The text of a caption."""
    return " ".join(unescape(re.sub(r"<[^>]+>", "", html)).split())


def test_every_table_and_figure_has_a_caption_in_the_category_of_its_stage(finished: Project) -> None:
    done = finished.snakemake("--report", "report.html", **OFFLINE)
    assert done.returncode == 0, done.stderr
    page = (finished.folder / "report.html").read_text()
    categories, results = data_of(page, "categories"), data_of(page, "results")
    assert list(map(str, sorted(categories))) == ["1 Dataset", "6 Probes", "7 Leaderboard"]
    assert set(categories["6 Probes"]) == set(SHOWN.values())
    tables = {Path(path).name for path in (*categories["1 Dataset"]["Other"], *categories["7 Leaderboard"]["Other"])}
    suffixes = {path.suffix for path in (finished.folder / "results/demo").glob("leaderboard.*")}
    assert tables == {f"leaderboard{suffix}" for suffix in suffixes} | {
        "audit.parquet",
        "breakdowns.parquet",
        "comparisons.parquet",
        "interventions.parquet",
        "run.json",
    }
    for path, result in results.items():
        assert len(words(result["caption"])) > 80 and "Not described" not in result["caption"], path
        assert "System Message" not in result["caption"], path  # of reStructuredText that is wrong
    declared = declared_figures([PROBES[name] for name in RUN])
    for model, label in SHOWN.items():
        folder = finished.folder / "results/demo/figures" / model
        drawn = {str(path.relative_to(finished.folder)) for path in folder.glob("*.png")}
        assert set(categories["6 Probes"][label]) == drawn - {f"results/demo/figures/{model}/contact_sheet.png"}
        for figure in declared:
            (result, *_) = (results[path] for path in sorted(drawn) if Path(path).name.startswith(figure.name))
            assert result["labels"]["Model"] == label and result["labels"]["Figure"].startswith(figure.title)
            assert figure.shows in words(result["caption"]) and figure.limits in words(result["caption"])
    assert not re.findall(r'<(?:script|link)[^>]+(?:src|href)="https?:', page)


def test_a_missing_figure_folder_or_page_is_left_out_of_the_report(finished: Project, tmp_path: Path) -> None:
    project = finished.copy(tmp_path / "project")
    gone, kept = (project.folder / "results/demo/figures" / model for model in MODELS)
    shutil.rmtree(gone)
    (kept / "effect_sizes_faithfulness.png").unlink()
    (project.folder / "results/demo/leaderboard.html").unlink()
    done = project.snakemake("--report", "report.zip", **OFFLINE)
    assert done.returncode == 0, done.stderr
    with ZipFile(project.folder / "report.zip") as packed:
        names = {Path(name).name for name in packed.namelist()}
        page = packed.read("report/report.html").decode()
    assert set(data_of(page, "categories")["6 Probes"]) == {SHOWN["tiny-qwen2-vl-early"]}
    assert {"effect_sizes_consistency.png", "leaderboard.csv", "report.html"} <= names
    assert not {"effect_sizes_faithfulness.png", "leaderboard.html"} & names
