"""The engines that the jobs of a run start, with rough times that nobody measured on a GPU."""

from collections.abc import Sequence
from dataclasses import dataclass

from spd_faith.core.config import Run
from spd_faith.core.estimates import ENGINE_IN_FLIGHT, ENGINE_START_SECONDS, ENGINE_STEP_SECONDS
from spd_faith.endpoints.engine.entry import EngineFields
from spd_faith.planning.estimates import Usage
from spd_faith.planning.judging import JudgeWork
from spd_faith.planning.work import ModelWork


@dataclass(frozen=True)
class EngineRun:
    """The starts of the engine of a model or judge, each in a job with missing work."""

    name: str
    per: str
    """What has one start each."""
    starts: int
    gpus: int
    gpu_hours: float
    """For the remaining replies, without starts."""

    def in_words(self) -> str:
        """One line."""
        if not self.starts:
            return f"{self.name}: no start; nothing is missing"
        starts = f"{self.name}: {self.starts} start{'s' if self.starts > 1 else ''}, one for each {self.per}; "
        if not self.gpus:
            return f"{starts}no cost; on the CPU, time unknown"
        start_hours = self.starts * ENGINE_START_SECONDS * self.gpus / 3600
        return f"{starts}no cost; ~{self.gpu_hours:.2f} GPU hours, and ~{start_hours:.2f} for the starts"


def engine_runs(run: Run, work: Sequence[ModelWork], judging: Sequence[JudgeWork]) -> list[EngineRun]:
    """The engines of a run: those of models, then those of judges and of members of panels."""
    runs = [
        EngineRun(one.model, "shard with missing answers", one.jobs, run.models[one.model].resources.gpu, one.gpu_hours)
        for one in work
        if isinstance(run.models[one.model], EngineFields)
    ]
    for judge, payer in sorted({(one.judge, one.payer) for one in judging}):
        entry = run.judges[judge].parts(judge)[payer]
        if isinstance(entry, EngineFields):
            of_entry = [one for one in judging if (one.judge, one.payer) == (judge, payer)]
            name = judge if judge == payer else f"{judge}, member {payer}"
            gpus = entry.requirements().num_gpus
            runs.append(_of_judge(name, entry, gpus, of_entry))
    return runs


def _of_judge(name: str, entry: EngineFields, gpus: int, work: Sequence[JudgeWork]) -> EngineRun:
    waiting = frozenset[str]().union(*(one.waiting for one in work))
    seconds = sum(one.left * _seconds(entry, one.usage) for one in work)
    return EngineRun(name, "model with missing judgements", len(waiting), gpus, seconds * gpus / 3600)


def _seconds(entry: EngineFields, usage: Usage) -> float:
    return entry.measured_seconds(usage.seconds) if usage.answers else entry.reply_seconds(usage.generated_tokens)


def how_engines_are_estimated() -> str:
    """The formula and its inputs, as a readable text."""
    return (
        f"Engines, if no answers are measured: seconds = answer tokens × {ENGINE_STEP_SECONDS} / min(concurrency, "
        f"{ENGINE_IN_FLIGHT}), and {ENGINE_START_SECONDS:.0f} s a start. These are estimates, not measured, for a 7B "
        "model on one GPU, or one n times as large on n (docs/scale.md)."
    )
