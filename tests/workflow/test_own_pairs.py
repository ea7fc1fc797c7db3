"""The real workflow on a user's own pairs: from images to a leaderboard, or every error before any job."""

import json
from pathlib import Path

import pandas as pd
import pytest
from workflow.project import Project

from spd_faith.dataset.demo import demo_pairs, image_row, sample_row
from spd_faith.dataset.entries import DemoDataset

pytestmark = pytest.mark.slow

CHAIN = dict.fromkeys(
    [
        "make_dataset",
        "audit_dataset",
        "run_inference",
        "parse_responses",
        "judge_responses",
        "score_responses",
        "make_leaderboard",
        "make_page",
    ],
    1,
)
ENDS = {"original": "original", "modified": "modified_final"}


def save_pairs(data: Path, pairs: int = 5) -> None:
    """The same pairs as lines and as folders; more of them begin with those of fewer."""
    split = {"pairs": pairs, "objects": [6, 8], "differences": [2, 3]}
    lines = []
    for pair in demo_pairs(DemoDataset.model_validate({"source": "demo", "seed": 5, "splits": {"multi_diff": split}})):
        sample, images = sample_row(pair), image_row(pair)
        name = sample["image_id"]
        truths = [
            {key: list(value.values()) if isinstance(value, dict) else value for key, value in difference.items()}
            for difference in sample["differences"]
        ]
        folder = data / "folders/multi_diff" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}_original.png").write_bytes(images["original"])
        (folder / f"{name}_modified_final.png").write_bytes(images["modified"])
        (folder / "differences.json").write_text(json.dumps({"modifications": truths}))
        paths = {role: f"folders/multi_diff/{name}/{name}_{end}.png" for role, end in ENDS.items()}
        lines.append({"qid": name, "split": "multi_diff", "modifications": truths, **paths})
    (data / "pairs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Both sources, run to their leaderboards; each check of the pairs leaves a line in `checks.txt`."""
    project = Project.fresh(tmp_path_factory.mktemp("own") / "project")
    save_pairs(project.folder / "data")
    with (project.folder / "workflow_scripts/spd_faith/dataset/own_pairs.py").open("a") as module:
        module.write(
            "\n_check = check_pairs\n\n\ndef check_pairs(dataset):\n    import sys\n\n"
            "    with open('checks.txt', 'a') as file:\n        file.write(sys.argv[0] + '\\n')\n"
            "    return _check(dataset)\n"
        )
    with project.edited("config/datasets.yaml") as datasets:
        datasets["my-lines"] = {"source": "jsonl", "path": "data/pairs.jsonl", "label": "My lines"}
        datasets["my-folders"] = {"source": "folder", "path": "data/folders"}
    for name in ("my-lines", "my-folders"):
        (project.folder / f"config/{name}.yaml").write_text(f"dataset: {name}\nmodels: [tiny-qwen2-vl]\n")
        project.run("--configfile", f"config/{name}.yaml")
    return project


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Project:
    return finished.copy(tmp_path / "project")


def leaderboard(project: Project, dataset: str) -> pd.DataFrame:
    rows = pd.read_parquet(project.folder / f"results/{dataset}/leaderboard.parquet")
    return rows[rows["origin"] == "run"]


def test_lines_and_folders_give_the_same_leaderboard(finished: Project) -> None:
    lines, folders = (leaderboard(finished, name) for name in ("my-lines", "my-folders"))
    assert lines["n"].tolist() == folders["n"].tolist() == [5]
    assert lines["overall"].notna().all()
    scores = ["drf", "tf1", "cf1", "dqr", "ds", "cr", "overall"]
    pd.testing.assert_frame_equal(lines[scores], folders[scores])
    assert "My lines" in (finished.folder / "results/my-lines/leaderboard.md").read_text()
    record = json.loads((finished.folder / "results/my-lines/run.json").read_text())
    assert record["dataset"]["path"] == "data/pairs.jsonl"
    assert record["dataset"]["revision"].startswith("sha256:")


def test_the_pairs_are_checked_once_before_the_run_and_once_by_their_job(finished: Project) -> None:
    checks = [Path(line).name for line in (finished.folder / "checks.txt").read_text().splitlines()]
    assert checks == ["__main__.py", "make_dataset.py"] * 2


def test_a_process_that_a_cluster_starts_for_one_job_does_not_check_again(project: Project) -> None:
    job = ("--mode", "remote", "--target-jobs", "parse_responses:dataset=my-lines,model=tiny-qwen2-vl")
    before = (project.folder / "checks.txt").read_text()
    (project.folder / "data/pairs.jsonl").write_text("not JSON\n")
    project.run("--configfile", "config/my-lines.yaml", "--force", *job, "--allowed-rules", "parse_responses", "--")
    assert (project.folder / "checks.txt").read_text() == before


@pytest.mark.parametrize("dataset", ["my-lines", "my-folders"])
def test_what_did_not_change_does_not_run_again_and_a_changed_image_does(project: Project, dataset: str) -> None:
    config = ("--configfile", f"config/{dataset}.yaml")
    save_pairs(project.folder / "data")  # copied, cloned or touched: the same content at another time
    assert project.planned(*config) == {}
    changed = next((project.folder / "data").rglob("*_modified_final.png"))
    changed.write_bytes(next((project.folder / "data").rglob("*_original.png")).read_bytes())
    assert project.planned(*config) == CHAIN


def test_a_changed_line_runs_again_and_another_label_does_not(project: Project) -> None:
    config = ("--configfile", "config/my-lines.yaml")
    with project.edited("config/datasets.yaml") as datasets:
        datasets["my-lines"]["label"] = "Other"
    assert project.planned(*config) == {"make_leaderboard": 1, "make_page": 1}
    path = project.folder / "data/pairs.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-1]) + "\n")
    assert project.planned(*config) == CHAIN


@pytest.mark.parametrize("dataset", ["my-lines", "my-folders"])
def test_two_more_pairs_are_asked_about_alone(project: Project, dataset: str) -> None:
    journal = project.folder / f"results/{dataset}/journal/responses/tiny-qwen2-vl"

    def answered() -> int:
        """Each file of the journal begins with a line that says who wrote."""
        return sum(len(file.read_text().splitlines()) - 1 for file in journal.glob("*.jsonl"))

    assert answered() == 5 * 3
    save_pairs(project.folder / "data", pairs=7)
    responses = f"results/{dataset}/responses/tiny-qwen2-vl.parquet"
    project.run("--configfile", f"config/{dataset}.yaml", "--", responses)
    assert answered() == len(pd.read_parquet(project.folder / responses)) == 7 * 3


@pytest.mark.parametrize("dataset", ["my-lines", "my-folders"])
def test_a_random_limit_asks_nothing_again(project: Project, dataset: str) -> None:
    journal = project.folder / f"results/{dataset}/journal/responses/tiny-qwen2-vl"
    answers = {path.name: path.read_bytes() for path in journal.glob("*.jsonl")}
    of_all = pd.read_parquet(project.folder / f"results/{dataset}/samples.parquet")["sample_id"].tolist()
    with project.edited("config/datasets.yaml") as datasets:
        datasets[dataset]["limit"] = {"pairs": 3, "seed": 1}
    table = f"results/{dataset}/responses/tiny-qwen2-vl.parquet"
    project.run(table, "--configfile", f"config/{dataset}.yaml")
    drawn = set(pd.read_parquet(project.folder / table)["sample_id"])
    assert len(drawn) == 3 and drawn < set(of_all)
    assert {path.name: path.read_bytes() for path in journal.glob("*.jsonl")} == answers


@pytest.mark.parametrize("mode", [(), ("--dry-run",)])
def test_errors_are_reported_all_at_once_before_any_job(project: Project, mode: tuple[str, ...]) -> None:
    path = project.folder / "data/pairs.jsonl"
    lines = path.read_text().splitlines()
    lines[1] = lines[1].replace('"modifications"', '"modificatons"')
    lines[2] = lines[2].replace("_original.png", "_first.png")
    path.write_text("\n".join([*lines, "not JSON"]) + "\n")
    done = project.snakemake("--configfile", "config/my-lines.yaml", *mode)
    assert done.returncode == 1
    message = done.stdout + done.stderr
    for reported in (
        "Invalid dataset; no jobs were started.",
        "data/pairs.jsonl: line 2: modificatons: unknown key",
        "nearest: modifications",
        "data/pairs.jsonl: line 3: original: no such file",
        "data/pairs.jsonl: line 6: not valid JSON",
    ):
        assert reported in message, message
    assert "Traceback" not in message and "Building DAG" not in message


def test_errors_of_folders_are_reported_before_any_job(project: Project) -> None:
    first, second, *_ = sorted((project.folder / "data/folders/multi_diff").iterdir())
    next(first.glob("*_original.png")).unlink()
    (second / "differences.json").unlink()
    done = project.snakemake("--configfile", "config/my-folders.yaml")
    assert done.returncode == 1
    message = done.stdout + done.stderr
    assert f"data/folders/multi_diff/{first.name}: no original image" in message
    assert f"data/folders/multi_diff/{second.name}: no truth" in message
    assert "Traceback" not in message and "Building DAG" not in message
