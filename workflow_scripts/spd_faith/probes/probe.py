"""The base classes of probes. A class declares a probe: its table, what is compared and summarised, and its figures. An
instance measures the answers of one run, in the pass that probes share or in passes of its own.

Every command that reads a probe's table imports its class, so methods that need torch or matplotlib import them when
called.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

import pyarrow as pa

from spd_faith.probes.passes import Outcome, Pass, Unmeasured
from spd_faith.probes.summary import Summary
from spd_faith.probes.tables import Columns, measured, unmeasured

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerFast

    from spd_faith.inference.checkpoint import Checkpoint
    from spd_faith.inference.prompt_builder import PromptBuilder
    from spd_faith.inference.prompts import Prompt
    from spd_faith.inference.questions import QuestionId
    from spd_faith.probes.figures.declared import ProbeFigures
    from spd_faith.probes.layers import LayerStates
    from spd_faith.probes.samples import SavedAnswer

T = TypeVar("T")


class ProbeRun:
    """What the probes of one run have in common, apart from the passes."""

    def __init__(self, samples: Mapping[str, Mapping[str, Any]], tokenizer: "PreTrainedTokenizerFast") -> None:
        self.samples = samples
        """The rows of `SAMPLES` of the whole dataset, by sample_id."""
        self.tokenizer = tokenizer
        self._shared: dict[Callable[[ProbeRun], Any], Any] = {}

    def shared(self, make: Callable[["ProbeRun"], T]) -> T:
        """The result of `make` for this run, computed once for all probes."""
        if make not in self._shared:
            self._shared[make] = make(self)
        return cast(T, self._shared[make])


@dataclass(frozen=True, eq=False)
class ModelRun:
    """A loaded model with its saved answers about the chosen samples: what probes measure."""

    checkpoint: "Checkpoint"
    builder: "PromptBuilder"
    prompts: Mapping[str, "Prompt"]
    """By task."""
    samples: Mapping[str, Mapping[str, Any]]
    """The rows of `SAMPLES` of the whole dataset, by sample_id."""
    answers: Mapping["QuestionId", "SavedAnswer"]
    """About the chosen samples, in all tasks."""
    images: Path
    """The dataset's table of images."""
    seed: int = 0
    """Of whatever a probe draws."""

    @property
    def sample_ids(self) -> tuple[str, ...]:
        """The chosen samples."""
        return tuple(dict.fromkeys(question.sample_id for question in self.answers))


class Probe(ABC):
    """Turns the passes of a run into one table, an answer at a time."""

    name: ClassVar[str]
    schema: ClassVar[pa.Schema]
    """Of the table `{name}.parquet`, made by `probe_schema`."""
    contrasted: ClassVar[tuple[str, ...]] = ()
    """Columns compared between groups of samples, in the schema's order: by layer, and by task if the table has that
    column. Values of an answer's tokens are averaged."""
    contrasted_by_layer: ClassVar[bool] = True
    """False: one value per sample, the mean of its rows without a layer."""
    reads_shared_pass: ClassVar[bool] = True
    """Whether it measures the pass over an answer that all probes share (`tables`), or runs its own (`own_passes`)."""
    measures_variants: ClassVar[bool] = True
    """Whether a run has it measure models with an intervention."""
    needed_tasks: ClassVar[tuple[str, ...]] = ()
    """Tasks whose answers about a sample are measured together; empty: each answer is measured separately."""
    summaries: ClassVar[tuple[Summary, ...]] = ()
    """Its columns on the leaderboard."""

    def __init__(self, run: ProbeRun) -> None:
        self.run = run

    def tables(self, sample_id: str, task: str, outcome: Outcome) -> Iterator[pa.Table]:
        """The rows for the outcome of one more answer in the shared pass."""
        return iter(())

    def remaining(self) -> Iterator[pa.Table]:
        """The rows that need all answers."""
        return iter(())

    def own_passes(self, of: ModelRun) -> Iterator[pa.Table]:
        """The rows of each chosen sample in turn, from passes of its own."""
        return iter(())

    @staticmethod
    def figures() -> "ProbeFigures | None":
        return None

    @classmethod
    def path_in(cls, folder: Path) -> Path:
        """The path of its table in a model's folder."""
        return folder / f"{cls.name}.parquet"


class AnswerProbe(Probe):
    """A probe that measures each answer separately; its schema has the column `task`."""

    @abstractmethod
    def columns(self, sample_id: str, found: Pass) -> Columns | Unmeasured:
        """The columns of the answer's rows, except those common to all probes; or why there are none."""

    def tables(self, sample_id: str, task: str, outcome: Outcome) -> Iterator[pa.Table]:
        keys = {"sample_id": sample_id, "task": task}
        if isinstance(outcome, Unmeasured):
            yield unmeasured(self.schema, keys, outcome)
            return
        columns = self.columns(sample_id, outcome)
        if isinstance(columns, Unmeasured):
            yield unmeasured(self.schema, keys, columns)
        else:
            yield measured(self.schema, keys, columns, outcome.dtype, outcome.greedy_agreement)


class LayerProbe(AnswerProbe):
    """A row per answer and layer, a column per measure, from the states of one layer at a time."""

    measures: ClassVar[tuple[str, ...]]

    @staticmethod
    @abstractmethod
    def of_layer(states: "LayerStates", dtype: "torch.dtype") -> "torch.Tensor | None":
        """The `measures` of a layer, computed during the pass in the model's `dtype`.

        None if the model does not support them; then the answer has no measurements in any layer.
        """

    def columns(self, sample_id: str, found: Pass) -> Columns | Unmeasured:
        values = found.by_layer.get(self.name)
        if values is None:
            return found.unsupported
        return {"layer": range(len(values)), **dict(zip(self.measures, values.T.numpy(), strict=True))}
