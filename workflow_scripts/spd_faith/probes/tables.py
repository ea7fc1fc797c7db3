"""Tables of the probes: rows of measurements, and the row that says why there are none."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar

import numpy as np
import pyarrow as pa
import torch

from spd_faith.probes.passes import Outcome, Pass, Unmeasured


class Probe(ABC):
    """Turns the passes of a model into one table, an answer at a time."""

    name: ClassVar[str]
    schema: ClassVar[pa.Schema]

    @abstractmethod
    def tables(self, sample_id: str, task: str, outcome: Outcome) -> Iterator[pa.Table]:
        """The rows that the outcome of one more answer makes."""

    def remaining(self) -> Iterator[pa.Table]:
        """The rows that had to wait for all answers."""
        return iter(())


class LayerProbe(Probe):
    """A row per answer and layer, a column per measure."""

    measures: ClassVar[tuple[str, ...]]

    @abstractmethod
    def values(self, outcome: Pass) -> torch.Tensor | None:
        """layers × `measures`; None where the model lacks what is measured."""

    def tables(self, sample_id: str, task: str, outcome: Outcome) -> Iterator[pa.Table]:
        keys = {"sample_id": sample_id, "task": task}
        values = None if isinstance(outcome, Unmeasured) else self.values(outcome)
        if isinstance(outcome, Unmeasured) or values is None:
            yield unmeasured(self.schema, keys, outcome)
            return
        columns = {"layer": range(len(values)), **dict(zip(self.measures, values.T.numpy(), strict=True))}
        yield measured(self.schema, keys, columns, outcome.dtype, outcome.greedy_agreement)


def measured(
    schema: pa.Schema, keys: Mapping[str, str], columns: Mapping[str, Iterable], dtype: str, greedy_agreement: float
) -> pa.Table:
    """Rows with status `ok`: `columns` of one length, `keys` in each row, null where a number is not defined (nan).

    A column that is an array of pyarrow already is taken as it is.
    """
    constant = {**keys, "dtype": dtype, "greedy_agreement": greedy_agreement, "status": "ok"}
    arrays = {name: values if isinstance(values, pa.Array) else np.asarray(values) for name, values in columns.items()}
    length = len(next(iter(arrays.values())))

    def column(field: pa.Field) -> pa.Array:
        if field.name in arrays:
            values = arrays[field.name]
            return values if isinstance(values, pa.Array) else pa.array(values, field.type, from_pandas=True)
        return pa.repeat(pa.scalar(constant.get(field.name), field.type), length)

    return pa.table([column(field) for field in schema], schema=schema)


def unmeasured(schema: pa.Schema, keys: Mapping[str, str], outcome: Outcome) -> pa.Table:
    """The one row, without a layer or a token, of an answer that the probe has no measurements of.

    An outcome that is a pass means that the model lacks what the probe measures.
    """
    status, error = (outcome.status, outcome.error) if isinstance(outcome, Unmeasured) else ("unsupported", None)
    row = {**keys, "dtype": outcome.dtype, "status": status, "error": error}
    return pa.Table.from_pylist([row], schema=schema)
