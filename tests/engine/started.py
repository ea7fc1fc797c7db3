"""Jobs whose models are answered by the installed engine, on the CPU, and the same by the transformers backend."""

import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from waiting import RUN_SECONDS
from workflow.project import ROOT

from spd_faith.core.files import read_provenance, read_table
from spd_faith.core.schemas import RESPONSES

FAMILIES = ("tiny-qwen2-vl", "tiny-internvl", "tiny-llava")
ENVIRONMENT = ROOT / ".venv-engine"
VARIABLES = {
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GB; by default it takes nearly all of the memory, or dies if it cannot
    "VLLM_CACHE_ROOT": str(ENVIRONMENT / "cache"),
}
# eager: compiling takes longer than all answers; blocks of 32 tokens: a pair's short prompts share several
OPTIONS = ("--enforce-eager", "--block-size", "32", "--max-model-len", "2048")
IDENTITY = ["sample_id", "task", "response_text", "finish_reason", "prompt_tokens", "generated_tokens"]


def command(**variables: str) -> str:
    """The command of an entry that starts the installed engine."""
    assigned = [f"{name}={value}" for name, value in {**VARIABLES, **variables}.items()]
    return shlex.join(["env", *assigned, str(ENVIRONMENT / "bin/vllm"), "serve", *OPTIONS])


def shipped(model: str) -> dict[str, Any]:
    """The entry of a shipped model, for the transformers backend."""
    return yaml.safe_load((ROOT / "config/models.yaml").read_text())[model]


def on_engine(entry: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The entry, answered by the installed engine."""
    kept = {key: value for key, value in entry.items() if key not in ("batch_size", "resources")}
    return {**kept, "backend": "vllm", "command": command(), "concurrency": 12, **changes}


@dataclass(frozen=True)
class Pairs:
    """A dataset's tables."""

    samples: Path
    images: Path

    def arguments(self) -> list[str]:
        return ["--samples", str(self.samples), "--images", str(self.images)]


@dataclass(frozen=True)
class Job:
    """A model's jobs in a folder of their own."""

    folder: Path
    entry: dict[str, Any]
    pairs: Pairs
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def responses(self) -> Path:
        return self.folder / "responses.parquet"

    @property
    def journal(self) -> Path:
        return self.folder / "journal"

    def command(self) -> list[str]:
        """The inference job, as the workflow runs it."""
        journal = ["--journal", str(self.journal), "--slots", str(self.folder / "slots")]
        return self._script("run_inference.py", *journal, "--output", str(self.responses))

    def run(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command(), cwd=ROOT, capture_output=True, text=True, timeout=RUN_SECONDS)

    def answered(self) -> "Job":
        done = self.run()
        assert done.returncode == 0, done.stderr
        return self

    def probed(self, *probes: str, folder: str = "probes") -> dict[str, pd.DataFrame]:
        """The tables of the probes of four pairs per split."""
        output = self.folder / folder
        chosen = ["--probes", *probes, "--samples-per-split", "4", "--output-folder", str(output)]
        arguments = self._script("run_probes.py", "--responses", str(self.responses), *chosen)
        done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=RUN_SECONDS)
        assert done.returncode == 0, done.stderr
        return {probe: pd.read_parquet(output / f"{probe}.parquet") for probe in probes}

    def answers(self) -> pd.DataFrame:
        table = read_table(self.responses, RESPONSES).to_pandas()
        return table[IDENTITY].assign(token_ids=table["response_token_ids"].map(tuple))

    def provenance(self) -> dict[str, Any]:
        return read_provenance(self.responses)

    def _script(self, name: str, *arguments: str) -> list[str]:
        self.folder.mkdir(parents=True, exist_ok=True)
        models = self.folder / "models.yaml"
        models.write_text(yaml.safe_dump({"tested": self.entry}))
        script = str(ROOT / "workflow_scripts" / name)
        return [
            sys.executable,
            script,
            "--model",
            "tested",
            "--models-file",
            str(models),
            *self.pairs.arguments(),
            *arguments,
        ]
