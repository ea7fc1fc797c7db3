"""Schemas of the tables that the stages exchange.

Every table except `IMAGES` has exactly one row per key of its input table; a failure is a row with a status. Fields are
nullable by pyarrow's default, unless declared with `_required`. A column with few possible values is declared with
them (`one_of`), and a table with its key (`keyed`): `read_table` checks both.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from spd_faith.core.difference_types import DifferenceType

TASKS = ("describe", "same", "different")
TASKS_OF = {"drf": ("describe",), "cr": ("same", "different")}
"""The metrics that need a judge, with the tasks whose answers are judged."""
JUDGED_METRICS = tuple(TASKS_OF)


def _required(name: str, kind: pa.DataType) -> "pa.Field[Any]":
    return pa.field(name, kind, nullable=False)


ONE_OF, KEY = b"one_of", b"key"  # in the metadata of a field and of a schema


def one_of(name: str, values: Iterable[str], nullable: bool = False) -> "pa.Field[Any]":
    """A text column with these values; one that ends in a colon stands for all that begin with it."""
    return pa.field(name, pa.string(), nullable, metadata={ONE_OF: json.dumps(list(values))})


def keyed(key: Sequence[str], fields: Iterable["pa.Field[Any]"]) -> pa.Schema:
    """A schema whose columns `key` identify a row."""
    return pa.schema(list(fields), metadata={KEY: json.dumps(list(key))})


BOX = pa.struct([_required(axis, pa.float32()) for axis in ("x", "y", "w", "h")])  # pixels: top left corner and size

DIFFERENCE = pa.struct(
    [
        one_of("type", DifferenceType),
        _required("category", pa.string()),
        pa.field("description", pa.string()),
        pa.field("bbox", BOX),  # in the original image
        pa.field("bbox_after", BOX),  # in the modified image, if the object is still there
    ]
)

CONTROL_NAMES = ("identical", "blind", "swapped", "undone", "null_paste")  # the kinds of dataset/control_kinds.py

SAMPLES = keyed(
    ("sample_id",),
    [
        _required("sample_id", pa.string()),  # {split}/{row:05d}_{image_id}
        _required("split", pa.string()),
        _required("image_id", pa.string()),  # not unique: the bootstrap resamples by it
        _required("width", pa.int32()),
        _required("height", pa.int32()),
        _required("num_differences", pa.int32()),
        _required("differences", pa.list_(DIFFERENCE)),
        pa.field("unchanged", pa.list_(pa.struct([_required("category", pa.string()), _required("bbox", BOX)]))),
        pa.field("question", pa.string()),
        pa.field("is_faithful", pa.bool_()),
        one_of("control", ("none", *CONTROL_NAMES)),
        pa.field("base_sample_id", pa.string()),  # of a control: the pair that it is made from
        pa.field("undone_difference", pa.int32()),  # of the kind undone: index in the base pair's differences
    ],
)

IMAGES = keyed(
    ("sample_id",),
    [
        _required("sample_id", pa.string()),
        _required("original", pa.binary()),  # encoded bytes, as published
        _required("modified", pa.binary()),
        pa.field("merged", pa.binary()),
        _required("original_sha256", pa.string()),
        _required("modified_sha256", pa.string()),
        pa.field("merged_sha256", pa.string()),
    ],
)

OUTSIDE = "outside"
EMPTY_BOX = "empty_box"
MISSING_BOX = "missing_box"
UNEQUAL_SIZES = "unequal_sizes"
UNREADABLE = "unreadable"
FAULTS = (OUTSIDE, EMPTY_BOX, MISSING_BOX, UNEQUAL_SIZES, UNREADABLE)
"""Flags of pairs whose truth does not fit their images, or cannot be checked."""
SECOND_PLACE_UNKNOWN = "second_place_unknown"
REMARKS = (SECOND_PLACE_UNKNOWN,)
"""Flags that are no faults."""

AUDIT = keyed(
    ("sample_id",),
    [
        _required("sample_id", pa.string()),  # of every pair that is no control
        _required("equal_size", pa.bool_()),
        pa.field("noise", pa.float64()),  # grey levels; null if the images were not compared, as the next
        pa.field("outside", pa.int64()),  # pixels that differ outside the boxes
        _required("empty_boxes", pa.list_(pa.int32())),  # indices of differences in whose boxes nothing differs
        _required("missing_boxes", pa.list_(pa.int32())),  # indices of differences without a box
        _required("flags", pa.list_(one_of("flag", (*FAULTS, *REMARKS)))),
    ],
)

FAILURES = ("model", "transport", "not_asked")
"""Why there is no answer: the model gave none (scores 0), no server replied after all attempts, or nobody asked."""

UNANSWERED = ("transport", "not_asked")
"""The failures that are nobody's answer: they are null in all metrics."""

UNSUPPORTED = "unsupported: "
"""Begins the `error` of questions that were not asked because the model has no place for its intervention."""

RESPONSES = keyed(
    ("sample_id", "task"),
    [
        _required("sample_id", pa.string()),
        one_of("task", TASKS),
        _required("prompt_sha", pa.string()),  # empty for imported answers
        _required("response_text", pa.string()),  # without reasoning; empty after an error
        pa.field("reasoning_text", pa.string()),
        pa.field("response_token_ids", pa.list_(pa.int32())),
        _required("finish_reason", pa.string()),  # as in inference/answers.py
        pa.field("prompt_tokens", pa.int32()),
        pa.field("generated_tokens", pa.int32()),
        _required("seconds", pa.float64()),  # time of the batch divided by its size
        pa.field("usd", pa.float64()),
        _required("attempts", pa.int32()),
        pa.field("dtype", pa.string()),
        pa.field("batch_size", pa.int32()),
        pa.field("pixel_backend", pa.string()),
        one_of("failure", FAILURES, nullable=True),  # null for an answer
        pa.field("error", pa.string()),  # why there is no answer; with the words of a withheld one
        pa.field("is_faithful", pa.bool_()),  # label imported with the answer
    ],
)

PARSE_STATUSES = ("json", "repaired", "free_text", "empty", "failed", "no_response")
VERDICTS = ("differs", "same", "unclear")

PARSED = keyed(
    ("sample_id", "task"),
    [
        _required("sample_id", pa.string()),
        one_of("task", TASKS),
        one_of("parse_status", PARSE_STATUSES),
        one_of("failure", FAILURES, nullable=True),  # as in RESPONSES
        _required("has_structured_output", pa.bool_()),
        pa.field("predicted_num", pa.int32()),  # null if no possible count is stated
        _required("listed_num", pa.int32()),
        _required(
            "differences",
            pa.list_(pa.struct([(name, pa.string()) for name in ("type", "category", "raw_type", "raw_category")])),
        ),
        # of yes/no tasks; null in a language that is not read and without answer
        one_of("verdict", VERDICTS, nullable=True),
        pa.field("language", pa.string()),  # of the prose: en if it is read, else a code or script; null without prose
    ],
)

CLAIM_LABELS = {
    "drf": ("faithful", "unfaithful", "unverifiable"),
    "cr": ("consistent", "contradictory", "ambiguous"),
}
INVENTED = "invented"  # label of a claim that the answer does not contain; excluded from all scores
ERROR_TYPES = ("type_category_mismatch", "type_confusion", "attribute_error", "fabrication")
UNJUDGED = ("no_answer", "not_asked")  # there was no answer to judge, or none was asked for
JUDGEMENT_STATUSES = ("ok", "no_claims", *UNJUDGED, "unscored:")  # the last with its reason
SEVERITIES = ("critical", "moderate", "minor")

JUDGEMENTS = keyed(
    ("sample_id", "metric"),
    [
        _required("sample_id", pa.string()),
        one_of("metric", JUDGED_METRICS),
        _required(
            "claims",
            pa.list_(
                pa.struct(
                    [
                        _required("text", pa.string()),
                        pa.field("other_text", pa.string()),  # cr: the quote from the other answer
                        one_of("label", (*(label for labels in CLAIM_LABELS.values() for label in labels), INVENTED)),
                        one_of("error_type", ERROR_TYPES, nullable=True),
                        one_of("severity", SEVERITIES, nullable=True),
                        # if an answer is judged repeatedly, over the judgements that list the claim: the fraction that
                        # label it faithful or consistent, and the standard deviation
                        pa.field("mean", pa.float64()),
                        pa.field("spread", pa.float64()),
                    ]
                )
            ),
        ),
        *(_required(f"n_{label}", pa.int32()) for labels in CLAIM_LABELS.values() for label in labels),
        _required(f"n_{INVENTED}", pa.int32()),
        pa.field("score", pa.float64()),  # recomputed from the counts; null if unscored
        pa.field("judge_score", pa.float64()),  # as stated by the judge
        pa.field("score_spread", pa.float64()),  # standard deviation over repeated judgements of the answer
        _required("judge_model", pa.string()),  # as reported by the endpoint
        # the columns from here on, except cut_characters and status, are null for offline judges
        pa.field("prompt_sha", pa.string()),
        pa.field("question_sha", pa.string()),  # identifies the request; identical requests are paid for once
        pa.field("cut_characters", pa.int32()),  # characters of the answer that the judge was not shown
        pa.field("calls", pa.int32()),  # number of replies; the next columns are sums over them
        pa.field("prompt_tokens", pa.int32()),
        pa.field("generated_tokens", pa.int32()),
        pa.field("usd", pa.float64()),
        pa.field("seconds", pa.float64()),  # without waiting and failed attempts
        pa.field("attempts", pa.int32()),
        one_of("status", JUDGEMENT_STATUSES),
    ],
)
