"""The table of contrasts."""

import pyarrow as pa

from spd_faith.core.schemas import keyed, one_of
from spd_faith.probes.tables import LAYER, required

DISCOVERY = 0.05  # false discovery rate up to which a difference is a discovery
ANSWER_LENGTH = "answer_length"  # listed beside the probes: a confounder of every other measure

CONTRAST_STATUSES = (
    "ok",
    "small_group",  # under 8 samples: no p-value
    "not_comparable",  # no stratum has samples of both groups
    "no_measurements",
)

PROBE_CONTRASTS = keyed(
    ("contrast", "probe", "task", "measure", "layer"),
    [
        required("contrast", pa.string()),
        required("group", pa.string()),  # unfaithful, contradictory
        required("reference", pa.string()),  # faithful, consistent
        required("probe", pa.string()),  # or answer_length
        pa.field("task", pa.string()),  # null for a measure of two answers, or of a probe of one task
        required("measure", pa.string()),
        LAYER,  # null for a measure without layers
        required("n_group", pa.int32()),  # samples that have the measure
        required("n_reference", pa.int32()),
        required("n_compared", pa.int32()),  # of both groups, in strata that have both
        pa.field("mean_group", pa.float64()),
        pa.field("mean_reference", pa.float64()),
        pa.field("difference", pa.float64()),  # group − reference within strata
        pa.field("hedges_g", pa.float64()),  # null if the measure does not vary within groups
        pa.field("p_value", pa.float64()),
        pa.field("q_value", pa.float64()),  # over all layers and measures of the contrast; null for answer_length
        one_of("status", CONTRAST_STATUSES),
    ],
)
