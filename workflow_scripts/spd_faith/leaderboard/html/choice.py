"""Which samples a page shows, if it cannot show all: stated, seeded, failures first."""

import random
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from spd_faith.core.controls import is_control
from spd_faith.core.files import read_table
from spd_faith.core.paths import ResultPaths
from spd_faith.core.schemas import JUDGEMENTS, PARSED, RESPONSES
from spd_faith.leaderboard.html.maps import probed_samples
from spd_faith.probes.token_activation_map import TokenActivationMap

FAILED_FRACTION = 0.5
"""Of the bytes: how much samples with failures may take before others are chosen."""

_PAIR_BYTES, _RECORD_BYTES = 300, 200  # packed: of a sample's truth, and of what is said of a model's answers
_PACKED = 0.5  # bytes that one of an answer's takes
_OVERREAD = 1.3  # more than fit, since estimates are rough

HOW = (
    "drawn with seed {seed}, the same number from each split and kind of control in turn: those with failures first "
    "(for up to half of the room), then probed ones, then others; a control brings its base pair"
)


def choose(
    samples: Sequence[Mapping[str, Any]],
    failed: Collection[str],
    probed: Collection[str],
    fits: Callable[[str, float], bool],
    seed: int,
) -> list[str]:
    """The ids of the chosen samples, in the order of choice.

    `samples` have sample_id, split, control and base_sample_id; `failed` and `probed` are ids. `fits` takes a sample if
    it fits into a fraction of the room, and says whether it did.
    """
    bases = {row["sample_id"]: row["base_sample_id"] for row in samples}
    drawn = random.Random(seed).sample(sorted(bases), len(bases))
    place = {sample_id: number for number, sample_id in enumerate(drawn)}
    in_order = sorted(samples, key=lambda row: place.get(row["base_sample_id"], place[row["sample_id"]]))
    chosen: dict[str, None] = {}
    rounds: list[tuple[Callable[[str], bool], float]] = [
        (failed.__contains__, FAILED_FRACTION),
        (lambda one: one in probed and one not in failed, 1.0),
        (lambda one: one not in probed and one not in failed, 1.0),
        (failed.__contains__, 1.0),
    ]
    for is_wanted, fraction in rounds:
        for sample_id in _in_turn(row for row in in_order if is_wanted(row["sample_id"])):
            base = bases[sample_id]
            if base in bases and base not in chosen and fits(base, fraction):
                chosen[base] = None
            if sample_id not in chosen and (base not in bases or base in chosen) and fits(sample_id, fraction):
                chosen[sample_id] = None
    return list(chosen)


def _in_turn(samples: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The ids of samples, taken from each split and kind of control in turn; pairs of the dataset before controls."""
    groups: dict[tuple[bool, str, str], list[str]] = {}
    for row in samples:
        groups.setdefault((is_control(row), row["split"], row["control"]), []).append(row["sample_id"])
    ordered = [groups[key] for key in sorted(groups)]
    yield from (one for one in chain.from_iterable(zip_longest(*ordered)) if one is not None)


def candidates(
    paths: ResultPaths,
    models: Iterable[str],
    judges: Iterable[str],
    keys: Sequence[Mapping[str, Any]],
    budget: int,
    seed: int,
) -> list[str]:
    """The ids of samples in the order in which they are tried, about as many as fit into `budget` bytes.

    `keys` are the samples as for `choose`. Sizes are estimates.
    """
    sizes = {row["sample_id"]: float(_PAIR_BYTES) for row in keys}
    failed: set[str] = set()
    probed: set[str] = set()
    for model in models:
        for one, size in _text_bytes(paths.responses(model)):
            sizes[one] = sizes.get(one, 0) + _RECORD_BYTES / 2 + _PACKED * size
        failed |= _failed(paths, model, judges)
        probed |= probed_samples(TokenActivationMap.path_in(paths.probes(model)))
    used = 0.0

    def fits(sample_id: str, fraction: float) -> bool:
        nonlocal used
        if used + sizes[sample_id] > _OVERREAD * fraction * budget:
            return False
        used += sizes[sample_id]
        return True

    return choose(keys, failed, probed, fits, seed)


def _text_bytes(path: Path) -> Iterator[tuple[str, int]]:
    """How long the answers about each sample are."""
    table = read_table(path, RESPONSES, ["sample_id", "response_text", "reasoning_text"])
    for name in ("response_text", "reasoning_text"):
        lengths: Any = pc.binary_length(table[name])
        of_samples = table.select(["sample_id"]).append_column("bytes", lengths).group_by("sample_id")
        found = of_samples.aggregate([("bytes", "sum")])
        for one, size in zip(found["sample_id"].to_pylist(), found["bytes_sum"].to_pylist(), strict=True):
            yield str(one), size or 0


def _failed(paths: ResultPaths, model: str, judges: Iterable[str]) -> set[str]:
    """The samples about which an answer of the model failed, cannot be parsed, or was left unscored by a judge."""
    parsed = read_table(paths.parsed(model), PARSED, ["sample_id", "parse_status", "failure"])
    has_failed = (pc.field("parse_status") == "failed") | pc.field("failure").isin(["model", "transport"])
    found = _ids(parsed.filter(has_failed))
    for judge in judges:
        path = paths.judgements(judge, model)
        if path.exists():
            judged = read_table(path, JUDGEMENTS, ["sample_id", "status"])
            found |= _ids(judged.filter(pc.starts_with(pc.field("status"), "unscored")))
    return found


def _ids(table: pa.Table) -> set[str]:
    return set(map(str, table["sample_id"].unique().to_pylist()))
