"""What a probe is. A class declares it: its table, what is compared and summarised, and its figures. An object of the
class measures the answers of one run.

Every command that reads a probe's table imports its declaration, so what needs torch or matplotlib imports it when it
is called.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

import pyarrow as pa

from spd_faith.probes.passes import Outcome, Pass, Unmeasured
from spd_faith.probes.summary import Summary
from spd_faith.probes.tables import Columns, measured, unmeasured

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerFast

    from spd_faith.probes.figures.declared import ProbeFigures
    from spd_faith.probes.layers import LayerStates

T = TypeVar("T")


class ProbeRun:
    """What the probes of one run know besides the passes."""

    def __init__(self, samples: Mapping[str, Mapping[str, Any]], tokenizer: "PreTrainedTokenizerFast") -> None:
        self.samples = samples
        """The rows of `SAMPLES` of the whole dataset, by sample_id."""
        self.tokenizer = tokenizer
        self._shared: dict[Callable[[ProbeRun], Any], Any] = {}

    def shared(self, make: Callable[["ProbeRun"], T]) -> T:
        """What `make` makes of this run, made once for all the probes that ask for it."""
        if make not in self._shared:
            self._shared[make] = make(self)
        return cast(T, self._shared[make])


class Probe(ABC):
    """Turns the passes of a run into one table, an answer at a time."""

    name: ClassVar[str]
    schema: ClassVar[pa.Schema]
    """Of the table `{name}.parquet`, made by `probe_schema`."""
    contrasted: ClassVar[tuple[str, ...]] = ()
    """Columns that are compared between groups of samples, in the schema's order: by layer, and by task where the table
    has that column; the numbers of an answer's tokens are averaged."""
    needed_tasks: ClassVar[tuple[str, ...]] = ()
    """Tasks whose answers about a sample it needs together; none: it measures each answer by itself."""
    summaries: ClassVar[tuple[Summary, ...]] = ()
    """What the leaderboard shows of it."""

    def __init__(self, run: ProbeRun) -> None:
        self.run = run

    @abstractmethod
    def tables(self, sample_id: str, task: str, outcome: Outcome) -> Iterator[pa.Table]:
        """The rows that the outcome of one more answer makes."""

    def remaining(self) -> Iterator[pa.Table]:
        """The rows that had to wait for all answers."""
        return iter(())

    @staticmethod
    def figures() -> "ProbeFigures | None":
        return None

    @classmethod
    def path_in(cls, folder: Path) -> Path:
        """Where its table lies in a model's folder."""
        return folder / f"{cls.name}.parquet"


class AnswerProbe(Probe):
    """A probe of each answer by itself; its schema has the column `task`."""

    @abstractmethod
    def columns(self, sample_id: str, found: Pass) -> Columns | Unmeasured:
        """The columns of the answer's rows, but for those that all probes share; or why there are none."""

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
        """The `measures` of a layer, made within the pass in the model's `dtype`.

        None where the model lacks what is measured; then the answer has no measurements in any layer.
        """

    def columns(self, sample_id: str, found: Pass) -> Columns | Unmeasured:
        values = found.by_layer.get(self.name)
        if values is None:
            return found.unsupported
        return {"layer": range(len(values)), **dict(zip(self.measures, values.T.numpy(), strict=True))}
