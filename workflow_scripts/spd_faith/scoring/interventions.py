"""What interventions change: each variant and placebo minus its base, and each variant minus its placebos.

These comparisons, and only these, are one family of Holm's correction per judge and metric, apart from that of the
ranked models (docs/statistics.md, "Interventions").
"""

import pyarrow as pa

from spd_faith.scoring.metrics import HEADLINE_AND_OVERALL
from spd_faith.scoring.tables import schema_of

PERCEPTION = ("tf1", "cf1", "dqr", "ds")
"""The metrics that say what a model sees."""
SAID = ("drf_claims", "listed")
"""The metrics that say how much a model says."""
COMPARED = (*HEADLINE_AND_OVERALL, *SAID)

INTERVENTIONS_SCHEMA = schema_of(
    judge=pa.string(),
    judge_label=pa.string(),
    base=pa.string(),  # key of the model that is changed; null if it is not in the run
    model=pa.string(),  # a variant or a placebo
    label=pa.string(),
    role=pa.string(),  # of `model`: variant or placebo
    other_model=pa.string(),
    other_label=pa.string(),
    against=pa.string(),  # what `other_model` is: base or placebo
    metric=pa.string(),  # one of COMPARED
    n=pa.int64(),  # samples that the metric scores for both
    difference=pa.float64(),  # model − other model, over those; null if not defined
    low=pa.float64(),  # 95% interval; with p null if few clusters are scored for both
    high=pa.float64(),
    p=pa.float64(),
    p_holm=pa.float64(),  # adjusted for all rows of the judge and metric
    seconds_ratio=pa.float64(),  # seconds per answer of `model` over the base's; null if unknown
    probing_ratio=pa.float64(),  # seconds of the job of the probes of `model` over the base's; null if unknown
)
