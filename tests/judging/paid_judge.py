"""A local test judge and its inputs: answer tables, the real command, and a simple honest labelling function.

The judge labels each sentence between the fence marks, by the truth (drf) or by the other answer (cr).
"""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from fault_server import FaultServer, Request
from PIL import Image
from waiting import COMMAND_SECONDS, PATIENCE

import judge_responses
from spd_faith.core.files import read_table, sha256, write_table
from spd_faith.core.schemas import IMAGES, JUDGEMENTS, PARSED, RESPONSES, SAMPLES, TASKS
from spd_faith.inference.answers import outcome_columns
from spd_faith.parsing.table import parse_response

ROOT = Path(__file__).parents[2]
PRICES = {"input": 2.5, "output": 10, "source": "made up", "date": "2026-01-01"}
USD = 0.00035  # of the fault server's 100 and 10 tokens
TRUTH = [{"type": "color", "category": "car", "description": "the car changed from red to blue"}]

# ---- the judge -------------------------------------------------------------------------------------------------------


def material(request: Request) -> str:
    """The first user message, which has the material to judge."""
    content = request.body["messages"][1]["content"]
    return content if isinstance(content, str) else content[-1]["text"]


def metric_of(request: Request) -> str:
    return "cr" if 'ANSWER TO "ARE THE TWO PICTURES THE SAME?"' in material(request) else "drf"


def fenced(request: Request) -> list[str]:
    """The answers between their fence marks."""
    text = material(request)
    mark = re.search(r"bear the mark (\w+)", text)[1]
    return re.findall(rf"=== answer {mark} begins ===\n(.*?)\n?=== answer {mark} ends ===", text, re.DOTALL)


def outside(request: Request) -> str:
    """The text outside the fences."""
    text = material(request)
    for answer in fenced(request):
        text = text.replace(answer, "", 1)
    return text


def sentences(text: str) -> list[str]:
    """The sentences that report a change."""
    parts = re.split(r"(?<=[.!?])\s+|\n", text.partition("{")[0])
    return [part for part in parts if re.search("changed|moved|removed", part)]


def honest_claims(request: Request) -> list[dict[str, str | None]]:
    answers = fenced(request)
    if metric_of(request) == "drf":
        changed = [change["category"] for change in json.loads(material(request).split("\n")[1])["changes"]]
        return [
            {
                "quote": sentence,
                "about": "",
                "reason": "",
                "label": "faithful" if any(f" {name} " in f" {sentence} " for name in changed) else "fabrication",
            }
            for sentence in sentences(answers[0])
        ]
    same, different = map(sentences, answers)
    both = [sentence for sentence in same if sentence in different]
    rows = [(one, one, "consistent") for one in both]
    rows += [(one, None, "ambiguous") for one in same if one not in both]
    rows += [(None, one, "ambiguous") for one in different if one not in both]
    return [
        {"quote_same": one, "quote_different": other, "about": "", "reason": "", "label": label}
        for one, other, label in rows
    ]


def honest(request: Request) -> str:
    return json.dumps({"claims": honest_claims(request)})


# ---- its inputs ------------------------------------------------------------------------------------------------------


def answers_of(number: int) -> dict[str, str]:
    """The answers about a pair: a true and a false claim; two claims that agree and one without a counterpart."""
    return {
        "describe": f"The car changed its color. The bench number {number} was removed.",
        "same": f"No. The car number {number} changed its color.",
        "different": f"Yes. The car number {number} changed its color. The tree was moved.",
    }


def image(red: int, blue: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (red * 16 % 256, red // 16, blue)).save(file, "PNG")
    return file.getvalue()


def write_pairs(folder: Path, count: int) -> None:
    """Write `count` pairs in which the color of the car changed."""
    samples, images = [], []
    for row in range(count):
        key = {"sample_id": f"easy/{row:05d}_{row}"}
        original, modified = image(row, 0), image(row, 200)
        shas = {"original_sha256": sha256(original), "modified_sha256": sha256(modified)}
        size = {"split": "easy", "image_id": str(row), "width": 8, "height": 8}
        samples.append(key | size | {"num_differences": 1, "differences": TRUTH, "control": "none"})
        images.append(key | {"original": original, "modified": modified} | shas)
    write_table(folder / "samples.parquet", samples, SAMPLES)
    write_table(folder / "images.parquet", images, IMAGES)


def write_answers(folder: Path, model: str, answers: list[dict[str, str]], finish_reason: str = "stop") -> None:
    """Write the tables of a model's answers; `answers` has a dict by task for each pair."""
    responses, parsed = [], []
    for row, texts in enumerate(answers):
        for task in TASKS:
            key = {"sample_id": f"easy/{row:05d}_{row}", "task": task}
            how = {"prompt_sha": "", "finish_reason": finish_reason, "seconds": 0.0, "attempts": 1}
            responses.append(key | outcome_columns(how | {"response_text": texts[task]}))
            parsed.append(key | parse_response(task, responses[-1]["response_text"], failed=False))
    write_table(folder / f"responses/{model}.parquet", responses, RESPONSES)
    write_table(folder / f"parsed/{model}.parquet", parsed, PARSED)


def fields_of(server: FaultServer, **changes: object) -> dict[str, object]:
    models = {metric: {"model": f"asked-{metric}", "prices": PRICES} for metric in ("drf", "cr")}
    fields = {"judge": "openai", "base_url": server.base_url, "models": models, "max_new_tokens": 512}
    return fields | {"concurrency": 8, "timeout": PATIENCE, "attempts": 4} | changes


class Judged:
    """Runs the command in a folder; `rows` reads its output by sample number and metric."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.prompts = ROOT / "resources/prompts"

    def arguments(self, server: FaultServer, model: str, **changes: object) -> list[str]:
        (self.folder / "judges.yaml").write_text(yaml.safe_dump({"paid": fields_of(server, **changes)}))
        return self.flags("paid", model)

    def flags(self, judge: str, model: str) -> list[str]:
        flags = {
            "judge": judge,
            "judges-file": self.folder / "judges.yaml",
            "prompts": self.prompts,
            "samples": self.folder / "samples.parquet",
            "images": self.folder / "images.parquet",
            "responses": self.folder / f"responses/{model}.parquet",
            "parsed": self.folder / f"parsed/{model}.parquet",
            "journal": self.folder / "journal/judgements" / judge,
            "slots": self.folder / "slots",
            "output": self.folder / f"judgements/{model}.parquet",
        }
        return [part for name, value in flags.items() for part in (f"--{name}", str(value))]

    def run(self, server: FaultServer, model: str = "model", **changes: object) -> None:
        """Run the command in this process."""
        self.main(self.arguments(server, model, **changes))

    def main(self, arguments: list[str]) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["judge_responses.py", *arguments])
            judge_responses.main()

    def start(
        self, server: FaultServer, model: str = "model", environment: dict[str, str] | None = None, **changes: object
    ) -> subprocess.Popen[str]:
        """Run the command in a separate process."""
        command = [sys.executable, str(ROOT / "workflow_scripts/judge_responses.py")]
        return subprocess.Popen(
            command + self.arguments(server, model, **changes),
            env=os.environ | {"OMP_NUM_THREADS": "1"} | (environment or {}),
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, process: subprocess.Popen[str]) -> str:
        """The log of the process, which must succeed."""
        _, log = process.communicate(timeout=COMMAND_SECONDS)
        assert process.returncode == 0, log
        return log

    def rows(self, model: str = "model") -> dict[tuple[int, str], dict]:
        rows = read_table(self.folder / f"judgements/{model}.parquet", JUDGEMENTS).to_pylist()
        return {(int(row["sample_id"][5:10]), row["metric"]): row for row in rows}
