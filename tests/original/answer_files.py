"""Answer files as the benchmark's released commands read them, and helpers to run our commands on them."""

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from waiting import COMMAND_SECONDS

from spd_faith.core.errors import UserError

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "workflow_scripts"

# the worked example of the published figure: DQR 2/3, TF1 = CF1 = 2/5, one of its two claims is faithful
BEDROOM = [
    {"type": "color", "category": "bedspread", "target_color": "blue"},
    {"type": "remove", "category": "clock"},
    {"type": "remove", "category": "tv"},
]
LISTED = [{"type": "color", "category": "bedspread"}, {"type": "position", "category": "chair"}]
PROSE = "The bedspread changed from orange to blue. The chair moved to the left."


def released(sample_id: str = "7", **change: Any) -> dict[str, Any]:
    """A record of the released form."""
    record = {
        "sample_id": sample_id,
        "ground_truth": {"modifications": BEDROOM},
        "parsed_response": {"has_structured_output": True, "structured_output": LISTED},
        "model_response": PROSE,
    }
    return record | change


def readme(qid: str = "7", **change: Any) -> dict[str, Any]:
    """A record of the README's form, which has no truth."""
    record = {"qid": qid, "predicted_num": 2, "structured_output": LISTED, "response_text": PROSE, "is_faithful": 0}
    return record | change


def save(path: Path, records: list[dict[str, Any]], model: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"model": model, "responses": records} if model else records))
    return path


def run(script: str, *arguments: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, SCRIPTS / script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS)


def succeed(script: str, *arguments: Any) -> str:
    done = run(script, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def command(script: str, *arguments: Any) -> None:
    """Run a command in this process, which is faster."""
    module = importlib.import_module(Path(script).stem)
    with patch("sys.argv", [script, *map(str, arguments)]):
        module.main()


def refused(script: str, *arguments: Any) -> str:
    """The error message of a command, run in this process."""
    with pytest.raises(UserError) as raised:
        command(script, *arguments)
    return str(raised.value)


def read(path: Path) -> Any:
    return json.loads(path.read_text())
