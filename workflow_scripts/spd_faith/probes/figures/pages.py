"""Several figures as the pages of one PDF."""

from collections.abc import Iterable
from pathlib import Path

from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

from spd_faith.core.files import whole_file
from spd_faith.probes.figures.drawing import styled


@styled  # as a whole: fonts are written when the file is closed
def write_pages(figures: Iterable[Figure], path: Path) -> None:
    with whole_file(path) as part, PdfPages(part, metadata={"CreationDate": None}) as pages:
        for figure in figures:
            pages.savefig(figure)
