"""Groups of samples without scores from earlier stages: parse their answers, judge them by `rules` and score them."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from spd_faith.core.schemas import JUDGEMENTS
from spd_faith.judging.rules import judge_samples
from spd_faith.parsing.table import parse_table
from spd_faith.probes.groups import sample_groups
from spd_faith.scoring.samples import score_table
from spd_faith.scoring.tables import SCORES


def groups_by_rules(samples: pa.Table, responses: pa.Table, **bounds: float) -> list[dict[str, Any]]:
    """Rows of PROBE_GROUPS from `SAMPLES` and `RESPONSES`; `bounds` as for `sample_groups`.

    DRF is unscored if there is nothing to judge: the truth of the pair is unknown, or the file of answers has no
    description of its differences. Neither is a failure of the model.
    """
    parsed = parse_table(responses)
    judgements = pa.Table.from_pylist(judge_samples(samples, responses, parsed), schema=JUDGEMENTS)
    scores = score_table(samples, parsed, judgements)
    unknown = pc.equal(scores["n_gt"], pa.scalar(0, pa.int32()))
    drf = pc.if_else(unknown, pa.scalar(None, pa.float64()), scores["drf"])
    scores = scores.set_column(scores.column_names.index("drf"), SCORES.field("drf"), drf)
    return sample_groups(samples, parsed, responses, scores, **bounds)
