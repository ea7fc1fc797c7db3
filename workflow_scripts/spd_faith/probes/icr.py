"""Information Contribution Rate: how much a layer's update contributes to the answer states, in `ICR_FORMS`.

`before` and `after` are a layer's input and output at the answer states: states × width. Each form gives one number per
layer, the mean over the answer's tokens.
"""

import torch

_ATTENDED_PER_TOP = 10  # the top 10% of the attended positions
_MIN_DEVIATION = 1e-8
_ORIGINALS = 2  # forms of the original, by what is subtracted from n in a standard deviation: 0 and 1


def simple(before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    """L2 norm of the update."""
    update: torch.Tensor = (after - before).norm(dim=-1)
    return update.mean()


def relative(before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    """L2 norm of the update over that of the state before it."""
    update: torch.Tensor = (after - before).norm(dim=-1) / before.norm(dim=-1).clamp_min(_MIN_DEVIATION)
    return update.mean()


def originals(before: torch.Tensor, after: torch.Tensor, attention: torch.Tensor) -> torch.Tensor:
    """Divergence between where a token's update points and where its attention goes (arXiv 2507.16488), in two forms.

    `attention` is states × states, averaged over heads; state i attends to the i + 1 states up to itself. The tenth of
    them with the most attention (rounded down) count: the update is projected on each of their states before the
    layer, projections and attention are standardised and passed through softmax, and the two distributions are
    compared by Jensen–Shannon divergence (natural logarithm). A token needs at least two such positions; nan if no
    token has them.

    The forms differ in the standard deviation of n numbers: the first divides by n, the second by n − 1 as the
    benchmark's released code does.
    """
    states = len(before)
    most_counted = states // _ATTENDED_PER_TOP
    if most_counted < 2:
        return before.new_full((_ORIGINALS,), float("nan"))
    counts = torch.arange(1, states + 1, device=before.device) // _ATTENDED_PER_TOP
    rows = counts >= 2
    directions = before / before.norm(dim=-1, keepdim=True).clamp_min(_MIN_DEVIATION)
    projections = (after - before)[rows] @ directions.T
    later = torch.ones(states, states, dtype=torch.bool, device=before.device).triu(1)
    attended = attention.masked_fill(later, -1)[rows]
    most, places = attended.topk(most_counted, dim=-1)
    counted = torch.arange(most_counted, device=before.device) < counts[rows, None]
    return _divergence(
        _probabilities(projections.gather(1, places), counted), _probabilities(most, counted), counted
    ).mean(dim=-1)


def _probabilities(values: torch.Tensor, counted: torch.Tensor) -> torch.Tensor:
    """Softmax of the standardised values of each row, over those `counted`: forms × rows × values."""
    number = counted.sum(dim=-1, keepdim=True)
    mean = values.where(counted, 0).sum(dim=-1, keepdim=True) / number
    centred = (values - mean).where(counted, 0)
    degrees = number - torch.arange(_ORIGINALS, device=values.device)[:, None, None]
    deviation = (centred.square().sum(dim=-1, keepdim=True) / degrees).sqrt().clamp_min(_MIN_DEVIATION)
    return (centred / deviation).masked_fill(~counted, float("-inf")).softmax(dim=-1)


def _divergence(p: torch.Tensor, q: torch.Tensor, counted: torch.Tensor) -> torch.Tensor:
    """Jensen–Shannon divergence of each row."""
    middle = (p + q) / 2
    terms = (p * (p / middle).log() + q * (q / middle).log()) / 2
    return terms.where(counted, 0).sum(dim=-1)
