"""What figures a probe has: how each is drawn from the tables of one model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
import pyarrow as pa
from matplotlib.figure import Figure

from spd_faith.core.files import read_table
from spd_faith.probes.figures.drawing import Drawing
from spd_faith.probes.groups import Contrast
from spd_faith.probes.probe import Probe
from spd_faith.probes.sample_values import sample_values

TASK = "describe"
"""Whose answers are drawn where a figure is of the answers to one question."""

Draw = Callable[[], Figure]


@dataclass(frozen=True, eq=False)
class ModelResults:
    """What the figures of one model are drawn from."""

    model: str
    """Its name in the titles."""
    probes: Path
    """Folder with one table per probe."""
    samples: Path
    images: Path
    groups: pd.DataFrame
    """Rows of PROBE_GROUPS."""
    contrasts: pd.DataFrame
    """Rows of PROBE_CONTRASTS; none where no probe is contrasted."""
    sample_id: str | None = None
    """Whose answer is drawn by itself; None: the first that was measured."""


@dataclass(frozen=True, eq=False)
class ProbeResults:
    """What the figures of one probe are drawn from; its table is read once, when the first of them is."""

    of: ModelResults
    probe: type[Probe]
    read: Callable[[Path, pa.Schema], pa.Table] | None = None
    """Reads what the figures need of a large table; None: all of it."""

    @property
    def path(self) -> Path:
        return self.probe.path_in(self.of.probes)

    @cached_property
    def table(self) -> pa.Table:
        return self.read(self.path, self.probe.schema) if self.read else read_table(self.path, self.probe.schema)

    @cached_property
    def values(self) -> pd.DataFrame:
        """The `sample_values` of what the probe contrasts."""
        return sample_values(self.table, self.probe.contrasted)


def _none(*of: object) -> dict[str, Draw]:
    return {}


def _no_pages(*of: object) -> dict[str, Drawing]:
    return {}


@dataclass(frozen=True)
class ProbeFigures:
    """What draws each figure of a probe, by the figure's name, which is that of its files."""

    of_model: Callable[[ProbeResults], Mapping[str, Draw]] = _none
    of_contrast: Callable[[ProbeResults, Contrast], Mapping[str, Draw]] = _none
    """Once per contrast, whose name is added to the figure's."""
    of_answers: Callable[[ProbeResults], Mapping[str, Drawing]] = _no_pages
    """Pages about single answers, which stand last."""
    read: Callable[[Path, pa.Schema], pa.Table] | None = None
    """Reads what the figures need of the probe's table, where that is large; None: all of it."""
