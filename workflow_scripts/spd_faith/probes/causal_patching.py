"""Probe `causal_patching`: how far what the answer says depends on what the image shows, and where in the model.

*Changed* is the pair as it was asked about, *undone* the same pair with one difference undone. Both are read with the
answer to the changed pair. The image effect E of a difference is log p(changed) − log p(undone) of the claim that names
it. Then states of image tokens are copied from one run into the other, layer by layer: the share of E that this moves
says whether what the answer needs is still at these tokens or has been read from them.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pyarrow as pa

from spd_faith.core.difference_types import DifferenceType
from spd_faith.core.schemas import one_of
from spd_faith.probes.patching_shares import EFFECTS, OF_SHARES, first_below, own_curve
from spd_faith.probes.probe import ModelRun, Probe
from spd_faith.probes.summary import TASK, Summary, mean_of
from spd_faith.probes.tables import COPIED, DIFFERENCE, DIRECTION, LAYER, measure_columns, probe_schema

if TYPE_CHECKING:
    from spd_faith.probes.figures.declared import ProbeFigures


class CausalPatching(Probe):
    """A row per sample and difference with the effects, without direction, layer and tokens; and a row per direction,
    layer and set of copied tokens, where layer −1 is the input of the first layer.

    A difference, or one set of tokens, that cannot be measured is one row with the reason; so is a sample.
    """

    name = "causal_patching"
    reads_shared_pass = False
    measures_variants = False
    schema = probe_schema(
        DIFFERENCE,
        DIRECTION,
        LAYER,
        COPIED,
        one_of("type", DifferenceType, nullable=True),
        pa.field("claim_tokens", pa.int32()),  # of the answer, that name the difference
        *measure_columns("log_prob_changed", "log_prob_undone"),  # of these tokens, nats
        # log p(changed) − log p(undone), nats: of the claim, and of other words of the answer; null where not said
        *measure_columns(*EFFECTS),
        # of the claim's log p, signed so that Σ drop / Σ image_effect is the share in both directions
        *measure_columns("drop"),
        pa.field("copied_tokens", pa.int32()),
    )
    contrasted = ("image_effect",)
    contrasted_by_layer = False
    summaries = (
        Summary(
            "image_effect",
            "Image effect",
            "log-probability, in nats, that the claim of a difference loses if the image no longer shows it; with 0 in"
            " its interval, what is said does not measurably depend on the image",
            is_fraction=False,
            columns=("image_effect",),
            parts=mean_of("image_effect"),
            is_null="no difference that can be undone is named",
        ),
        Summary(
            "hand_over_layer",
            "Hand-over layer",
            "first layer after which the image tokens of a difference carry less than half of the image effect (0 is"
            " the first layer, −1 its input); by construction all image tokens carry all of it before the first layer"
            " and none after the last",
            is_fraction=False,
            columns=OF_SHARES,
            parts=own_curve,
            of_curve=first_below,
            is_null="the interval of the image effect holds 0, or no layer is under half",
        ),
    )

    def own_passes(self, of: ModelRun) -> Iterator[pa.Table]:
        from spd_faith.probes.patching.patched_samples import measure_samples

        return (pa.Table.from_pylist(rows, schema=self.schema) for rows in measure_samples(of, TASK))

    @staticmethod
    def figures() -> "ProbeFigures":
        from spd_faith.probes.figures.causal_patching import FIGURES

        return FIGURES
