"""`snakemake plan`: what a run would do, before and after, without doing it."""

from pathlib import Path

import pytest
from workflow.project import Project

MODEL = "tiny-qwen2-vl-early"
NO_NETWORK = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}

pytestmark = pytest.mark.slow


def row_of(output: str, name: str) -> list[str]:
    """The cells of a row of the printed table."""
    (line,) = [line for line in output.splitlines() if line.startswith(f"│ {name} ")]
    return [cell.strip() for cell in line.strip("│").split("│")]


def test_a_plan_before_and_after_a_run(tmp_path: Path) -> None:
    project = Project.fresh(tmp_path / "project")
    with project.edited("config/models.yaml") as models:
        models["paid"] = models["gpt-4o"] | {"key_variable": "PAID_KEY", "max_usd": 0.06}
    with project.edited("config/config.yaml") as config:
        config["models"] = [MODEL, "paid"]
    output = project.run("plan", **NO_NETWORK)
    assert "8 pairs of demo, three questions about each" in output
    assert row_of(output, MODEL)[1:5] == ["transformers", "24", "0", "24"]
    paid = row_of(output, "paid")
    assert paid[1:5] == ["openai", "24", "0", "24"] and float(paid[7]) > 0
    assert "- paid: the environment variable PAID_KEY is not set; set it to the API key." in output
    assert "WARNING: paid: max_usd 0.06, of which 0.00 is spent, pays for about" in output
    assert "Detectable difference over 8 pairs at 80% power" in output and "ASSUMED" in output
    assert not list((project.folder / "results").rglob("*.parquet"))

    project.run(f"results/demo/responses/{MODEL}.parquet")
    output = project.run("plan", PAID_KEY="secret", **NO_NETWORK)
    assert row_of(output, MODEL)[1:5] == ["transformers", "24", "24", "0"]
    assert row_of(output, MODEL)[-1] == "24 answers"
    assert "Missing: nothing" in output and "secret" not in output
    assert "Leaderboard" not in output


def test_a_plan_after_a_run_knows_the_standard_errors(tmp_path: Path) -> None:
    project = Project.fresh(tmp_path / "project")
    with project.edited("config/datasets.yaml") as datasets:
        for split in datasets["demo"]["splits"].values():
            split["pairs"] = 3  # 12 in all, because scores of under 10 images are no basis
    project.run()
    output = project.run("plan", **NO_NETWORK)
    assert "ASSUMED" not in output
    assert "median over those that differ of 1 pair of models, scored: tiny-qwen2-vl, tiny-qwen2-vl-early." in output
    assert len(row_of(output, "Overall")) == 6
