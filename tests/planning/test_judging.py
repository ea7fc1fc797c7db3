"""The remaining judge calls, given existing answers and the journal."""

from dataclasses import replace
from pathlib import Path

import pytest
from fault_server import FaultServer
from judging.paid_judge import PRICES, Judged, answers_of, fields_of, honest, write_answers, write_pairs

from spd_faith.core.config import Run, RunConfig
from spd_faith.core.paths import ResultPaths
from spd_faith.dataset.entries import HubDataset
from spd_faith.inference.entries import ResponsesFileModel
from spd_faith.judging.entries import OpenAIJudge, RulesJudge
from spd_faith.planning.estimates import estimated_judging, how_judging_is_estimated
from spd_faith.planning.judging import work_of_judges
from spd_faith.planning.needs import missing_needs

PAIRS = 4
PROMPTS = Path(__file__).parents[2] / "resources/prompts"
SILENT = {"describe": "", "same": "No.", "different": "No."}


@pytest.fixture
def results(tmp_path):
    """Four pairs; `one` has answered, with empty answers about the last."""
    write_pairs(tmp_path, PAIRS)
    write_answers(tmp_path, "one", [*(answers_of(number) for number in range(3)), SILENT])
    return tmp_path


def run_with(server, *models, **changes):
    judges = {
        "paid": OpenAIJudge.model_validate(fields_of(server, **changes)),
        "rules": RulesJudge(judge="rules"),
    }
    config = RunConfig(dataset="d", models=list(models), judges=list(judges))
    dataset = HubDataset(source="hub", repository="a/b", splits={"easy": PAIRS})
    return Run(
        config, dataset, {name: ResponsesFileModel(backend="responses_file", path="x") for name in models}, judges
    )


def work(results, server, *models, **changes):
    return work_of_judges(run_with(server, *models, **changes), ResultPaths(results), PROMPTS, PAIRS)


@pytest.fixture
def server():
    with FaultServer(answer=honest) as server:
        yield server


def test_a_model_without_answers_needs_a_call_per_pair(results, server):
    drf, cr = work(results, server, "nobody", "none", repeats=3)
    assert [(one.judge, one.metric, one.model) for one in (drf, cr)] == [
        ("paid", "drf", "asked-drf"), ("paid", "cr", "asked-cr"),
    ]  # fmt: skip
    assert [(one.calls, one.done, one.left) for one in (drf, cr)] == [(2 * PAIRS * 3, 0, 2 * PAIRS * 3)] * 2
    assert drf.usd == pytest.approx(24 * (drf.usage.prompt_tokens * 2.5 + 300 * 10) / 1e6)


def test_controls_are_judged_as_their_kind_declares(results, server):
    controls = {"identical": 2, "swapped": 3, "undone": 9, "blind": 5}
    run = run_with(server, "nobody")
    drf, cr = work_of_judges(run, ResultPaths(results), PROMPTS, PAIRS, controls)
    assert (drf.calls, cr.calls) == (PAIRS + 2, PAIRS + 3)


def test_empty_and_duplicate_answers_need_no_call(results, server):
    write_answers(results, "two", [answers_of(0), answers_of(0), answers_of(7), SILENT])
    drf, cr = work(results, server, "one", "two", "nobody")
    # three of `one`, two pairs with other answers of `two`
    assert (drf.calls, cr.calls) == (3 + 2 + PAIRS, 3 + 2 + PAIRS)
    drf, cr = work(results, server, "one", "two", "nobody", images=None)
    # without images, equal answers about another pair with the same truth are the same request
    assert (drf.calls, cr.calls) == (3 + 1 + PAIRS, 3 + 1 + PAIRS)


def test_existing_judgements_are_done_and_measured(results, server):
    Judged(results).run(server, "one")
    asked = len(server.requests)
    drf, cr = work(results, server, "one")
    assert (drf.calls, drf.done, drf.left, cr.done, asked) == (3, 3, 0, 3, 6)
    assert (drf.usage.prompt_tokens, drf.usage.generated_tokens, drf.usage.answers, drf.usd) == (100, 10, 3, 0)
    write_answers(results, "two", [*(answers_of(number) for number in (0, 1, 9)), SILENT])
    drf, cr = work(results, server, "one", "two")
    assert (drf.calls, drf.left, cr.left) == (4, 1, 1)
    assert drf.usd == pytest.approx(0.00035)
    Judged(results).run(server, "two")
    assert len(server.requests) - asked == drf.left + cr.left


def test_without_prices_the_cost_is_unknown(results, server):
    models = {"drf": {"model": "m"}, "cr": {"model": "n", "prices": PRICES}}
    drf, cr = work(results, server, "one", models=models)
    assert drf.usd is None and cr.usd > 0


def test_a_run_without_paid_judges_has_no_work(results, server):
    run = run_with(server, "one")
    free = Run(run.config, run.dataset, run.models, {"rules": run.judges["rules"]})
    assert work_of_judges(free, ResultPaths(results), PROMPTS, PAIRS) == []


def test_a_missing_key_is_reported_while_calls_remain(results, server):
    def needs():
        run = run_with(server, "one", key_variable="JUDGE_KEY")
        judging = work_of_judges(run, ResultPaths(results), PROMPTS, PAIRS)
        return missing_needs(run, [], PAIRS, {}, 0, 10**12, judging)

    assert needs() == ["paid: the environment variable JUDGE_KEY is not set; set it to the API key."]
    Judged(results).run(server, "one")
    assert needs() == []


def test_estimates(server):
    def usage(entry, metric):
        planned = entry.planned_calls(Path("no/journal"), PROMPTS, [], {"drf": PAIRS, "cr": PAIRS})
        calls = {one.metric: one for one in planned}[metric]
        return estimated_judging(replace(calls, prompt_characters=4000))

    entry = OpenAIJudge.model_validate(fields_of(server, images={"max_side": 280}, max_new_tokens=200))
    assert usage(entry, "drf").prompt_tokens == 1000 + 300 + 150 + 2 * 100  # 280² / 784 = 100
    assert usage(entry, "drf").generated_tokens == 200
    assert usage(entry, "cr").prompt_tokens == 1000 + 120 + 2 * 100
    assert usage(entry, "cr").generated_tokens == 150
    blind = OpenAIJudge.model_validate(fields_of(server, images=None))
    assert usage(blind, "drf").prompt_tokens == 1450
    assert usage(blind, "cr").prompt_tokens == 1120
    usual = OpenAIJudge(judge="openai", base_url="https://x.org", max_new_tokens=512)
    assert usage(usual, "cr").prompt_tokens == 1120 + 2 * 25_501  # of gpt-4o-mini
    assert usage(usual, "drf").prompt_tokens == pytest.approx(1450 + 2 * 640 * 480 / 784)
    for value in ("/ 4", "300", "150", "784", "2 × 60", "image_tokens"):
        assert value in how_judging_is_estimated()
