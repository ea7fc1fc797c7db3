"""A small finished run with answers that could break a page, through the real workflow."""

import json
from pathlib import Path
from typing import Any

from workflow.project import Project

HTML = "</script><script>window.broken = 1</script><img src=x onerror='window.broken = 1'><b>bold</b> &amp; {{ 7 * 7 }}"
HEBREW = "המכונית הפכה לכחולה. The clock is gone \u202e🚗."
LONG = "The dog is gone. " * 6_000  # 102,000 characters
WIDE = "x" * 3_000
ODD = "A null\x00, half an emoji \ud83d, a line\u2028separator, ${7 * 7} and `code`."
TEXTS = (HTML, HEBREW, LONG, WIDE, ODD)
LABEL = '<i>Their "modèle" 模_1</i> & co.'


def hostile_run(folder: Path) -> Project:
    """Four pairs per split with few controls; a tiny model with a probe, one whose answers are TEXTS, one constant."""
    project = Project.fresh(folder)
    with project.edited("config/datasets.yaml") as datasets:
        for split in datasets["demo"]["splits"].values():
            split["pairs"] = 4
        datasets["demo"]["controls"] = {"identical": 1, "undone": {"multi_diff": 4}}
    with project.edited("config/models.yaml") as models:
        models["theirs"] = {"label": LABEL, "backend": "responses_file", "path": "theirs.json"}
        models["constant"] = {"label": "Constant", "backend": "responses_file", "path": "constant.json"}
    with project.edited("config/config.yaml") as config:
        config["models"] = ["tiny-qwen2-vl", "theirs", "constant"]
        config["probes"] = {"run": ["generation_attention", "token_activation_map"], "samples_per_split": 1}
    for name in ("theirs", "constant"):
        _write(folder / f"{name}.json", [])
    project.run("results/demo/samples.parquet")
    samples = project.table("samples.parquet")
    _write(folder / "theirs.json", [_hostile(number, row) for number, row in enumerate(samples.to_dict("records"))])
    _write(folder / "constant.json", [_constant(row) for row in samples.to_dict("records")])
    project.run("results/demo/leaderboard.html")  # without figures, which the page must not need
    return project


def _write(path: Path, records: list[dict[str, Any]]) -> None:
    path.write_text(json.dumps({"model": "org/theirs", "responses": records}))


def _hostile(number: int, sample: dict[str, Any]) -> dict[str, Any]:
    text = TEXTS[number % len(TEXTS)]
    return _record(sample) | {"response_text": text, "response_same": f"No. {text}", "response_different": "Yes."}


def _constant(sample: dict[str, Any]) -> dict[str, Any]:
    return _record(sample) | {"response_text": "None.", "response_same": "Yes.", "response_different": "No."}


def _record(sample: dict[str, Any]) -> dict[str, Any]:
    return {"qid": sample["sample_id"], "structured_output": [], "predicted_num": 0}
