"""Why jobs failed, read from the ends of their logs, for the terminal."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from spd_faith.core.text import printable

_ERROR = re.compile(r"^(?:\S+\.py: )?error: ", re.MULTILINE)  # ours or argparse's
_TRACEBACK = re.compile(r"^Traceback \(most recent call last\):$", re.MULTILINE)
_RAISED = re.compile(r"^\S", re.MULTILINE)  # the exception follows the indented frames
_END_OF_LOG = 64_000  # bytes to read
_MAX_LINES = 12
_LONGEST_LINE = 200
_NO_ERROR = "no error in the log; the job may have run out of memory (mem_mb) or time (runtime)"


def cause_of(log: Path) -> list[str]:
    """Why the job with this log failed, in a few lines: its error, the end of its traceback, or the likely cause."""
    try:
        with Path(log).open("rb") as file:
            file.seek(-min(_END_OF_LOG, file.seek(0, os.SEEK_END)), os.SEEK_END)
            text = file.read().decode("utf-8", "replace").replace("\r\n", "\n")
    except OSError:
        return ["no log: the job did not start"]
    error = next(reversed([*_ERROR.finditer(text)]), None)
    traceback = next(reversed([*_TRACEBACK.finditer(text)]), None)
    if traceback and (error is None or traceback.start() > error.start()):
        raised = _RAISED.search(text, traceback.end())
        cause = text[raised.start() :] if raised else ""
    else:
        cause = text[error.start() :] if error else ""
    if not cause:
        return [_NO_ERROR, *(f"  last line: {line}" for line in _lines(text)[-1:])]
    lines = _lines(cause)
    more = [f"... {len(lines) - _MAX_LINES} more lines"] if len(lines) > _MAX_LINES else []
    return [*lines[:_MAX_LINES], *more]


def _lines(text: str) -> list[str]:
    return [printable(line)[:_LONGEST_LINE] for line in text.splitlines() if line.strip()]


def without_forced(arguments: Sequence[str]) -> list[str]:
    """The arguments of a Snakemake command without those that force jobs.

    `--forcerun` takes all arguments up to the next option.
    """
    kept, is_forced = [], False
    for argument in arguments:
        is_forced = argument in ("--forcerun", "-R") or (is_forced and not argument.startswith("-"))
        if not is_forced and not argument.startswith(("--forcerun=", "-R")) and argument not in ("--forceall", "-F"):
            kept.append(argument)
    return kept


def unfinished(jobs: Iterable[Any]) -> list[Any]:
    """The jobs of a failed Snakemake group that have missing outputs."""
    return [job for job in jobs if not all(Path(output).exists() for output in job.output)]


def failed_job(rule: str, wildcards: Mapping[str, str], log: str | None) -> str:
    """Format a failed job for the terminal: its name, its log and the cause."""
    of = wildcards.get("model") or wildcards.get("dataset")
    name = f"{rule} of {of}" if of else rule
    if log is None:
        return f"  {name}"
    return "\n".join([f"  {name} ({log}):", *(f"    {line}" for line in cause_of(Path(log)))])
