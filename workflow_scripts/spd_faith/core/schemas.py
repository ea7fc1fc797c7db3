"""The tables that pass between the stages, declared once.

Every table but `IMAGES` has exactly one row per key of the table that it was made from; a failure is a row with a
status. A field that may be null says so with `nullable=True`, which is pyarrow's default; `_required` marks the rest.
"""

from typing import Any

import pyarrow as pa

TASKS = ("describe", "same", "different")
JUDGED_METRICS = ("drf", "cr")  # the two that need a judge


def _required(name: str, kind: pa.DataType) -> "pa.Field[Any]":
    return pa.field(name, kind, nullable=False)


BOX = pa.struct([_required(axis, pa.float32()) for axis in ("x", "y", "w", "h")])  # pixels, top left corner and size

DIFFERENCE = pa.struct(
    [
        _required("type", pa.string()),
        _required("category", pa.string()),
        pa.field("description", pa.string()),
        pa.field("bbox", BOX),  # in the original picture
        pa.field("bbox_after", BOX),  # in the modified picture, where the object is still there
    ]
)

SAMPLES = pa.schema(
    [
        _required("sample_id", pa.string()),  # {split}/{row:05d}_{image_id}
        _required("split", pa.string()),
        _required("image_id", pa.string()),  # not unique: the unit that the bootstrap resamples
        _required("width", pa.int32()),
        _required("height", pa.int32()),
        _required("num_differences", pa.int32()),
        _required("differences", pa.list_(DIFFERENCE)),
        pa.field("unchanged", pa.list_(pa.struct([_required("category", pa.string()), _required("bbox", BOX)]))),
        pa.field("question", pa.string()),
        pa.field("is_faithful", pa.bool_()),
        _required("control", pa.string()),  # core/controls.py
        pa.field("base_sample_id", pa.string()),
    ]
)

IMAGES = pa.schema(
    [
        _required("sample_id", pa.string()),
        _required("original", pa.binary()),  # encoded bytes as published
        _required("modified", pa.binary()),
        pa.field("merged", pa.binary()),
        _required("original_sha256", pa.string()),
        _required("modified_sha256", pa.string()),
        pa.field("merged_sha256", pa.string()),
    ]
)

RESPONSES = pa.schema(
    [
        _required("sample_id", pa.string()),
        _required("task", pa.string()),
        _required("prompt_sha", pa.string()),  # empty where the answer was made elsewhere
        _required("response_text", pa.string()),  # without reasoning; empty after an error
        pa.field("reasoning_text", pa.string()),
        pa.field("response_token_ids", pa.list_(pa.int32())),
        _required("finish_reason", pa.string()),  # docs/models.md lists them
        pa.field("prompt_tokens", pa.int32()),
        pa.field("generated_tokens", pa.int32()),
        _required("seconds", pa.float64()),  # the batch's time over its size
        pa.field("usd", pa.float64()),
        _required("attempts", pa.int32()),
        pa.field("dtype", pa.string()),
        pa.field("batch_size", pa.int32()),
        pa.field("pixel_backend", pa.string()),
        pa.field("error", pa.string()),
        pa.field("is_faithful", pa.bool_()),  # a label that came with the answer
    ]
)

PARSE_STATUSES = ("json", "repaired", "free_text", "empty", "failed", "no_response")
VERDICTS = ("differs", "same", "unclear")

PARSED = pa.schema(
    [
        _required("sample_id", pa.string()),
        _required("task", pa.string()),
        _required("parse_status", pa.string()),
        _required("has_structured_output", pa.bool_()),
        pa.field("predicted_num", pa.int32()),  # null where none, or an impossible one, is stated
        _required("listed_num", pa.int32()),
        _required(
            "differences",
            pa.list_(pa.struct([(name, pa.string()) for name in ("type", "category", "raw_type", "raw_category")])),
        ),
        pa.field("verdict", pa.string()),  # of the yes/no tasks; null for describe
    ]
)

CLAIM_LABELS = {
    "drf": ("faithful", "unfaithful", "unverifiable"),
    "cr": ("consistent", "contradictory", "ambiguous"),
}
INVENTED = "invented"  # label of a claim that quotes what the answer does not say; it is in no score
ERROR_TYPES = ("type_category_mismatch", "type_confusion", "attribute_error", "fabrication")
SEVERITIES = ("critical", "moderate", "minor")

JUDGEMENTS = pa.schema(
    [
        _required("sample_id", pa.string()),
        _required("metric", pa.string()),
        _required(
            "claims",
            pa.list_(
                pa.struct(
                    [
                        _required("text", pa.string()),
                        pa.field("other_text", pa.string()),  # cr: the words of the other answer
                        _required("label", pa.string()),  # of CLAIM_LABELS, or INVENTED
                        pa.field("error_type", pa.string()),
                        pa.field("severity", pa.string()),
                        # of an answer judged more than once, over the times that list the claim: how often it is
                        # faithful or consistent, and the standard deviation of that
                        pa.field("mean", pa.float64()),
                        pa.field("spread", pa.float64()),
                    ]
                )
            ),
        ),
        *(_required(f"n_{label}", pa.int32()) for labels in CLAIM_LABELS.values() for label in labels),
        _required(f"n_{INVENTED}", pa.int32()),
        pa.field("score", pa.float64()),  # recomputed from the counts; null where unscored
        pa.field("judge_score", pa.float64()),  # as the judge printed it
        pa.field("score_spread", pa.float64()),  # standard deviation over the times that the answer was judged
        _required("judge_model", pa.string()),  # as the endpoint reports it
        # from here on null where no endpoint was asked
        pa.field("prompt_sha", pa.string()),
        pa.field("question_sha", pa.string()),  # what was asked; of equal ones only the first was paid for
        pa.field("cut_characters", pa.int32()),  # of the answer, that the judge was not shown
        pa.field("calls", pa.int32()),  # replies that the judgement is made of; what follows are sums over them
        pa.field("prompt_tokens", pa.int32()),
        pa.field("generated_tokens", pa.int32()),
        pa.field("usd", pa.float64()),
        pa.field("seconds", pa.float64()),  # without waiting and without attempts that failed
        pa.field("attempts", pa.int32()),
        _required("status", pa.string()),  # ok, no_claims, unscored:<reason>
    ]
)
