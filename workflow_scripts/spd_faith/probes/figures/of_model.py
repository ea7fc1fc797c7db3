"""Which figures a model's probes have, and what draws each."""

import logging
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.figure import Figure

from spd_faith.core.errors import UserError
from spd_faith.core.files import write_text
from spd_faith.probes.figures.attention import attention_by_layer, attention_by_step, attention_of_sample
from spd_faith.probes.figures.contact_sheet import write_contact_sheet
from spd_faith.probes.figures.drawing import Drawing, save
from spd_faith.probes.figures.effects import effect_sizes
from spd_faith.probes.figures.grounding import grounding
from spd_faith.probes.figures.hidden_similarity import hidden_similarity, similarity_and_divergence
from spd_faith.probes.figures.layer_changes import layer_changes
from spd_faith.probes.figures.neuron_activation import neuron_activation
from spd_faith.probes.groups import CONTRASTS, Contrast
from spd_faith.probes.sample_values import sample_values

TASK = "describe"  # whose attention is drawn
CONTACT_SHEET = "contact_sheet.png"
NOT_DRAWN = "not_drawn.txt"
"""Lists the figures that could not be drawn, each with its reason; not there where all were."""

log = logging.getLogger(__name__)


def all_drawings(
    model: str, probes: dict[str, pa.Table], contrasts: pd.DataFrame, groups: pd.DataFrame, sample_id: str | None
) -> dict[str, Drawing]:
    """What draws each figure of the probes whose tables are there, by the figure's name."""

    @cache
    def values(name: str) -> pd.DataFrame:
        return sample_values(probes[name])

    def of_groups(draw: Callable[..., Figure], probe: str, contrast: Contrast) -> Callable[[], Figure]:
        return lambda: draw(model, values(probe), groups, contrast)

    drawings: dict[str, Callable[[], Figure]] = {}
    if "generation_attention" in probes:
        attention = probes["generation_attention"]
        chosen = _chosen_sample(attention, sample_id)
        drawings["attention_by_step"] = partial(attention_by_step, {model: attention}, TASK)
        drawings["attention_by_layer"] = partial(attention_by_layer, model, attention, TASK)
        drawings["attention_of_sample"] = partial(attention_of_sample, model, attention, TASK, chosen)
    if "grounding" in probes:
        drawings["grounding"] = lambda: grounding(model, values("grounding"), TASK)
    for contrast in CONTRASTS:
        for name, (probe, draw) in {
            "layer_changes": ("layer_changes", layer_changes),
            "neuron_activation": ("neuron_activation", partial(neuron_activation, contrasts=contrasts)),
            "hidden_similarity": ("hidden_similarity", hidden_similarity),
            "similarity_and_divergence": ("hidden_similarity", similarity_and_divergence),
        }.items():
            if probe in probes:
                drawings[f"{name}_{contrast.name}"] = of_groups(draw, probe, contrast)
        if probes:
            drawings[f"effect_sizes_{contrast.name}"] = partial(effect_sizes, model, contrasts, contrast)
    return {name: partial(_one_page, draw) for name, draw in drawings.items()}


def _one_page(draw: Callable[[], Figure]) -> Iterator[Figure]:
    yield draw()


def write_figures(
    drawings: Mapping[str, Drawing],
    folder: Path,
    advance: Callable[[int], Any],
    also: Callable[[Figure], None] | None = None,
) -> dict[str, str]:
    """Write the figures as `write_each`, contact_sheet.png of all, and a list of those that could not be drawn."""
    failures = write_each(drawings, folder, advance, also)
    drawn = [folder / f"{name}.png" for name in drawings if name not in failures]
    write_contact_sheet(drawn, folder / CONTACT_SHEET, [f"{name} was not drawn" for name in failures])
    (folder / NOT_DRAWN).unlink(missing_ok=True)
    if failures:
        write_text(folder / NOT_DRAWN, "".join(f"{name}: {why}\n" for name, why in failures.items()))
    return failures


def write_each(
    drawings: Mapping[str, Drawing],
    folder: Path,
    advance: Callable[[int], Any],
    also: Callable[[Figure], None] | None = None,
) -> dict[str, str]:
    """Write each figure as PDF and PNG under its name; `advance` gets 1 for each, `also` each page.

    A figure that cannot be drawn costs no other: it is logged, and returned with its reason. Raises `UserError` where
    not one could be drawn; what cannot be written, such as on a full disk, is raised as it is.
    """
    failures = {}
    for name, draw in drawings.items():
        try:
            save(draw(), folder / name, also)
        except (OSError, UserError):
            raise
        except Exception as error:  # of whatever kind: the others do not depend on it
            log.exception("%s was not drawn:", name)
            failures[name] = " ".join(f"{type(error).__name__}: {error}".split())
        advance(1)
    if len(failures) == len(drawings):
        raise UserError(f"{folder}: not one of {len(drawings)} figures could be drawn; the log above says why")
    return failures


def _chosen_sample(attention: pa.Table, sample_id: str | None) -> str:
    """The named sample, or the first with a measured answer, or else the first."""
    if sample_id is not None:
        if sample_id not in attention["sample_id"].unique().to_pylist():
            raise UserError(f"--sample-id {sample_id}: not among the probed samples")
        return sample_id
    measured = attention.filter(pc.is_valid(attention["layer"]))
    return min((measured if len(measured) else attention)["sample_id"].unique().to_pylist())
