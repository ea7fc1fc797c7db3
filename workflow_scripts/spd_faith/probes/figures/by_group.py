"""Draw a measure by layer for two groups of samples."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from spd_faith.probes.figures.drawing import BLUE, VERMILLION, band, say_empty, whole_numbers
from spd_faith.probes.groups import Contrast, members

NO_SAMPLES = "no measured samples\nin either group"
NO_VALUES = "no values"


@dataclass(frozen=True, eq=False)
class Group:
    name: str
    sample_ids: pd.Index
    color: str
    line: str

    @property
    def label(self) -> str:
        return f"{self.name} (n = {len(self.sample_ids)})"


def probed_groups(groups: pd.DataFrame, contrast: Contrast, probed: pd.Index) -> list[Group]:
    """The probed samples of a contrast's reference and group; line styles distinguish them without colour."""
    found = members(groups, contrast)
    found = found[found.index.isin(probed)]
    return [
        Group(name, found.index[found["group"] == name], color, line)
        for name, color, line in ((contrast.reference, BLUE, "-"), (contrast.group, VERMILLION, "--"))
    ]


def values_of(values: pd.DataFrame | None, group: Group) -> np.ndarray:
    """The group's rows of samples × layers; empty without a table."""
    if values is None:
        return np.empty((0, 0))
    return values[values.index.isin(group.sample_ids)].to_numpy(float)


def draw_by_layer(axes: Axes, values: pd.DataFrame | None, groups: list[Group], empty_text: str = NO_VALUES) -> None:
    """Both groups' means with bands, from samples × layers, or a text if there is nothing to draw.

    The x axis gives the number of samples if it is smaller than the groups.
    """
    rows = [values_of(values, group) for group in groups]
    known = [int((~np.isnan(one)).any(axis=1).sum()) for one in rows]
    complete = known == [len(group.sample_ids) for group in groups]
    whole_numbers(axes, "layer" if complete else f"layer (n = {', '.join(map(str, known))})")
    if values is None or not any(one.size and not np.isnan(one).all() for one in rows):
        say_empty(axes, empty_text if any(len(group.sample_ids) for group in groups) else NO_SAMPLES)
        return
    for group, one in zip(groups, rows, strict=True):  # a group without samples still has a legend entry
        band(axes, values.columns.to_numpy(), one, group.color, group.label, group.line)
