"""What probe.py makes of its tables: contrasts, figures, and copies where the flags name files."""

import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from spd_faith.core.config import Probes
from spd_faith.core.files import read_table, whole_file, write_table
from spd_faith.core.progress import progress
from spd_faith.core.schemas import RESPONSES, SAMPLES
from spd_faith.original.probe_pairs import ProbedPairs
from spd_faith.original.probe_settings import ProbeSettings
from spd_faith.original.prompt_facts import PromptFacts
from spd_faith.original.released_json import write_released_json
from spd_faith.probes.groups import CONSISTENCY, CONTRASTS, PROBE_GROUPS, members
from spd_faith.probes.registry import PROBES
from spd_faith.probes.saved_tables import probes_in, read_contrasted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from spd_faith.probes.figures.drawing import Drawing


def present_results(settings: ProbeSettings, probed: ProbedPairs, facts: PromptFacts | None) -> None:
    """Write contrasts, figures and JSON, copy what the flags ask for, and print where everything is."""
    folder = settings.folder
    for name in settings.probes:
        _print_row(name, PROBES[name].path_in(folder))
    if settings.output_file and not settings.writes_one_json:
        _copy(PROBES[settings.probes[0]].path_in(folder), settings.output_file)
    if drawings := _drawings(settings, probed.contradictory):
        _save_figures(drawings, folder / "figures", settings.output_pdf)
    for path in write_released_json(settings, probed, facts):
        _print_row("JSON", path)


def _drawings(settings: ProbeSettings, contradictory: Mapping[str, bool]) -> dict[str, "Drawing"]:
    """The drawing of each figure. Writes groups and contrasts first if a probe has any."""
    from spd_faith.probes.figures.declared import ModelResults
    from spd_faith.probes.figures.of_model import all_drawings

    folder = settings.folder
    groups, contrasts = pd.DataFrame(), pd.DataFrame()
    if contrasted := read_contrasted(folder, settings.probes):
        groups, contrasts = _contrasts(contrasted, folder, contradictory)
    results = ModelResults(
        probes=folder,
        samples=folder / "samples.parquet",
        images=folder / "images.parquet",
        groups=groups,
        contrasts=contrasts,
    )
    return all_drawings(results, probes_in(folder, settings.probes))


def _contrasts(
    probes: dict[str, pa.Table], folder: Path, contradictory: Mapping[str, bool]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write groups and contrasts, print the sizes of the groups, and return both tables.

    For the samples in `contradictory`, that label decides the consistency group, not the verdicts.
    """
    from spd_faith.probes.contrast_table import PROBE_CONTRASTS
    from spd_faith.probes.contrasts import contrast_rows
    from spd_faith.probes.judged_groups import groups_by_rules

    defaults = Probes()
    bounds = {"faithful_at_least": defaults.faithful_at_least, "unfaithful_at_most": defaults.unfaithful_at_most}
    responses = read_table(folder / "responses.parquet", RESPONSES)
    groups = groups_by_rules(read_table(folder / "samples.parquet", SAMPLES), responses, **bounds)
    for row in groups:
        if row["contrast"] == CONSISTENCY.name and (label := contradictory.get(row["sample_id"])) is not None:
            row["group"] = CONSISTENCY.group if label else CONSISTENCY.reference
            row["reason"] = "comparison_label"
    write_table(folder / "groups.parquet", groups, PROBE_GROUPS, bounds)
    grouped = pd.DataFrame(groups)
    drawn = {"permutations": defaults.permutations, "seed": defaults.seed}
    rows = contrast_rows(grouped, probes, responses, **drawn)
    write_table(folder / "contrasts.parquet", rows, PROBE_CONTRASTS, drawn)
    for contrast in CONTRASTS:
        sizes = members(grouped, contrast)["group"].value_counts()
        counts = ", ".join(f"{sizes.get(name, 0)} {name}" for name in (contrast.group, contrast.reference))
        _print_row(contrast.name, f"{counts}, of {grouped['sample_id'].nunique()} samples")
    return grouped, read_table(folder / "contrasts.parquet", PROBE_CONTRASTS).to_pandas()


def _save_figures(drawings: dict[str, "Drawing"], folder: Path, copy: Path | None) -> None:
    """Write the figures; `copy` gets them all: a .pdf with a page for each, or the .png of the contact sheet."""
    from spd_faith.probes.figures.drawing import pdf_pages
    from spd_faith.probes.figures.of_model import CONTACT_SHEET, NOT_DRAWN, write_figures

    pages = copy if copy and copy.suffix.lower() == ".pdf" else None
    with ExitStack() as stack, progress(len(drawings), "Figures", "figure") as bar:
        also = partial(_add_page, stack.enter_context(pdf_pages(pages))) if pages else None
        failures = write_figures(drawings, folder, bar.update, also)
    _print_row("figures", folder / CONTACT_SHEET)
    if failures:
        _print_row("not drawn", f"{len(failures)} of {len(drawings)} figures: {folder / NOT_DRAWN}")
    if pages:
        _print_row("pages", pages)
    elif copy:
        _copy(folder / CONTACT_SHEET, copy)


def _add_page(pdf: Any, figure: "Figure") -> None:
    """Add a figure to a PDF of all of them, with its heading as a note on the page."""
    pdf.attach_note(figure.get_label())
    pdf.savefig(figure)


def _copy(path: Path, to: Path) -> None:
    with whole_file(to) as part:
        shutil.copyfile(path, part)
    _print_row("copy", to)


def _print_row(label: str, value: Any) -> None:
    print(f"{label:<21} {value}")
