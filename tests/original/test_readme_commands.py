"""The README's map of the original's commands, run as it stands on files in the released forms."""

import fnmatch
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from original.answer_files import ROOT, released, save
from original.drawn_pairs import save_drawn_pairs

pytestmark = pytest.mark.slow

SECTION = (ROOT / "README.md").read_text(encoding="utf-8").split("## The original's commands")[1].split("\n## ")[0]
COMMANDS = [
    shlex.split(line)[1:]
    for block in re.findall(r"```bash\n(.*?)```", SECTION, re.DOTALL)
    for line in block.replace("\\\n", "").splitlines()
]
ROWS = [
    tuple(cell.strip() for cell in line.strip("| ").split(" | "))
    for line in SECTION.splitlines()
    if line.startswith("| `")
]

# what each command leaves, by its row; `*` stands for a name
WRITTEN = [
    ["metrics/*_scores.parquet", "metrics/scores_summary.csv", "metrics/*_metrics.json"],
    ["drf.json"],
    ["consistency/*_consistency.parquet", "consistency/consistency_summary.csv", "consistency/*_results.json"],
    ["similarity/hidden_similarity.parquet", "similarity/figures/*.png", "similarity/*_faithfulness_analysis.json"],
    ["layer_changes/layer_changes.parquet", "layer_changes.json", "layer_changes.pdf"],
    [
        "attention/generation_attention.parquet",
        "attention/figures/*.png",
        "attention/*sample_*_generation_data.json",
    ],
    ["neurons/neuron_activation.parquet", "neurons.pdf"],
    [],
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the commands read; its models file has the tiny model in place of the published one."""
    folder = tmp_path_factory.mktemp("original")
    for name in ("workflow_scripts", "resources"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "config").mkdir()
    (folder / "config/judges.yaml").symlink_to(ROOT / "config/judges.yaml")
    models = yaml.safe_load((ROOT / "config/models.yaml").read_text(encoding="utf-8"))
    models["qwen2-vl-7b"] = models["tiny-qwen2-vl-early"]
    (folder / "config/models.yaml").write_text(yaml.safe_dump(models))

    names = save_drawn_pairs(folder, 2)
    (folder / "multi_diff").symlink_to(folder / "released/multi_diff")
    images = folder / "images"
    images.mkdir()
    merged = [folder / f"pictures/merged/{name}.png" for name in names]
    for name, path in zip(names, merged, strict=True):
        (images / f"{name}_color.jpg").write_bytes(path.read_bytes())
    (folder / "merged.jpg").write_bytes((ROOT / "resources/demo_pair.png").read_bytes())
    lines = [{"image": f"{name}_color.jpg", "is_faithful": n, "question_same": "Same?"} for n, name in enumerate(names)]
    (folder / "samples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    results = [{"image": name, "is_contradictory": not n} for n, name in enumerate(names)]
    (folder / "comparison.json").write_text(json.dumps({"results": results}))
    yes_no = {"response_same": "No.", "response_different": "Yes."}
    answers = [released(name, **yes_no) for name in names]
    save(folder / "predictions/a_responses.json", answers, "a")
    save(folder / "responses.json", answers, "a")
    return folder


@pytest.mark.parametrize("number", range(len(WRITTEN)), ids=[row[0].strip("`") for row in ROWS])
def test_the_command_of_each_row_runs_and_gives_what_the_row_says(folder: Path, number: int) -> None:
    command, row = COMMANDS[number], ROWS[number]
    before = set(folder.rglob("*"))
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert " ".join(command[: row[1].count(" ") + 1]) == f"workflow_scripts/{row[1].strip('`')}"
    written = [str(path.relative_to(folder)) for path in set(folder.rglob("*")) - before]
    for pattern in WRITTEN[number]:
        assert fnmatch.filter(written, pattern), (pattern, written)


def test_each_row_has_one_command() -> None:
    assert len(COMMANDS) == len(ROWS) == len(WRITTEN)
