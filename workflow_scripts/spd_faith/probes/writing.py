"""Write the probes' tables during the passes."""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from spd_faith.core.errors import UserError
from spd_faith.core.files import table_writer
from spd_faith.probes.passes import Outcome, Pass
from spd_faith.probes.probe import ModelRun, Probe, ProbeRun
from spd_faith.probes.registry import PROBES

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

Keep = Callable[[pa.Table], pa.Table]
"""Selects the rows to write."""

log = logging.getLogger(__name__)
_BYTES_AT_ONCE = 16 << 20  # buffered, because small row groups make large, slow files


def start_probes(
    names: Collection[str], samples: Mapping[str, Mapping[str, Any]], tokenizer: "PreTrainedTokenizerFast"
) -> list[Probe]:
    """The named probes of one run, in order; `samples` has the rows of `SAMPLES` of the whole dataset by sample_id."""
    run = ProbeRun(samples, tokenizer)
    return [probe(run) for probe in PROBES.values() if probe.name in names]


@contextmanager
def write_probes(
    folder: Path,
    probes: list[Probe],
    provenance: dict[str, Any],
    keep: Keep = lambda table: table,
) -> Iterator[Callable[[str, str, Outcome], None]]:
    """Yield a function that takes (sample_id, task, outcome). The block ends with complete `folder/{probe}.parquet`.

    Raises `UserError` at the end if answers failed and none could be measured, since the cause is then not a single
    sample.
    """
    statuses: Counter[str] = Counter()
    with ExitStack() as stack:
        writers = []
        for probe in probes:
            append = stack.enter_context(table_writer(probe.path_in(folder), probe.schema, provenance))
            writers.append(stack.enter_context(_gathered(append)))

        def take(sample_id: str, task: str, outcome: Outcome) -> None:
            statuses["ok" if isinstance(outcome, Pass) else outcome.status] += 1
            for probe, write in zip(probes, writers, strict=True):
                for table in probe.tables(sample_id, task, outcome):
                    write(keep(table))

        yield take
        for probe, write in zip(probes, writers, strict=True):
            for table in probe.remaining():
                write(keep(table))
        _check_measured(statuses, "answers")
    _log_unmeasured(statuses, "answers")


def write_own_passes(
    folder: Path,
    probe: Probe,
    of: ModelRun,
    provenance: dict[str, Any],
    advance: Callable[[int], Any],
    keep: Keep = lambda table: table,
) -> None:
    """Write `folder/{probe}.parquet` of a probe that runs its own passes; `advance` gets 1 for each sample.

    Raises `UserError` as `write_probes` does.
    """
    statuses: Counter[str] = Counter()
    with table_writer(probe.path_in(folder), probe.schema, provenance) as append, _gathered(append) as write:
        for table in probe.own_passes(of):
            of_sample = table["status"].unique().to_pylist()
            statuses["ok" if "ok" in of_sample else str(of_sample[0])] += 1
            write(keep(table))
            advance(1)
        _check_measured(statuses, "samples")
    _log_unmeasured(statuses, "samples")


def _check_measured(statuses: Counter[str], what: str) -> None:
    if statuses["failed"] and not statuses["ok"]:
        raise UserError(f"none of {statuses['failed']} {what} could be measured; see the log above")


def _log_unmeasured(statuses: Counter[str], what: str) -> None:
    for status, number in statuses.items():
        if status != "ok":
            log.warning("%s: %d of %d %s; their rows have this status", status, number, statuses.total(), what)


@contextmanager
def _gathered(write: Callable[[pa.Table], None]) -> Iterator[Callable[[pa.Table], None]]:
    """Yield a function that buffers tables and writes them in large groups, the last when the block ends."""
    held: list[pa.Table] = []

    def add(table: pa.Table) -> None:
        held.append(table)
        if sum(one.nbytes for one in held) >= _BYTES_AT_ONCE:
            hand_on()

    def hand_on() -> None:
        if held:
            write(pa.concat_tables(held).combine_chunks())
            held.clear()

    yield add
    hand_on()
