"""A judge behind an endpoint in the real workflow: beside the rules to the leaderboard, and nothing paid for twice."""

import json
from itertools import count
from pathlib import Path

import pandas as pd
import pytest
from fault_server import FaultServer
from judging.paid_judge import PRICES, USD, honest, honest_claims, metric_of, sentences
from workflow.project import Project

KEY = "sk-test-0d24b6886aa7f3a9c51e"
MODEL, ADDED = "tiny-qwen2-vl-early", "tiny-qwen2-vl"

pytestmark = pytest.mark.slow


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.fresh(tmp_path / "project")


def serve(project: Project, server: FaultServer, models: list[str], **fields: object) -> None:
    with project.edited("config/judges.yaml") as judges:
        asked = {metric: {"model": f"asked-{metric}", "prices": PRICES} for metric in ("drf", "cr")}
        judges["paid"] = {"label": "Paid", "judge": "openai", "base_url": server.base_url, "models": asked}
        judges["paid"] |= {"key_variable": "PAID_KEY", "max_new_tokens": 512, "concurrency": 4, **fields}
    with project.edited("config/config.yaml") as config:
        config |= {"models": models, "judges": ["rules", "paid"]}


def honest_drf(project: Project, model: str) -> float:
    """The mean share of the sentences about a change that name a changed object, from the answers themselves."""
    answers = project.table(f"responses/{model}.parquet").query("task == 'describe'").set_index("sample_id")
    shares = []
    for sample in project.table("samples.parquet").to_dict("records"):
        changed = [change["category"] for change in sample["differences"]]
        stated = sentences(answers.loc[sample["sample_id"], "response_text"])
        true = [any(f" {name} " in f" {sentence} " for name in changed) for sentence in stated]
        shares.append(sum(true) / len(true) if true else 0.0)
    return sum(shares) / len(shares)


def judgements(project: Project, *models: str) -> pd.DataFrame:
    return pd.concat([project.table(f"judgements/paid/{model}.parquet") for model in models])


def test_both_judges_on_the_leaderboard_and_nothing_is_paid_for_twice(project: Project) -> None:
    with FaultServer(answer=honest) as server:
        serve(project, server, [MODEL])
        output = project.run(PAID_KEY=KEY)
        first = len(server.requests)
        rows = judgements(project, MODEL)
        assert len(rows) == 16 and first == rows["question_sha"].nunique() == rows["calls"].sum()
        assert server.most_in_flight <= 4
        assert {request.headers["authorization"] for request in server.requests} == {f"Bearer {KEY}"}
        assert {(metric_of(request), len(request.images)) for request in server.requests} == {("drf", 2), ("cr", 2)}

        live = project.table("leaderboard.parquet").query("origin == 'run'").set_index("judge")
        assert set(live.index) == {"rules", "paid"}
        assert live.loc["paid", "drf"] == pytest.approx(honest_drf(project, MODEL))
        assert live.loc["paid", "drf_coverage"] == 1
        assert (live.loc["paid", "judge_calls"], live.loc["rules", "judge_calls"]) == (first, 0)
        assert live.loc["paid", "judge_usd"] == pytest.approx(first * USD)
        assert live.loc["paid", "judge_seconds"] > 0 and "served-model" in live.loc["paid", "judge_models"]
        record = json.loads((project.folder / "results/demo/run.json").read_text())
        assert sum(row["calls"] for row in record["judges"]) == first
        page = (project.folder / "results/demo/leaderboard.md").read_text()
        assert "| Paid" in page and "served-model-2026-11-24" in page and f"{first * USD:.4f}"[:4] in page

        # nothing is left to do; a table that is deleted is made again from the journal
        assert project.planned() == {}
        (project.folder / f"results/demo/judgements/paid/{MODEL}.parquet").unlink()
        project.run(f"results/demo/judgements/paid/{MODEL}.parquet", PAID_KEY=KEY)
        assert len(server.requests) == first
        pd.testing.assert_frame_equal(judgements(project, MODEL), rows)

        # another model pays for its own new answers
        serve(project, server, [MODEL, ADDED])
        planned = project.planned()
        assert planned["judge_responses"] == 2 and planned["run_inference"] == 1  # the rules judge it too
        output += project.run(PAID_KEY=KEY)
        both = judgements(project, MODEL, ADDED)
        assert len(server.requests) == both["question_sha"].nunique()
        assert first < len(server.requests) < 2 * first  # some answers of the two are the same
        live = project.table("leaderboard.parquet").query("judge == 'paid'").set_index("model")
        assert live.loc[ADDED, "drf"] == pytest.approx(honest_drf(project, ADDED))
        assert set(live["judge_calls"]) == {len(server.requests)}

        # a changed module judges nothing again; a prompt does
        (project.folder / "workflow_scripts/spd_faith/judging/judgement_rows.py").open("a").write("# a remark\n")
        assert "judge_responses" not in project.planned()
        prompt = project.folder / "resources/prompts/judge_cr.txt"
        prompt.write_text(prompt.read_text().replace("You give no score.", "You do not score."))
        assert project.planned()["judge_responses"] == 2
    assert KEY not in output
    files = [path for path in project.folder.rglob("*") if path.is_file()]
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []


def test_a_missing_key_is_told_before_any_job(project: Project) -> None:
    with FaultServer() as server:
        serve(project, server, [MODEL])
        done = project.snakemake()
        plan = project.run("plan")
        assert server.requests == []
    message = done.stdout + done.stderr
    assert done.returncode == 1 and "Traceback" not in message
    expected = "paid: the environment variable PAID_KEY is not set; set it to the API key."
    assert expected in message and expected in plan
    assert not list((project.folder / "results").rglob("*.parquet"))


def test_on_a_cluster_it_may_stand_beside_the_rules(project: Project) -> None:
    """Its jobs are in no group: one that holds what comes before and after them would depend on itself."""
    with FaultServer() as server:
        serve(project, server, [MODEL])
        planned = project.planned_on_slurm()
    assert planned["judge_responses"] == planned["score_responses"] == 2


def test_what_a_judge_could_not_score_is_bounded_on_the_leaderboard(project: Project) -> None:
    from fault_server import reply

    asked = count()

    def refuses_a_half(request):
        refused = metric_of(request) == "drf" and next(asked) % 2
        return reply({"content": None, "refusal": "no"}) if refused else None

    def prints_a_score(request):  # that no labels give; and quotes what nobody said
        claims = honest_claims(request)
        if metric_of(request) == "drf" and claims:
            claims.append({"quote": "What nobody said", "about": "", "reason": "", "label": "faithful"})
        return json.dumps({"claims": claims, "score": 2.0})

    with FaultServer(refuses_a_half, answer=prints_a_score) as server:
        serve(project, server, [MODEL], concurrency=1)
        project.run(PAID_KEY=KEY)
    all_rows = judgements(project, MODEL)
    rows = all_rows.query("metric == 'drf'")
    refused = int((rows["status"] == "unscored:refusal").sum())
    assert 0 < refused < 8 and rows["score"].isna().sum() == refused
    live = project.table("leaderboard.parquet").query("judge == 'paid'").iloc[0]
    known = rows["score"].sum()
    assert live["drf_coverage"] == pytest.approx(1 - refused / 8) and pd.isna(live["rank"])
    assert live["drf_bound_low"] == pytest.approx(known / 8)
    assert live["drf_bound_high"] == pytest.approx((known + refused) / 8)
    page = (project.folder / "results/demo/leaderboard.md").read_text()
    assert "unscored:refusal" in page and "bounds" in page
    # the page counts what was invented, printed scores that differ, answers that were cut, and what is unscored
    invented, differing = int(rows["n_invented"].sum()), int(all_rows["judge_score"].notna().sum())
    assert invented > 0 and differing > 0
    cells = [[cell.strip() for cell in line.split("|")] for line in page.splitlines()]
    assert ["Paid", *map(str, (invented, differing, 0, refused)), ""] in [row[2:] for row in cells]
