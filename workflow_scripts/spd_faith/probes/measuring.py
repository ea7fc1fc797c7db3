"""Measure the probes of one model and write their tables: the pass that they share, then those that run their own."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from spd_faith.core.progress import progress
from spd_faith.inference.questions import read_questions
from spd_faith.probes.outcomes import measure_answers
from spd_faith.probes.probe import ModelRun
from spd_faith.probes.writing import Keep, start_probes, write_own_passes, write_probes


def measure_probes(
    names: Collection[str],
    of: ModelRun,
    folder: Path,
    provenance: dict[str, Any],
    batch_size: int,
    label: str,
    keep: Keep = lambda table: table,
) -> None:
    """Write `folder/{probe}.parquet` of each named probe. The shared pass runs only if one of them reads it.

    `batch_size` is samples per shared pass, `label` what the progress is of. Raises `UserError` if a probe could
    measure nothing because of errors.
    """
    probes = start_probes(names, of.samples, of.checkpoint.tokenizer)
    if sharing := [probe for probe in probes if probe.reads_shared_pass]:
        questions = read_questions(of.images, of.answers, of.prompts)
        with (
            write_probes(folder, sharing, provenance, keep) as write,
            progress(len(of.answers), label, "answer") as bar,
        ):
            for question, outcome in measure_answers(of.checkpoint, of.builder, questions, of.answers, batch_size):
                write(question.sample_id, question.task, outcome)
                bar.update(1)
    for probe in probes:
        if not probe.reads_shared_pass:
            with progress(len(of.sample_ids), f"{label}, {probe.name}", "sample") as bar:
                write_own_passes(folder, probe, of, provenance, bar.update, keep)
