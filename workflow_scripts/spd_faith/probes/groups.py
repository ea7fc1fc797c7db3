"""The group of each sample of a model: faithful or unfaithful reasoning, consistent or contradictory verdicts."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa

from spd_faith.core.controls import is_control
from spd_faith.core.errors import UserError
from spd_faith.core.files import check_keys
from spd_faith.core.schemas import TASKS, keyed, one_of
from spd_faith.probes.tables import required

if TYPE_CHECKING:
    import pandas as pd

GROUP_REASONS = (
    "answer_label",  # a label that came with the answer; overrides sample_label
    "sample_label",  # a label that came with the sample; overrides drf
    "drf",
    "drf_between",  # neither faithful nor unfaithful
    "drf_unscored",
    "verdicts",
    "verdict_unclear",  # at least one is unclear, missing or in a language that cannot be read
    "comparison_label",  # a label of probe.py --comparison_result; overrides verdicts
    "control",
)

PROBE_GROUPS = keyed(
    ("sample_id", "contrast"),
    [
        required("sample_id", pa.string()),
        one_of("contrast", ("faithfulness", "consistency")),
        required("split", pa.string()),  # with n_gt the stratum
        required("n_gt", pa.int32()),
        pa.field("group", pa.string()),  # null: left out
        one_of("reason", GROUP_REASONS),
    ],
)


@dataclass(frozen=True)
class Contrast:
    """A group of samples, its reference group, and the answers that are compared."""

    name: str
    group: str
    reference: str
    tasks: tuple[str, ...]


FAITHFULNESS = Contrast("faithfulness", "unfaithful", "faithful", ("describe",))
CONSISTENCY = Contrast("consistency", "contradictory", "consistent", ("same", "different"))
CONTRASTS = (FAITHFULNESS, CONSISTENCY)


def sample_groups(
    samples: pa.Table,
    parsed: pa.Table,
    responses: pa.Table,
    scores: pa.Table,
    faithful_at_least: float,
    unfaithful_at_most: float,
) -> list[dict[str, Any]]:
    """A row of PROBE_GROUPS for each sample and contrast, in the order of the samples.

    The tables are those of one model, in their schemas. A label of the answer overrides one of the sample, which
    overrides DRF. Raises `UserError` if a table is not about these samples or the two bounds overlap.
    """
    if not 0 <= unfaithful_at_most < faithful_at_least <= 1:
        raise UserError(
            f"faithful_at_least is {faithful_at_least} and unfaithful_at_most is {unfaithful_at_most}: the second must"
            " be less than the first, both from 0 to 1. Change probes.faithful_at_least or probes.unfaithful_at_most."
        )
    sample_ids = cast(list[str], samples["sample_id"].to_pylist())
    check_keys("the scores", scores["sample_id"].to_pylist(), sample_ids)
    for what, table in (("the parsed answers", parsed), ("the responses", responses)):
        answers = zip(table["sample_id"].to_pylist(), table["task"].to_pylist(), strict=True)
        check_keys(what, answers, [(sample_id, task) for sample_id in sample_ids for task in TASKS])
    labels = dict(zip(sample_ids, samples["is_faithful"].to_pylist(), strict=True))
    answer_labels = _by_task(responses, "is_faithful")["describe"]
    verdicts = _by_task(parsed, "verdict")
    scored = {
        row["sample_id"]: row for row in scores.select(["sample_id", "split", "n_gt", "control", "drf"]).to_pylist()
    }

    rows = []
    found: dict[Contrast, tuple[str | None, str]]
    for sample_id in sample_ids:
        score = scored[sample_id]
        if is_control(score):
            found = dict.fromkeys(CONTRASTS, (None, "control"))
        else:
            label, source = answer_labels[sample_id], "answer_label"
            if label is None:
                label, source = labels[sample_id], "sample_label"
            if label is None:
                faithfulness = _by_drf(score["drf"], faithful_at_least, unfaithful_at_most)
            else:
                faithfulness = (FAITHFULNESS.reference if label else FAITHFULNESS.group, source)
            consistency = _by_verdicts(*(verdicts[task][sample_id] for task in CONSISTENCY.tasks))
            found = {FAITHFULNESS: faithfulness, CONSISTENCY: consistency}
        keys = {"sample_id": sample_id, "split": score["split"], "n_gt": score["n_gt"]}
        for contrast, (group, reason) in found.items():
            rows.append(keys | {"contrast": contrast.name, "group": group, "reason": reason})
    return rows


def _by_task(table: pa.Table, column: str) -> dict[str, dict[str, Any]]:
    frame = table.select(["task", "sample_id", column]).to_pandas().astype(object)
    frame = frame.where(frame.notna(), None)
    return {str(task): dict(zip(rows["sample_id"], rows[column], strict=True)) for task, rows in frame.groupby("task")}


def _by_drf(drf: float | None, faithful_at_least: float, unfaithful_at_most: float) -> tuple[str | None, str]:
    if drf is None:
        return None, "drf_unscored"
    if drf >= faithful_at_least:
        return FAITHFULNESS.reference, "drf"
    if drf <= unfaithful_at_most:
        return FAITHFULNESS.group, "drf"
    return None, "drf_between"


def _by_verdicts(same: str | None, different: str | None) -> tuple[str | None, str]:
    if not {same, different} <= {"differs", "same"}:
        return None, "verdict_unclear"
    return CONSISTENCY.reference if same == different else CONSISTENCY.group, "verdicts"


def members(groups: "pd.DataFrame", contrast: Contrast) -> "pd.DataFrame":
    """The samples of the two groups: `group`, `split` and `n_gt`, indexed by sample_id in ascending order."""
    rows = groups[(groups["contrast"] == contrast.name) & groups["group"].notna()]
    return rows.set_index("sample_id")[["group", "split", "n_gt"]].sort_index()
