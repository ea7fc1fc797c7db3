"""A run of 30 models in 16 shards each on 3,000 pairs: for planning, there is no data behind it."""

from pathlib import Path

from workflow.project import Project

from spd_faith.probes.registry import PROBES

MODELS, SHARDS, PAIRS = 30, 16, 3000
LARGE = ("qwen2.5-vl-72b", "qwen3-vl-235b")  # on 3 and on 8 GPUs
SMALL = (  # on one GPU each; each stands for four checkpoints of its size
    "qwen2-vl-7b",
    "qwen2.5-vl-7b",
    "qwen3-vl-8b",
    "internvl2.5-8b-mpo",
    "internvl3-8b",
    "llava-1.5-7b",
    "llava-onevision-7b",
)


def scaled_project(folder: Path) -> Project:
    """The project with that run as its default: all probes, the judge by rules, pairs counted as 750 in each split."""
    project = Project.fresh(folder)
    with project.edited("config/models.yaml") as models:
        for name in SMALL:
            for number in range(2, 5):
                models[f"{name}-{number}"] = models[name] | {"label": f"{models[name]['label']} ({number})"}
        names = [name for name in models if name.startswith(SMALL) and models[name]["backend"] == "transformers"]
    with project.edited("config/datasets.yaml") as datasets:
        splits = datasets["spd-faith-bench"]["splits"]
        splits |= dict.fromkeys(splits, PAIRS // len(splits))
    with project.edited("config/config.yaml") as config:
        config |= {"dataset": "spd-faith-bench", "models": [*names, *LARGE], "probes": {"run": list(PROBES)}}
        config["inference"] = {"shards": dict.fromkeys(config["models"], SHARDS)}
    assert len(config["models"]) == MODELS
    return project
