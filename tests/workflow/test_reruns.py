"""What a change reruns: one real run of every kind of job, then copies of it with one thing changed."""

import json
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fault_server import FaultServer, Request
from judging.paid_judge import PRICES, honest
from workflow.project import Project

from spd_faith.dataset.demo import demo_pairs
from spd_faith.dataset.entries import DATASETS

LOCAL, SHARDED, SERVED, THEIRS = "tiny-qwen2-vl", "tiny-qwen2-vl-early", "served", "theirs"
MODELS = [LOCAL, SHARDED, SERVED, THEIRS]
SHARDS = 2
KEYS = {"SERVED_KEY": "sk-test-a", "PAID_KEY": "sk-test-b"}
PROBES = ["neuron_activation", "layer_changes"]  # soon drawn, and not in alphabetical order
ADDED_PROBE = "hidden_similarity"  # a probe that the run leaves out

DATASET = {"make_dataset"}
INFERENCE = {"run_inference", "run_inference_shard"}
EXPENSIVE = DATASET | INFERENCE | {"judge_responses_paid", "run_probes"}

LEADERBOARD = Counter({("make_leaderboard", ""): 1, ("make_page", ""): 1})
ANSWERING = {
    LOCAL: {"run_inference": 1},
    SHARDED: {"run_inference_shard": SHARDS, "gather_responses": 1},
    SERVED: {"run_inference": 1},
    THEIRS: {"import_responses": 1},
}

pytestmark = pytest.mark.slow


def jobs_of(models: list[str], **counts: int) -> Counter[tuple[str, str]]:
    """So many jobs of each rule about each of the models."""
    return Counter({(rule, model): count for model in models for rule, count in counts.items()})


def probing(models: list[str], *first: str) -> Counter[tuple[str, str]]:
    """The contrasts and figures of the models that are probed, after the rules `first`."""
    probed = [model for model in models if model not in (SERVED, THEIRS)]
    return jobs_of(probed, **dict.fromkeys([*first, "contrast_probes", "draw_probes"], 1))


def chains(models: list[str], answering: dict[str, dict[str, int]] = ANSWERING) -> Counter[tuple[str, str]]:
    """Everything about the models, from the question to the figures, and the aggregation."""
    own = sum((jobs_of([model], **answering[model]) for model in models), Counter())
    judged = jobs_of(models, parse_responses=1, judge_responses_rules=1, judge_responses_paid=1, score_responses=2)
    return own + judged + probing(models, "run_probes") + LEADERBOARD


def expensive(jobs: Counter[tuple[str, str]]) -> set[tuple[str, str]]:
    return {(rule, model) for rule, model in jobs if rule in EXPENSIVE}


@dataclass(frozen=True)
class Finished:
    """The run that all tests start from, and the server that its endpoints are on."""

    project: Project
    server: FaultServer


def to_judge(request: Request) -> bool:
    return "response_format" in request.body


def paid_or_asked(request: Request) -> str:
    """The judge's replies and the model's answers come from one server."""
    if to_judge(request):
        return honest(request)
    if request.text.startswith("How many"):
        return 'The bus changed its color.\n{"predicted_num": 1, "structured_output": []}'
    return "No, the bus changed its color." if "the same?" in request.text else "Yes, the bus was removed."


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    """A model of one job, one of two shards, one at an endpoint and one from a file; two judges; probes."""
    project = Project.fresh(tmp_path_factory.mktemp("reruns") / "project")
    with FaultServer(answer=paid_or_asked) as server:
        with project.edited("config/models.yaml") as models:
            at = {"base_url": server.base_url, "max_new_tokens": 256, "concurrency": 4}
            asked = {"backend": "openai", "model": "served-model", "key_variable": "SERVED_KEY", "prices": PRICES}
            models[SERVED] = {"label": "Served", **at, **asked}
            models[THEIRS] = {"backend": "responses_file", "path": "answers.json"}
        with project.edited("config/judges.yaml") as judges:
            paid = {metric: {"model": f"asked-{metric}", "prices": PRICES} for metric in ("drf", "cr")}
            judges["paid"] = {"judge": "openai", **at, "models": paid, "key_variable": "PAID_KEY"}
        with project.edited("config/config.yaml") as config:
            config |= {"models": MODELS, "judges": ["rules", "paid"], "inference": {"shards": {SHARDED: SHARDS}}}
            config["probes"] = {"run": PROBES, "samples_per_split": 1}
        dataset = DATASETS.load_entry(project.folder / "config/datasets.yaml", "demo")
        record = {"response_text": "The bus was moved.", "response_same": "No.", "response_different": "Yes."}
        answers = json.dumps([{"qid": pair.sample_id, **record} for pair in demo_pairs(dataset)])
        # more than the 1 MB up to which Snakemake compares contents by itself
        (project.folder / "answers.json").write_text(answers + " " * 1_500_000)
        project.run(**KEYS)
        yield Finished(project, server)


@pytest.fixture
def project(finished: Finished, tmp_path: Path) -> Project:
    return finished.project.copy(tmp_path / "project")


def append(project: Project, path: str, text: str) -> None:
    assert (project.folder / path).is_file()
    with (project.folder / path).open("a") as file:
        file.write(text)


# ---- nothing has changed ---------------------------------------------------------------------------------------------


def test_a_second_run_has_nothing_to_do(finished: Finished) -> None:
    assert finished.project.planned_of() == Counter()


def test_the_order_of_the_models_is_of_no_account(project: Project) -> None:
    with project.edited("config/config.yaml") as config:
        config["models"].reverse()
    assert project.planned_of() == Counter()


def test_touched_sources_rerun_nothing(project: Project) -> None:
    touched = [path for path in project.folder.rglob("*") if path.is_file() and not of_the_run(project, path)]
    assert len(touched) > 100
    for path in touched:
        path.touch()
    assert project.planned_of() == Counter()


def of_the_run(project: Project, path: Path) -> bool:
    return path.relative_to(project.folder).parts[0] in ("results", ".snakemake")


@pytest.mark.parametrize("flag", ["-a", "-r"])
def test_a_fresh_clone_with_the_results_copied_in_reruns_nothing(finished: Finished, tmp_path: Path, flag: str) -> None:
    source, clone = finished.project.folder, tmp_path / "clone"
    shutil.copytree(source, clone, copy_function=shutil.copy, ignore=shutil.ignore_patterns("results", ".snakemake"))
    subprocess.run(["cp", flag, source / "results", source / ".snakemake", clone], check=True)
    assert Project(clone).planned_of() == Counter()


def test_no_order_of_copying_reruns_anything(project: Project) -> None:
    """As if each table had been copied after all that was made from it."""
    made = sorted(
        (path for path in project.folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_mtime_ns
    )
    for seconds, path in enumerate(made):
        os.utime(path, (2e9 - seconds, 2e9 - seconds))
    assert project.planned_of() == Counter()


def test_images_that_are_too_many_to_compare_rerun_nothing_by_their_time(project: Project) -> None:
    images = project.folder / "results/demo/images.parquet"
    os.truncate(images, 200_000_000)
    os.utime(images)
    assert project.planned_of() == Counter()


def test_other_images_under_the_same_truths_run_the_chains(project: Project) -> None:
    """The samples name the content of the pictures, so that their table need not be compared."""
    append(
        project,
        "workflow_scripts/spd_faith/dataset/demo.py",
        "\n_row = image_row\n\n\ndef image_row(pair):\n    return _row(pair) | {'modified_sha256': 64 * '0'}\n",
    )
    project.run("--force", "results/demo/samples.parquet")
    of_asked = [LOCAL, SHARDED, SERVED]
    assert expensive(project.planned_of()) == expensive(chains(of_asked)) | {("judge_responses_paid", THEIRS)}


# ---- models ----------------------------------------------------------------------------------------------------------


def test_a_new_model_runs_its_own_chain_and_the_aggregation(project: Project) -> None:
    with project.edited("config/models.yaml") as models:
        models["third"] = {**models[LOCAL], "label": "Third"}
    with project.edited("config/config.yaml") as config:
        config["models"].insert(0, "third")
    assert project.planned_of() == chains(["third"], {"third": ANSWERING[LOCAL]})


def test_a_model_less_reruns_the_aggregation_alone(project: Project) -> None:
    for _ in range(2):
        with project.edited("config/config.yaml") as config:
            config["models"].pop(1)
        assert project.planned_of() == LEADERBOARD


@pytest.mark.parametrize(
    ("of", "change"),
    [
        (MODELS, {"label": "Renamed"}),
        (MODELS, {"resources": {"threads": 2, "mem_mb": 4000, "runtime": 5}}),
        ([LOCAL, SHARDED], {"batch_size": 3, "device_map": "auto"}),
        ([SERVED], {"timeout": 20.0, "attempts": 2, "max_usd": 3.0, "prices": PRICES | {"input": 7.0}}),
    ],
)
def test_what_is_not_identity_reruns_the_leaderboard_alone(project: Project, of: list[str], change: dict) -> None:
    with project.edited("config/models.yaml") as models:
        for model in of:
            models[model].update(change)
    assert project.planned_of() == LEADERBOARD


def test_another_bound_on_calls_in_flight_reruns_the_leaderboard_alone(project: Project) -> None:
    for registry, name in (("models", SERVED), ("judges", "paid")):  # both at one address, so they state the same
        with project.edited(f"config/{registry}.yaml") as entries:
            entries[name]["concurrency"] = 2
    assert project.planned_of() == LEADERBOARD


@pytest.mark.parametrize(
    ("model", "change"),
    [
        (LOCAL, {"revision": "v2"}),
        (SHARDED, {"revision": "v2"}),
        (LOCAL, {"pixel_budget": {"min_pixels": 784, "max_pixels": 12544}}),
        (SHARDED, {"pixel_budget": {"min_pixels": 784, "max_pixels": 12544}}),
        (LOCAL, {"generation": 2}),
        (SERVED, {"model": "served-model-2"}),
        (SERVED, {"images": {"max_side": 512}}),
    ],
)
def test_what_is_identity_reruns_the_chain_of_its_model_alone(project: Project, model: str, change: dict) -> None:
    with project.edited("config/models.yaml") as models:
        models[model].update(change)
    assert project.planned_of() == chains([model])


def test_other_answers_in_a_file_run_its_chain(project: Project) -> None:
    answers = project.folder / "answers.json"
    answers.write_text(answers.read_text().replace("moved", "removed"))
    assert project.planned_of() == chains([THEIRS])


def test_a_prompt_reruns_the_chains_of_those_who_are_asked_and_no_dataset(project: Project) -> None:
    append(project, "resources/prompts/same.txt", "Answer in one word.\n")
    assert project.planned_of() == chains([LOCAL, SHARDED, SERVED])


# ---- probes, judges, formulas ----------------------------------------------------------------------------------------


def test_another_probe_reruns_the_passes_and_no_inference(project: Project) -> None:
    with project.edited("config/config.yaml") as config:
        config["probes"]["run"].append(ADDED_PROBE)
    assert project.planned_of() == probing(MODELS, "run_probes") + LEADERBOARD


def test_a_threshold_reruns_contrasts_figures_and_leaderboard(project: Project) -> None:
    with project.edited("config/config.yaml") as config:
        config["probes"]["faithful_at_least"] = 0.9
    assert project.planned_of() == probing(MODELS) + LEADERBOARD


def test_a_formula_reruns_scores_contrasts_and_leaderboard(project: Project) -> None:
    append(project, "workflow_scripts/spd_faith/scoring/metrics.py", "# another formula\n")
    assert project.planned_of() == jobs_of(MODELS, score_responses=2) + probing(MODELS) + LEADERBOARD


def test_a_headline_definition_reruns_scores_contrasts_and_leaderboard(project: Project) -> None:
    with project.edited("config/config.yaml") as config:
        config["scoring"]["dqr"] = "exact"
    assert project.planned_of() == jobs_of(MODELS, score_responses=2) + probing(MODELS) + LEADERBOARD


def test_the_statistics_rerun_the_leaderboard_alone(project: Project) -> None:
    with project.edited("config/config.yaml") as config:
        config["statistics"]["resamples"] = 20_000
    assert project.planned_of() == LEADERBOARD


def test_labels_of_people_rerun_the_leaderboard_alone(project: Project) -> None:
    (project.folder / "labels.parquet").write_bytes(b"a dry run reads none")
    with project.edited("config/config.yaml") as config:
        config["labels"] = "labels.parquet"
    assert project.planned_of() == LEADERBOARD


def test_the_rules_of_the_judge_rerun_its_judgements_and_the_scores(project: Project) -> None:
    append(project, "workflow_scripts/spd_faith/judging/reasoning.py", "# another rule\n")
    judged = jobs_of(MODELS, judge_responses_rules=1, score_responses=2)  # all judges' permuted DRF is by the rules
    assert project.planned_of() == judged + probing(MODELS) + LEADERBOARD


def test_the_prompt_of_a_judge_reruns_its_judgements_and_their_scores(project: Project) -> None:
    append(project, "resources/prompts/judge_cr.txt", "\n")
    judged = jobs_of(MODELS, judge_responses_paid=1, score_responses=1)
    assert project.planned_of() == judged + LEADERBOARD  # the groups of the contrasts are those of the first judge


def test_a_judge_less_reruns_the_aggregation_alone(project: Project) -> None:
    with project.edited("config/config.yaml") as config:
        config["judges"] = ["rules"]
    assert project.planned_of() == LEADERBOARD


# ---- more samples ----------------------------------------------------------------------------------------------------


def journalled(project: Project, model: str) -> int:
    """Answers in the journal; each of its files begins with a line that says who wrote."""
    files = (project.folder / "results/demo/journal/responses" / model).glob("*.jsonl")
    return sum(len(file.read_text().splitlines()) - 1 for file in files)


def test_more_samples_are_asked_about_alone(finished: Finished, project: Project) -> None:
    asked = [LOCAL, SHARDED, SERVED]
    assert [journalled(project, model) for model in asked] == [8 * 3] * 3
    with project.edited("config/datasets.yaml") as datasets:
        datasets["demo"]["splits"]["easy"]["pairs"] += 2
    requests = len(finished.server.requests)
    targets = [f"results/demo/judgements/paid/{model}.parquet" for model in MODELS]
    project.run(*targets, **KEYS)

    assert len(project.table("samples.parquet")) == 10
    assert [journalled(project, model) for model in asked] == [10 * 3] * 3
    made = finished.server.requests[requests:]
    paid = sum(map(to_judge, made))
    assert len(made) - paid == 2 * 3
    before, after = (judged(one) for one in (finished.project, project))
    assert before < after and paid == len(after - before)


def judged(project: Project) -> set[str]:
    """What the judge was asked, each once; an answer that says nothing is not asked about."""
    tables = [project.table(f"judgements/paid/{model}.parquet") for model in MODELS]
    return {sha for table in tables for sha in table.loc[table["calls"] > 0, "question_sha"]}


def test_the_audit_reruns_itself_and_the_leaderboard(project: Project) -> None:
    append(project, "workflow_scripts/spd_faith/dataset/audit.py", "# another threshold\n")
    assert project.planned_of() == Counter({("audit_dataset", ""): 1}) + LEADERBOARD
