"""Checks what a run is missing on this machine: API keys, GPUs, model weights and disk space."""

from collections.abc import Mapping, Sequence

from spd_faith.core.config import Run
from spd_faith.core.entries import Entry
from spd_faith.planning.judging import JudgeWork
from spd_faith.planning.work import ModelWork

PAIR_BYTES = 2 * 150_000  # two JPEGs of COCO
ANSWER_BYTES = 3_000  # journal and tables together


def disk_bytes(pairs: int, answers: int) -> int:
    """Disk space for the tables of a run: 300 kB of images per pair, 3 kB per answer; model weights not included."""
    return pairs * PAIR_BYTES + answers * ANSWER_BYTES


def missing_needs(
    run: Run,
    work: Sequence[ModelWork],
    pairs: int,
    environment: Mapping[str, str],
    gpus: int,
    free_bytes: int,
    judging: Sequence[JudgeWork] = (),
) -> list[str]:
    """What this machine is missing for the remaining work, one line each."""
    busy = [one.model for one in work if one.left]
    asked = {one.judge for one in judging if one.left}
    missing = run.missing_requirements(busy, environment, has_gpu=gpus > 0, judges=asked)
    parts = {name: entry for judge in sorted(asked) for name, entry in run.judges[judge].parts(judge).items()}
    entries: list[tuple[str, Entry]] = [*((name, run.models[name]) for name in busy), *parts.items()]
    missing += [f"{name}: {sentence}" for name, entry in entries for sentence in entry.advice(gpus)]
    needed = disk_bytes(pairs, sum(one.left for one in work))
    if needed > free_bytes:
        missing.append(f"Disk: the tables need about {needed / 1e9:.1f} GB; only {free_bytes / 1e9:.1f} GB are free.")
    return missing
