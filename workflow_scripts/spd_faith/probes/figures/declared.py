"""The declaration of a probe's figures: how each is drawn from the tables of one model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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
"""The task whose answers are drawn in figures of a single question."""
QUESTIONS = {"describe": "“how many differences?”", "same": "“same?”", "different": "“different?”"}
"""The labels of tasks."""

Draw = Callable[[], Figure]


@dataclass(frozen=True, eq=False)
class ModelResults:
    """The data behind the figures of one model."""

    probes: Path
    """Folder with one table per probe."""
    samples: Path
    images: Path
    groups: pd.DataFrame
    """Rows of PROBE_GROUPS."""
    contrasts: pd.DataFrame
    """Rows of PROBE_CONTRASTS; empty if no probe is contrasted."""
    interventions: pd.DataFrame | None = None
    """Rows of INTERVENTIONS_SCHEMA with the model as their base; None if it has no variants."""
    sample_id: str | None = None
    """The sample whose answer gets its own figure; None: the first measured one."""


@dataclass(frozen=True, eq=False)
class ProbeResults:
    """The data behind the figures of one probe; its table is read once, for the first figure."""

    of: ModelResults
    probe: type[Probe]
    read: Callable[[Path, pa.Schema], pa.Table] | None = None
    """Reads the part of a large table that the figures need; None: all of it."""

    @property
    def path(self) -> Path:
        return self.probe.path_in(self.of.probes)

    @cached_property
    def table(self) -> pa.Table:
        return self.read(self.path, self.probe.schema) if self.read else read_table(self.path, self.probe.schema)

    @cached_property
    def values(self) -> pd.DataFrame:
        """The `sample_values` of the probe's contrasted measures."""
        return sample_values(self.table, self.probe.contrasted, self.probe.contrasted_by_layer)


def _none(*of: object) -> dict[str, Draw]:
    return {}


def _no_pages(*of: object) -> dict[str, Drawing]:
    return {}


@dataclass(frozen=True)
class ProbeFigures:
    """Functions that draw each figure of a probe, by the name that the catalogue declares, and its measures' labels."""

    of_model: Callable[[ProbeResults], Mapping[str, Draw]] = _none
    of_contrast: Callable[[ProbeResults, Contrast], Mapping[str, Draw]] = _none
    """Called once per contrast, whose name is added to the figure's."""
    of_answers: Callable[[ProbeResults], Mapping[str, Drawing]] = _no_pages
    """Pages about single answers, drawn last."""
    read: Callable[[Path, pa.Schema], pa.Table] | None = None
    """Reads the part of the probe's table that the figures need, if it is large; None: all of it."""
    label: str = ""
    """The probe's name in figures of several probes, in lines of at most ten letters."""
    measures: Mapping[str, str] = field(default_factory=dict)
    """The labels of its contrasted measures, by column."""
