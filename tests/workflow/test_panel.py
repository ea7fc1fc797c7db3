"""A panel in the real workflow: beside the rules to the leaderboard, with one server behind its other members."""

import json
from pathlib import Path

import pytest
from fault_server import FaultServer
from judging.paid_judge import PRICES
from judging.test_panel import claims_of, member_of
from workflow.project import Project

from spd_faith.core.files import read_provenance

MODEL = "tiny-qwen2-vl-early"

pytestmark = pytest.mark.slow


def strict_or_lenient(request):
    """The member `strict` finds every claim wrong, `lenient` every claim right."""
    is_cr = "other_answer" in request.body["messages"][0]["content"]
    wrong, right = ("contradictory", "consistent") if is_cr else ("fabrication", "faithful")
    label = wrong if member_of(request) == "strict" else right
    return json.dumps({"labels": [{"number": number, "label": label} for number in claims_of(request)]})


def test_a_panel_that_always_follows_the_rules(tmp_path: Path) -> None:
    """With one member that calls all right and one that calls all wrong, the rules decide what is not unverifiable."""
    project = Project.fresh(tmp_path / "project")
    with FaultServer(answer=strict_or_lenient) as server:
        with project.edited("config/judges.yaml") as judges:
            for name in ("strict", "lenient"):
                models = {metric: {"model": f"{name}-{metric}", "prices": PRICES} for metric in ("drf", "cr")}
                judges[name] = {"judge": "openai", "base_url": server.base_url, "models": models, "images": None}
                judges[name] |= {"max_new_tokens": 512, "structured_output": "json_object"}
            judges["panel"] = {"label": "Jury", "judge": "panel", "members": ["rules", "strict", "lenient"]}
        with project.edited("config/config.yaml") as config:
            config |= {"models": [MODEL], "judges": ["rules", "panel"]}
        project.run()
        asked = len(server.requests)
        assert project.planned() == {}
        (project.folder / f"results/demo/judgements/panel/{MODEL}.parquet").unlink()
        project.run(f"results/demo/judgements/panel/{MODEL}.parquet")
        assert len(server.requests) == asked > 0

    by_rules, by_panel = (
        project.table(f"judgements/{judge}/{MODEL}.parquet").set_index(["sample_id", "metric"])
        for judge in ("rules", "panel")
    )
    labels = ["n_faithful", "n_unfaithful", "n_unverifiable", "n_consistent", "n_contradictory", "n_ambiguous"]
    assert by_panel[labels].equals(by_rules[labels]) and by_panel["score"].equals(by_rules["score"])
    assert by_panel["calls"].sum() >= asked  # equal questions are asked once
    votes = read_provenance(project.folder / f"results/demo/judgements/panel/{MODEL}.parquet")["votes"]
    assert {len(of_members) for by_metric in votes.values() for of_members in by_metric.values()} == {3}

    live = project.table("leaderboard.parquet").query("origin == 'run'").set_index("judge")
    assert live.loc["panel", "drf"] == live.loc["rules", "drf"]
    assert live.loc["panel", "judge_calls"] == asked
    assert "| Jury" in (project.folder / "results/demo/leaderboard.md").read_text()
