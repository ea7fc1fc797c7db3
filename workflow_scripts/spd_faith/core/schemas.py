"""The tables that pass between the stages, declared once.

Every table but `IMAGES` has exactly one row per key of the table that it was made from; a failure is a row with a
status. A field that may be null says so with `nullable=True`, which is pyarrow's default; `_required` marks the rest.
"""

import pyarrow as pa

TASKS = ("describe", "same", "different")
METRICS = ("drf", "cr")  # the two that need a judge


def _required(name: str, kind: pa.DataType) -> pa.Field:
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
        _required("control", pa.string()),  # none, identical, blind, swapped
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

# ---- probes: float32 measures; where there are none, one row without a layer says why --------------------------------

PROBE_STATUSES = (
    "ok",
    "no_answer",  # no tokens: a failed answer, or one made elsewhere
    "unsupported",  # the model lacks what the probe measures
    "no_boxes",  # no difference of the sample has a box
    "failed",  # see `error`
)


def _probe(*fields: pa.Field) -> pa.Schema:
    return pa.schema(
        [
            _required("sample_id", pa.string()),
            *fields,
            _required("dtype", pa.string()),  # number format of the model's weights and activations
            pa.field("greedy_agreement", pa.float32()),  # share of the answer's tokens that the pass would choose too
            _required("status", pa.string()),
            pa.field("error", pa.string()),
        ]
    )


def _measures(*names: str) -> list[pa.Field]:
    return [pa.field(name, pa.float32()) for name in names]


_TASK = _required("task", pa.string())
_LAYER = pa.field("layer", pa.int32())  # 0 is the first

PROBE_LAYER_CHANGES = _probe(
    _TASK,
    _LAYER,
    *_measures("attention_change", "ffn_change"),  # L2 norms
    *_measures("attention_relative", "ffn_relative"),  # over the norm of the state before
    *_measures("attention_cosine", "ffn_cosine"),  # of the states before and after
    *_measures("kl_attention_ffn"),
)

PROBE_GENERATION_ATTENTION = _probe(
    _TASK,
    _LAYER,
    pa.field("token", pa.int32()),  # 0 is the answer's first
    pa.field("token_id", pa.int32()),
    # shares that add up to 1; picture_2 is null where the pictures are merged
    *_measures("sink", "system", "picture_1", "picture_2", "user", "answer"),
    *_measures("published_system", "published_visual", "published_user"),  # without the answer, adding up to 1
)

PROBE_NEURON_ACTIVATION = _probe(_TASK, _LAYER, *_measures("active_share", "active_share_of_sum"))

PROBE_HIDDEN_SIMILARITY = _probe(
    _LAYER,
    *_measures("cosine", "cosine_prompt"),  # of the mean answer states, of the last states of the prompts
    *_measures("cosine_centred"),  # of the mean answer states less their mean over samples; null for one sample
    *(
        field
        for form in ("simple", "relative", "original")
        for field in _measures(*(f"icr_{form}_{of}" for of in ("same", "different", "divergence")))
    ),
    *_measures("score"),  # cosine × (1 − min(divergence of the simple form, 1))
)

GROUP_REASONS = (
    "answer_label",  # a label that came with the answer, which wins over
    "sample_label",  # one that came with the sample, which wins over
    "drf",
    "drf_between",  # neither faithful nor unfaithful
    "drf_unscored",
    "verdicts",
    "verdict_unclear",  # one of the two, or missing
    "control",
)

PROBE_GROUPS = pa.schema(
    [
        _required("sample_id", pa.string()),
        _required("contrast", pa.string()),  # faithfulness, consistency
        _required("split", pa.string()),  # with n_gt the stratum
        _required("n_gt", pa.int32()),
        pa.field("group", pa.string()),  # null: left out
        _required("reason", pa.string()),
    ]
)

CONTRAST_STATUSES = (
    "ok",
    "small_group",  # under 8 samples: no p-value
    "not_comparable",  # no stratum holds samples of both groups
    "no_measurements",
)

PROBE_CONTRASTS = pa.schema(
    [
        _required("contrast", pa.string()),
        _required("group", pa.string()),  # unfaithful, contradictory
        _required("reference", pa.string()),  # faithful, consistent
        _required("probe", pa.string()),  # or answer_length
        pa.field("task", pa.string()),  # null where a measure is of two answers
        _required("measure", pa.string()),
        _LAYER,
        _required("n_group", pa.int32()),  # samples that have the measure
        _required("n_reference", pa.int32()),
        _required("n_compared", pa.int32()),  # of both, in strata that hold both
        pa.field("mean_group", pa.float64()),
        pa.field("mean_reference", pa.float64()),
        pa.field("difference", pa.float64()),  # group − reference within strata
        pa.field("hedges_g", pa.float64()),  # null where the measure does not vary within groups
        pa.field("p_value", pa.float64()),
        pa.field("q_value", pa.float64()),  # over all layers and measures of the contrast; null for answer_length
        _required("status", pa.string()),
    ]
)

_SHARES = [_required(axis, pa.float32()) for axis in ("x", "y", "w", "h")]

RASTER = pa.struct(  # image tokens of one picture that the model was shown, row by row
    [
        _required("first", pa.int32()),  # which image token of the prompt is the top left one
        _required("rows", pa.int32()),
        _required("columns", pa.int32()),
        # where the pair's first picture (0) and second (1) lie on it, as shares of its width and height
        _required("pictures", pa.list_(pa.struct([_required("picture", pa.int32()), *_SHARES]))),
    ]
)

PROBE_TOKEN_ACTIVATION_MAP = _probe(
    _TASK,
    pa.field("token", pa.int32()),  # 0 is the answer's first
    pa.field("token_id", pa.int32()),
    pa.field("word", pa.string()),  # the content word that the token belongs to; null for other tokens
    # of content words where the sample has boxes: whether the map's maximum lies in one (of several as high, the
    # share), and the share of image tokens that do
    *_measures("hit", "chance"),
    pa.field("map", pa.list_(pa.float16())),  # 0 … 1 at each image token
    pa.field("rasters", pa.list_(RASTER)),  # where the image tokens lie
)

GROUNDING_BASELINES = ("random", "unchanged", "other_sample")

PROBE_GROUNDING = _probe(
    _TASK,
    _LAYER,
    pa.field("content_tokens", pa.int32()),  # that are averaged over; 0: an answer without content words, all tokens
    # density on the true boxes, and on the baselines' boxes: 1 is that of all image tokens; then the ratios
    *_measures("attention_true", *(f"attention_{name}" for name in GROUNDING_BASELINES)),
    *_measures(*(f"attention_over_{name}" for name in GROUNDING_BASELINES)),
    # the same of the token activation maps, which are of the last layer and null in others' rows
    *_measures("tam_true", *(f"tam_{name}" for name in GROUNDING_BASELINES)),
    *_measures(*(f"tam_over_{name}" for name in GROUNDING_BASELINES)),
    *_measures("tam_hit", "tam_chance"),  # mean over the tokens of content words
)

PROBES = {
    "layer_changes": PROBE_LAYER_CHANGES,
    "generation_attention": PROBE_GENERATION_ATTENTION,
    "neuron_activation": PROBE_NEURON_ACTIVATION,
    "hidden_similarity": PROBE_HIDDEN_SIMILARITY,
    "token_activation_map": PROBE_TOKEN_ACTIVATION_MAP,
    "grounding": PROBE_GROUNDING,
}

# On the leaderboard, of the answers to "how many differences?", and the probe that each is from. Beside each its 95%
# interval (_low, _high) and the number of samples behind it (_n): null where the probe was not run, 0 where it measured
# nothing. docs/probes.md has the formulas.
PROBE_SUMMARIES = {
    "visual_attention": "generation_attention",  # share of attention on the pictures
    "visual_slope": "generation_attention",  # change of that share from the answer's first token to its last
    "grounding_ratio": "grounding",  # density of attention on the true boxes over that on other samples' boxes
    "grounding_over_random": "grounding",
    "grounding_over_unchanged": "grounding",
    "ffn_drift": "layer_changes",  # how far a layer's feed-forward network moves a state, over its norm
    "tam_hit": "token_activation_map",  # share of content words' maps whose maximum lies in a true box
    "tam_chance": "token_activation_map",  # share of image tokens that do
}
