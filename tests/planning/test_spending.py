"""How far `max_usd` goes: the calls that it pays for, the pairs that they cover, and the plan's warning."""

import math
import sys
from pathlib import Path

import pytest

import plan
from spd_faith.core.config import Run, RunConfig
from spd_faith.core.entries import Budget, PlannedCalls
from spd_faith.core.paths import ResultPaths
from spd_faith.core.run_config import write_config_file
from spd_faith.dataset.entries import DemoDataset, DemoSplit
from spd_faith.endpoints.charges import Charges, ledger_of
from spd_faith.endpoints.entries import Prices
from spd_faith.endpoints.token_bounds import max_image_tokens, max_text_tokens
from spd_faith.inference.entries import OpenAIModel
from spd_faith.judging.entries import OpenAIJudge, RulesJudge
from spd_faith.planning.estimates import Usage
from spd_faith.planning.judging import JudgeWork
from spd_faith.planning.spending import limited_entries, payable_calls
from spd_faith.planning.work import ModelWork

ROOT = Path(__file__).parents[2]
PRICES = Prices(input=1, output=2, source="a page", date="2026-11-24")
PAIRS = 40


def asked(done=0, max_usd=0.30, questions=3 * PAIRS, call_usd=0.01, max_call_usd=0.02):
    """A model whose questions cost 0.01 and at most 0.02 each."""
    return ModelWork(
        model="paid",
        backend="openai",
        questions=questions,
        done=done,
        usage=Usage(1, 1, 1, 0),
        usd=(questions - done) * call_usd,
        budget=None if max_usd is None else Budget(max_usd, max_call_usd),
        gpu_hours=0,
        jobs=1,
    )


def judged(metric, calls, done=0, payer="judge", judge="judge", call_usd=0.01, max_usd=1.0):
    usd, usage = (calls - done) * call_usd, Usage(1, 1, 1, 0)
    budget = Budget(max_usd, 0.05)
    return JudgeWork(
        judge=judge,
        payer=payer,
        metric=metric,
        model="m",
        calls=calls,
        done=done,
        usage=usage,
        usd=usd,
        budget=budget,
        waiting=frozenset(),
    )


def limits(folder, models=(), judging=()):
    return limited_entries(models, judging, ResultPaths(folder), PAIRS, tasks=3)


@pytest.mark.parametrize(
    ("available", "calls"),
    # a call of 0.01 starts while 0.02 fit: at 0.10 these are those before which 0 to 0.08 are spent
    [(0.10, 9), (0.02, 1), (0.0199, 0), (0, 0), (-1, 0), (0.031, 2)],
)
def test_a_call_starts_only_if_its_bound_fits(available, calls):
    assert payable_calls(available, 0.01, 0.02) == calls
    spent = made = 0
    while spent + 0.02 <= available + 1e-12:
        spent, made = spent + 0.01, made + 1
    assert made == calls


def test_free_calls_have_no_end():
    assert payable_calls(1.0, 0.0, 0.0) == math.inf
    assert payable_calls(1e308, 1e-3, 1e-3) == math.inf  # more calls than a float holds


def test_a_model_answers_pair_by_pair_until_its_budget_ends(tmp_path):
    (found,) = limits(tmp_path, [asked()])
    # 29 calls start while 0.02 fit into 0.30; three make a pair
    assert (found.name, found.what, found.payable, found.left, found.pairs) == ("paid", "questions", 29, 120, 9)
    assert found.stops and found.spent_usd == 0
    assert found.needed_usd == pytest.approx(120 * 0.01 + 0.02)


def test_what_is_spent_counts_calls_without_an_end_by_their_bound(tmp_path):
    with Charges(ledger_of(ResultPaths(tmp_path).response_journal("paid"))) as charges:
        charges.end(charges.begin(0.02), 0.09)
        charges.begin(0.02)  # killed
    (found,) = limits(tmp_path, [asked(done=6)])
    assert (found.spent_usd, found.payable) == (pytest.approx(0.11), 18)  # of 0.19 left
    assert found.pairs == (6 + 18) // 3


def test_a_budget_that_suffices_or_is_not_set_stops_nothing(tmp_path):
    (found,) = limits(tmp_path, [asked(max_usd=1.22)])
    assert (found.payable, found.stops, found.pairs) == (120, False, PAIRS)
    assert found.needed_usd == pytest.approx(1.22)
    controls_left = asked(questions=3 * PAIRS + 30, max_usd=1.22)
    (found,) = limits(tmp_path, [controls_left])
    assert found.stops and found.pairs == PAIRS
    assert limits(tmp_path, [asked(max_usd=None), asked(done=120)]) == []


def test_a_judge_pays_for_all_its_calls_also_as_a_member_of_a_panel(tmp_path):
    judging = [judged("drf", 80), judged("cr", 80, done=40), judged("drf", 40, judge="panel")]
    with Charges(ledger_of(ResultPaths(tmp_path).judgement_journal("judge"))) as charges:
        charges.end(charges.begin(0.05), 0.40)
    (found,) = limits(tmp_path, judging=judging)
    # 0.60 left: 56 of 160 calls; with 40 done these are 96 of 200, so 19 of 40 pairs
    assert (found.name, found.what, found.left, found.payable, found.pairs) == ("judge", "calls", 160, 56, 19)
    first, second = limits(tmp_path, judging=[judged("drf", 40, payer="a"), judged("drf", 40, payer="b")])
    assert (first.name, second.name, first.stops) == ("a", "b", False)


def endpoint(**changes):
    return {"base_url": "https://x.org", "max_new_tokens": 500, "max_usd": 0.3} | changes


def test_the_bound_of_a_call_is_that_of_the_endpoint():
    model = OpenAIModel(backend="openai", model="m", prices=PRICES, **endpoint())
    image = max_image_tokens(640, 480)
    expected = (max_text_tokens("Same?") + 2 * image + 2 * 500) / 1e6
    assert model.budget("Same?") == Budget(0.3, pytest.approx(expected))
    assert OpenAIModel(backend="openai", model="m", prices=PRICES, **endpoint(max_usd=None)).budget("Same?") is None
    named = {"model": "m", "prices": PRICES.model_dump()}
    judge = {"judge": "openai", "models": {"drf": named, "cr": named | {"image_tokens": 9000}}}
    seeing, blind = (OpenAIJudge.model_validate(judge | endpoint(**more)) for more in ({}, {"images": None}))
    assert seeing.budget("drf", "Judge.").max_call_usd == pytest.approx(
        (max_text_tokens("Judge.") + 2 * image + 2 * 500) / 1e6
    )
    assert seeing.budget("cr", "Judge.").max_call_usd - blind.budget("cr", "Judge.").max_call_usd == pytest.approx(
        2 * 9000 / 1e6
    )
    calls: list[PlannedCalls] = seeing.planned_calls(
        Path("journal/judge"), ROOT / "resources/prompts", [], {"drf": 1, "cr": 1}
    )
    assert [(one.payer, one.budget.max_usd) for one in calls] == [("judge", 0.3)] * 2


# ---- the command -----------------------------------------------------------------------------------------------------


def printed(folder, monkeypatch, capsys, **limits_of_models):
    """What the plan prints for paid models on 40 generated pairs, without results."""
    splits = {"easy": DemoSplit(pairs=PAIRS, objects=[3, 4], differences=[1, 1])}
    models = {
        name: OpenAIModel(backend="openai", model="m", prices=PRICES, **endpoint(max_usd=max_usd))
        for name, max_usd in limits_of_models.items()
    }
    run = Run(
        RunConfig(dataset="d", models=list(models), judges=["rules"]),
        DemoDataset(source="demo", seed=1, splits=splits),
        models,
        {"rules": RulesJudge(judge="rules")},
    )
    write_config_file(run, folder / "config.json")
    arguments = ["--config", folder / "config.json", "--results", folder / "nothing"]
    prompts = ["--prompts", ROOT / "resources/prompts"]
    monkeypatch.setattr(sys, "argv", ["plan.py", *map(str, [*arguments, *prompts])])
    plan.main()
    return capsys.readouterr().out


def test_the_plan_of_a_run_without_results_assumes_and_says_so(tmp_path, monkeypatch, capsys):
    output = printed(tmp_path, monkeypatch, capsys, one=None, two=None, three=None)
    # 0.5 / √40 = 7.9 points; · 2.80 = 22.1; and at 0.05 / 3 · 3.234 = 25.6
    assert "α = 0.05: two models alone" in output
    assert "α = 0.017: Holm's strictest level for all 3 comparisons of 3 models" in output
    rows = [line.split("│") for line in output.splitlines() if line.startswith("│ each metric")]
    assert [[cell.strip() for cell in row[2:5]] for row in rows] == [
        ["7.9", "22.1", "19,600"],
        ["7.9", "25.6", "26,147"],
    ]
    assert output.count("ASSUMED") == 1 and "WARNING" not in output and "max_usd" not in output


def test_the_plan_warns_of_a_budget_that_stops_a_model(tmp_path, monkeypatch, capsys):
    output = printed(tmp_path, monkeypatch, capsys, enough=2, little=0.05)
    assert "enough: max_usd 2.00, of which 0.00 is spent, pays for about all 120 remaining questions" in output
    (warning,) = [line for line in output.splitlines() if line.startswith("WARNING: ")]
    little = OpenAIModel(backend="openai", model="m", prices=PRICES, **endpoint(max_usd=0.05))
    tokens = 2 * 640 * 480 / 784 + 140 * 2  # two images and, at twice the price, the mean of 300, 60 and 60 tokens
    texts = [(ROOT / f"resources/prompts/{task}.txt").read_text().strip() for task in ("describe", "same", "different")]
    call = (tokens + sum(map(len, texts)) / 3 / 4) / 1e6
    calls = int((0.05 - little.budget(max(texts, key=len)).max_call_usd) / call) + 1
    assert f"little: max_usd 0.05, of which 0.00 is spent, pays for about {calls} of the 120 remaining" in warning
    assert f"Then the job stops, with about {calls // 3} of 40 pairs covered" in output
    points = 100 * (1.959964 + 0.84) * 0.5 / math.sqrt(calls // 3)
    assert f"at α = 0.05: each metric {points:.1f}" in output


def test_the_plan_says_that_a_budget_pays_for_no_pair(tmp_path, monkeypatch, capsys):
    output = printed(tmp_path, monkeypatch, capsys, nothing=1e-9)
    assert "WARNING: nothing: max_usd 1e-09, of which 0.00 is spent, pays for none of the 120 remaining" in output
    assert "Then the job stops, with none of 40 pairs covered. Detectable with these, in points:\n  nothing\n" in output
