"""The rank Gaussian filter of token activation maps (arXiv 2506.23270, section 3.4), over many maps at once."""

import numpy as np
import numpy.typing as npt

SIZE = 3
_VALUES_AT_ONCE = 1 << 20  # in windows: 8 MB

Maps = npt.NDArray[np.floating]


def rank_gaussian_filter(maps: Maps) -> Maps:
    """Filter each map of … × rows × columns; values are 0 or more.

    The values of each `SIZE` × `SIZE` window, mirrored at the border, are sorted and averaged with Gaussian weights
    around the middle rank; the width in ranks is the window's coefficient of variation. A constant window gives its
    value, including 0, where the formula is 0 / 0. Mirroring a single row or column repeats it.
    """
    rows, columns = maps.shape[-2:]
    flat = maps.reshape(-1, rows, columns)
    at_once = max(1, _VALUES_AT_ONCE // (rows * columns * SIZE * SIZE))
    parts = [_filter(flat[first : first + at_once]) for first in range(0, len(flat), at_once)]
    return np.concatenate([*parts, np.empty((0, rows, columns))]).reshape(maps.shape)


def _filter(maps: Maps) -> Maps:
    rows, columns = maps.shape[1:]
    margin = SIZE // 2
    mirrored = np.pad(maps.astype(float), ((0, 0), (margin, margin), (margin, margin)), mode="reflect")
    neighbours = [
        mirrored[:, down : down + rows, right : right + columns] for down in range(SIZE) for right in range(SIZE)
    ]
    values = np.sort(neighbours, axis=0)
    mean = values.mean(axis=0)
    variance = ((values - mean) ** 2).mean(axis=0)
    one_value = values[0] == values[-1]
    narrowness = np.divide(mean**2, 2 * variance, out=np.full_like(mean, np.inf), where=~one_value)
    middle = SIZE * SIZE // 2
    total, found = np.ones_like(mean), values[middle]
    for rank in range(1, middle + 1):  # above and below the middle at once: equal weights
        weight = np.exp(-(rank**2) * narrowness)
        total += 2 * weight
        found = found + weight * (values[middle - rank] + values[middle + rank])
    return np.asarray(found / total)
