"""The plan says what a run lacks to compare its variants, in the words of the leaderboard."""

import sys
from pathlib import Path
from typing import Any

import pytest

import plan
from spd_faith.core.config import Run, RunConfig
from spd_faith.core.run_config import write_config_file
from spd_faith.dataset.entries import DemoDataset, DemoSplit
from spd_faith.inference.entries import TransformersModel
from spd_faith.judging.entries import RulesJudge

CHANGE: dict[str, Any] = {"image_attention": {"factor": 2.0}}
INTERVENTIONS = {"base": None, "changed": CHANGE, "fake": CHANGE | {"placebo": True}}
NO_BASE = "there is no base model to compare it with. Name in `models` an entry of models.yaml that is the same, but "
NO_BASE += "without `intervention`."
NO_PLACEBO = "there is no placebo to compare it with. Name in `models` an entry of models.yaml that is the same, but "
NO_PLACEBO += "with `placebo: true`."
NO_VARIANT = "the run lacks its variant. Name in `models` an entry of models.yaml that is the same, but without "
NO_VARIANT += "`placebo: true`."


@pytest.mark.parametrize(
    ("models", "notes"),
    [
        (["base"], []),
        (["base", "changed", "fake"], []),
        (["base", "changed"], [f"changed: {NO_PLACEBO}"]),
        (["changed"], [f"changed: {NO_BASE}", f"changed: {NO_PLACEBO}"]),
        (["base", "fake"], [f"fake: {NO_VARIANT}"]),
    ],
    ids=str,
)
def test_the_plan_names_what_is_missing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    models: list[str],
    notes: list[str],
) -> None:
    fields = {"backend": "transformers", "model": "config", "dtype": "float32", "max_new_tokens": 64}
    splits = {"easy": DemoSplit(pairs=4, objects=[3, 4], differences=[1, 1])}
    run = Run(
        RunConfig(dataset="d", models=models, judges=["rules"]),
        DemoDataset(source="demo", seed=1, splits=splits),
        {name: TransformersModel.model_validate(fields | {"intervention": INTERVENTIONS[name]}) for name in models},
        {"rules": RulesJudge(judge="rules")},
    )
    write_config_file(run, tmp_path / "config.json")
    arguments = ["--config", tmp_path / "config.json", "--results", tmp_path / "nothing"]
    monkeypatch.setattr(sys, "argv", ["plan.py", *map(str, arguments)])
    plan.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith(("base: ", "changed: ", "fake: "))] == notes
