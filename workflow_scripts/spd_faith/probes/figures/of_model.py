"""All figures of a model's probes: how they are drawn and written."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from spd_faith.core.errors import UserError
from spd_faith.core.files import read_table, write_text
from spd_faith.probes.figure_catalogue import declared_figures, heading
from spd_faith.probes.figures.contact_sheet import Tile, write_contact_sheet
from spd_faith.probes.figures.declared import Draw, ModelResults, ProbeResults
from spd_faith.probes.figures.drawing import Drawing, save
from spd_faith.probes.figures.effects import effect_sizes
from spd_faith.probes.figures.interventions import benefit_and_cost
from spd_faith.probes.groups import CONTRASTS
from spd_faith.probes.probe import Probe
from spd_faith.probes.registry import PROBES

CONTACT_SHEET = "contact_sheet.png"
NOT_DRAWN = "not_drawn.txt"
"""Lists the figures that could not be drawn, each with its reason; absent if all were drawn."""

_DECLARED = declared_figures(PROBES.values(), has_variants=True)

log = logging.getLogger(__name__)


def all_drawings(results: ModelResults, probes: Iterable[type[Probe]]) -> dict[str, Drawing]:
    """Functions that draw each figure of the probes and of the interventions, by the figure's name.

    Raises `UserError` if a table is missing or has another schema, or if the named sample was not probed.
    """
    chosen = list(probes)
    for probe in chosen:
        read_table(
            probe.path_in(results.probes), probe.schema, columns=["sample_id"]
        )  # fail before the first figure is drawn
    sources = [
        (figures, ProbeResults(results, probe, figures.read)) for probe in chosen if (figures := probe.figures())
    ]
    pages: dict[str, Draw] = {}
    for figures, source in sources:
        pages |= figures.of_model(source)
    for contrast in CONTRASTS:
        for figures, source in sources:
            drawn = figures.of_contrast(source, contrast)
            pages |= {f"{name}_{contrast.name}": draw for name, draw in drawn.items()}
        if any(probe.contrasted and probe.contrasted_by_layer for probe in chosen):
            name = f"effect_sizes_{contrast.name}"
            pages[name] = partial(effect_sizes, results.contrasts, contrast)
    if results.interventions is not None:
        pages["interventions"] = partial(benefit_and_cost, results.interventions)
    drawings: dict[str, Drawing] = {name: partial(_one_page, draw) for name, draw in pages.items()}
    for figures, source in sources:
        drawings |= figures.of_answers(source)
    return drawings


def _headed(pages: Iterable[Figure], heading: str) -> Iterator[Figure]:
    """The pages with the heading as their label, which is not drawn."""
    for figure in pages:
        figure.set_label(heading)
        yield figure


def _one_page(draw: Draw) -> Iterator[Figure]:
    yield draw()


def write_figures(
    drawings: Mapping[str, Drawing],
    folder: Path,
    advance: Callable[[int], Any],
    also: Callable[[Figure], None] | None = None,
) -> dict[str, str]:
    """Write the figures (`write_each`), contact_sheet.png with all of them, and a list of those that failed."""
    failures = write_each(drawings, folder, advance, also)
    drawn = [Tile(folder / f"{name}.png", heading(name, _DECLARED)) for name in drawings if name not in failures]
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
    """Write each figure as PDF and PNG under its name; `advance` gets 1 for each figure, `also` each page.

    A figure that cannot be drawn does not stop the others: it is logged and returned with its reason. Raises
    `UserError` if none could be drawn; write errors, such as a full disk, are raised unchanged.
    """
    failures = {}
    for name, draw in drawings.items():
        try:
            save(_headed(draw(), heading(name, _DECLARED)), folder / name, also)
        except (OSError, UserError):
            raise
        except Exception as error:  # any kind: the other figures do not depend on it
            log.exception("%s was not drawn:", name)
            failures[name] = " ".join(f"{type(error).__name__}: {error}".split())
        advance(1)
    if len(failures) == len(drawings):
        raise UserError(f"{folder}: none of {len(drawings)} figures could be drawn; see the log above")
    return failures
