"""Where the numbers come from: versions of data, models, judges and software, machines, time, cost, and the command."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from spd_faith.leaderboard.failures_section import failed_questions
from spd_faith.leaderboard.model import COUNT, Cell, Code, Column, Missing, Note, Section, Table, Text, Value, note
from spd_faith.leaderboard.row_cells import Row, rows_by_model

_SOURCES = {
    "label": Column("Model"),
    "model_id": Column("Checkpoint", definition="The model's name on the hub or at its endpoint, or its folder."),
    "model_revision": Column("Revision", definition="The commit of the weights, or the endpoint's name for them."),
    "dtype": Column("dtype", definition="The number format of the weights. “–” if the model ran elsewhere."),
    "hardware": Column("Hardware", definition="Where the answers were made. “–” if that is unknown."),
    "judge_label": Column("Judge"),
    "judge_models": Column("Judge model", definition="As the judge's endpoint reports it; the version of rules."),
    "dataset": Column("Dataset"),
    "dataset_revision": Column("Dataset revision", definition="The commit of the published data, or its seed."),
}
_OF_RUN = (Column("What"), Column("Value"))
_OF_JOBS = (Column("Step"), Column("Seconds", COUNT, "The sum over the jobs, each as it last ran."))


def provenance_section(live: Sequence[Row], record: Mapping[str, Any]) -> Section:
    """`record` is the content of run.json."""
    sources = tuple(tuple(Missing() if pd.isna(row[name]) else Text(row[name]) for name in _SOURCES) for row in live)
    jobs = tuple((Text(job), Value(seconds)) for job, seconds in record["job_seconds"].items())
    parts = (
        _again(record),
        Table("provenance", tuple(_SOURCES.values()), sources),
        Table("run", _OF_RUN, tuple((Text(name), _text(value)) for name, value in _facts(live, record))),
        *((Table("job_seconds", _OF_JOBS, jobs),) if jobs else ()),
    )
    return Section("Provenance", parts, "provenance")


def _again(record: Mapping[str, Any]) -> Note:
    return note(
        "To reproduce this leaderboard, check out the git commit below and run ",
        Code(record["command"]),
        " in the project's folder. The file is beside this page; it has the whole config of the run. ",
        Code("run.json"),
        " also has the entries of datasets, models and judges that it names, as they were.",
    )


def _facts(live: Sequence[Row], record: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    """What is recorded once per run; None if it is unknown."""
    yield "Git commit", record["git_commit"]
    yield "Hardware of the last step", record["hardware"]
    for name in ("pictures", "control_images"):
        if name in record["dataset"]:
            yield {"pictures": "Images", "control_images": "Images of controls"}[name], record["dataset"][name]
    for task, sha in record["prompts"].items():
        yield f"Prompt {task}", f"sha256:{sha}"
    found = {name: version for name, version in record["packages"].items() if version}
    yield "Packages", ", ".join(f"{name} {version}" for name, version in found.items())
    yield "Cost of the models", _dollars([row["model_usd"] for row in rows_by_model(live)])
    yield "Cost of the judges", _dollars([row["judge_usd"] for row in {row["judge"]: row for row in live}.values()])
    yield "Failures", _failures(rows_by_model(live))


def _text(value: str | None) -> Cell:
    return Missing() if value is None else Text(value)


def _dollars(costs: Sequence[float | None]) -> str | None:
    """The sum of the known costs, and how many are unknown; None if none is known."""
    known = [cost for cost in costs if cost is not None and not pd.isna(cost)]
    unknown = f" and {len(costs) - len(known)} without a price" if len(known) < len(costs) else ""
    return f"US$ {sum(known):.2f}{unknown}" if known else None


def _failures(models: Sequence[Row]) -> str:
    names = {
        "model": "answers empty or withheld",
        "cut": "answers cut",
        "transport": "questions without a reply",
        "not_asked": "questions not asked",
    }
    return ", ".join(f"{text}: {sum(failed_questions(row, kind) for row in models)}" for kind, text in names.items())
