"""The engines that a run starts, as the plan counts them, and their estimated hours."""

from pathlib import Path

import pytest
from judging.paid_judge import answers_of, write_answers, write_pairs

from spd_faith.core.config import Inference, Run, RunConfig
from spd_faith.core.entries import AnswerPaths, Resources, identity
from spd_faith.core.files import read_table
from spd_faith.core.journal import Journal
from spd_faith.core.paths import ResultPaths
from spd_faith.core.schemas import IMAGES
from spd_faith.dataset.entries import HubDataset
from spd_faith.endpoints.engine.entry import EngineFields
from spd_faith.inference.entries import MODELS, ResponsesFileModel, TransformersModel, VllmModel
from spd_faith.inference.prompts import Prompt
from spd_faith.inference.questions import question_keys
from spd_faith.judging.answers import load_answers
from spd_faith.judging.endpoint_judgements import EndpointJudgements
from spd_faith.judging.entries import OpenAIJudge, PanelJudge, RulesJudge, VllmJudge
from spd_faith.judging.judge_prompts import judge_requests, load_judge_prompts
from spd_faith.planning.engines import engine_runs, how_engines_are_estimated
from spd_faith.planning.estimates import estimated_usage
from spd_faith.planning.judging import work_of_judges
from spd_faith.planning.needs import missing_needs
from spd_faith.planning.work import work_of_models

PAIRS = 5
PROMPTS = Path(__file__).parents[2] / "resources/prompts"
QUESTIONS = {task: Prompt(task, f"{task}?") for task in ("describe", "same", "different")}
FILE = ResponsesFileModel(backend="responses_file", path="x")
JUDGE = VllmJudge(
    judge="vllm", model="owner/judge", dtype="bfloat16", max_new_tokens=1000, concurrency=32, resources=Resources(gpu=1)
)
SERVED = VllmModel(
    backend="vllm", model="owner/answers", dtype="bfloat16", max_new_tokens=1000, resources=Resources(gpu=2)
)


def run_with(models, shards=None, **judges):
    config = RunConfig(
        dataset="d", models=list(models), judges=list(judges) or ["rules"], inference=Inference(shards=shards or {})
    )
    dataset = HubDataset(source="hub", repository="a/b", splits={"easy": PAIRS})
    return Run(config, dataset, models, judges or {"rules": RulesJudge(judge="rules")})


def engines(folder, run):
    paths = ResultPaths(folder)
    work = work_of_models(run, paths, QUESTIONS, PAIRS)
    return engine_runs(run, work, work_of_judges(run, paths, PROMPTS, PAIRS))


def planned(folder, run):
    """The engines of a run, as printed."""
    return [one.in_words() for one in engines(folder, run)]


@pytest.fixture
def results(tmp_path):
    """Five pairs; `one` and `two` have answered."""
    write_pairs(tmp_path, PAIRS)
    for model, first in (("one", 0), ("two", 10)):
        write_answers(tmp_path, model, [answers_of(first + number) for number in range(PAIRS)])
    return tmp_path


# ---- models ----------------------------------------------------------------------------------------------------------


def keep_answers(folder, numbers, seconds=6.4):
    """Keep all answers of the model `served` about some pairs."""
    rows = read_table(folder / "images.parquet", IMAGES).to_pylist()
    answer = {"prompt_tokens": 900, "generated_tokens": 100, "seconds": seconds}
    with Journal(folder / "journal/responses/served") as journal:
        for question in question_keys([rows[number] for number in numbers], QUESTIONS, identity(SERVED)):
            journal.append(question.key, answer, {})


def starts(folder, shards=None):
    run = run_with({"served": SERVED}, shards)
    return planned(folder, run)[0].partition(";")[0]


def test_each_shard_with_missing_answers_starts_an_engine(results):
    assert starts(results) == "served: 1 start, one for each shard with missing answers"
    assert starts(results, {"served": 3}) == "served: 3 starts, one for each shard with missing answers"
    keep_answers(results, [0, 3])  # all of the first of three shards
    assert starts(results, {"served": 3}).startswith("served: 2 starts")
    assert starts(results, {"served": 2}).startswith("served: 2 starts")
    keep_answers(results, [1, 4])
    assert starts(results, {"served": 3}).startswith("served: 1 start,")
    keep_answers(results, [2])
    assert planned(results, run_with({"served": SERVED}, {"served": 3})) == ["served: no start; nothing is missing"]


def test_a_shard_without_pairs_starts_none(tmp_path):
    assert starts(tmp_path, {"served": 50}).startswith(f"served: {PAIRS} starts")


def test_hours_of_a_model(results):
    # 15 answers of (300 + 60 + 60) / 3 tokens at 30 ms a step, 64 at once, on 2 GPUs; two minutes to start
    (engine,) = engines(results, run_with({"served": SERVED}))
    assert engine.gpu_hours == pytest.approx(15 * 140 * 0.03 / 64 * 2 / 3600)
    assert engine.in_words().endswith(f"; no cost; ~0.00 GPU hours, and ~{120 * 2 / 3600:.2f} for the starts")
    usage = estimated_usage(SERVED, {"describe": 1, "same": 1, "different": 1})
    assert usage.seconds == pytest.approx(140 * 0.03 / 64)
    few, many = (SERVED.model_copy(update={"concurrency": number}) for number in (16, 500))
    assert few.answer_seconds([64.0]) == pytest.approx(64 * 0.03 / 16)
    assert many.answer_seconds([64.0]) == pytest.approx(0.03)  # more in flight are not known to be faster


def test_measured_seconds_overlap(results):
    keep_answers(results, [0], seconds=6.4)
    (work,) = work_of_models(run_with({"served": SERVED}), ResultPaths(results), QUESTIONS, PAIRS)
    assert (work.usage.seconds, work.usage.answers) == (pytest.approx(0.1), 3)
    assert work.gpu_hours == pytest.approx(12 * 0.1 * 2 / 3600)


def test_other_models_start_none(results):
    local = TransformersModel(backend="transformers", model="a/b", dtype="float32", max_new_tokens=9)
    assert planned(results, run_with({"one": FILE, "local": local})) == []


# ---- judges ----------------------------------------------------------------------------------------------------------


def judge(folder, entry, name, model):
    """Keep replies to all requests about a model's answers."""
    answers = load_answers(AnswerPaths(folder / "samples.parquet", folder / f"responses/{model}.parquet"))
    judgements = EndpointJudgements(entry, {})
    reply = {"text": '{"claims": []}', "finish_reason": "stop", "model": None, "usd": None, "seconds": 3.2}
    reply |= {"prompt_tokens": 900, "generated_tokens": 100, "attempts": 1}
    with Journal(folder / f"journal/judgements/{name}") as journal:
        for *_, requests in judge_requests(entry, load_judge_prompts(PROMPTS), answers):
            for request in requests:
                journal.append(judgements.key(request), reply, {})


def test_each_model_with_missing_judgements_starts_an_engine(results):
    run = run_with(dict.fromkeys(("one", "two", "nobody"), FILE), local=JUDGE)
    line = planned(results, run)[0]
    assert line.startswith("local: 3 starts, one for each model with missing judgements; no cost; ~")
    assert line.endswith(f" GPU hours, and ~{3 * 120 / 3600:.2f} for the starts")
    # calls of 300 (DRF) and 150 tokens (CR) for each of 15 pairs, 32 at once
    assert engines(results, run)[0].gpu_hours == pytest.approx(15 * (300 + 150) * 0.03 / 32 / 3600)
    judge(results, JUDGE, "local", "one")
    assert planned(results, run)[0].startswith("local: 2 starts, one")
    # measured: 3.2 s of each of 32 at once, for 2 × 10 calls
    assert engines(results, run)[0].gpu_hours == pytest.approx(20 * 0.1 / 3600)
    judge(results, JUDGE, "local", "two")
    assert planned(results, run)[0].startswith("local: 1 start, one")
    write_answers(results, "nobody", [answers_of(0) for _ in range(PAIRS)])  # the answer of `one`, judged already
    assert planned(results, run) == ["local: no start; nothing is missing"]


def test_an_engine_judge_is_free_and_the_paid_one_is_not(results):
    paid = OpenAIJudge(judge="openai", base_url="https://x.org", max_new_tokens=512)
    work = work_of_judges(run_with({"one": FILE}, local=JUDGE, paid=paid), ResultPaths(results), PROMPTS, PAIRS)
    assert {(one.judge, one.usd) for one in work} == {("local", 0.0), ("paid", None)}
    assert {one.model for one in work if one.judge == "local"} == {"owner/judge"}


def test_members_of_a_panel_start_engines_too(results):
    panel = PanelJudge(judge="panel", members={"rules": RulesJudge(judge="rules"), "local": JUDGE})
    lines = planned(results, run_with({"one": FILE, "two": FILE}, panel=panel, local=JUDGE))
    assert [line.partition(",")[0] for line in lines] == ["local: 2 starts", "panel"]
    assert lines[1].startswith("panel, member local: 2 starts, one for each model with missing judgements")


def test_on_the_cpu_the_time_is_unknown(results):
    entry = JUDGE.model_copy(update={"resources": Resources()})
    (line,) = planned(results, run_with({"one": FILE}, local=entry))
    assert line.endswith("; no cost; on the CPU, time unknown")


def test_what_engines_need_is_reported(results):
    run = run_with({"one": FILE}, local=JUDGE.model_copy(update={"resources": Resources(gpu=2)}))
    judging = work_of_judges(run, ResultPaths(results), PROMPTS, PAIRS)
    none, one = (missing_needs(run, [], PAIRS, {}, gpus, 10**12, judging) for gpus in (0, 1))
    assert "these judges require one: local." in none[0]
    assert "local: requests 2 GPUs, but 1 are visible here." in one
    assert "local: owner/judge is not in the cache; it will be downloaded on first use." in one


def test_the_text_says_that_nobody_measured_it():
    text = how_engines_are_estimated()
    for part in ("not measured", "× 0.03", "64", "120 s", "docs/scale.md"):
        assert part in text


def test_every_entry_whose_jobs_start_an_engine_is_found():
    kinds = [*MODELS.kinds, type(JUDGE), RulesJudge, OpenAIJudge, PanelJudge]
    assert [kind for kind in kinds if issubclass(kind, EngineFields)] == [VllmModel, VllmJudge]
