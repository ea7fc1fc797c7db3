"""The prompts: one text file per task, with the published question in the first line."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spd_faith.core.errors import UserError
from spd_faith.core.files import sha256
from spd_faith.core.schemas import TASKS


@dataclass(frozen=True)
class Prompt:
    task: str
    text: str

    @property
    def sha(self) -> str:
        return sha256(self.text)


def task_of(question: str) -> str:
    """The task that a free-form question belongs to; `describe` unless it is a yes/no question."""
    words = set(re.findall(r"[a-z]+", question.lower()))
    if words & {"how", "what", "which", "describe", "list", "where", "find", "many"}:
        return "describe"
    if words & {"same", "identical", "equal", "alike"}:
        return "same"
    return "different" if words & {"different", "differ", "unlike", "difference", "differences"} else "describe"


def opens_with(prompt: str, question: str) -> bool:
    """Whether a prompt starts with this question, ignoring case, punctuation and articles."""
    published, asked = (
        [word for word in re.findall(r"\w+", text.lower()) if word not in ("a", "an", "the")]
        for text in (prompt.partition("\n")[0], question)
    )
    return asked == published


def load_prompts(folder: Path, tasks: Sequence[str] = TASKS) -> dict[str, Prompt]:
    """The prompt of each task, from `folder/{task}.txt`."""
    prompts = {}
    for task in tasks:
        path = Path(folder) / f"{task}.txt"
        if not path.is_file():
            raise UserError(f"{path}: no such prompt. Every task ({', '.join(tasks)}) requires one.")
        try:
            text = path.read_text(encoding="utf-8").strip()
        except UnicodeDecodeError as error:
            raise UserError(f"{path}: not a text file in UTF-8: {error}") from error
        if not text:
            raise UserError(f"{path}: the prompt is empty")
        prompts[task] = Prompt(task, text)
    return prompts
