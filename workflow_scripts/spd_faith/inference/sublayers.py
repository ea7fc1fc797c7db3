"""What the two halves of a decoder layer, attention and feed-forward network, add to the states."""

import torch

_UNEXPLAINED = 0.01  # as a fraction of the norms of the two changes


def divergence(attention_change: torch.Tensor, ffn_change: torch.Tensor) -> torch.Tensor:
    """KL(softmax of the attention's change ‖ softmax of the network's change) of each state, in nats.

    As published, over the width of the states, so it depends on their basis. `…` × width, in float32, to `…`.
    """
    p, q = torch.log_softmax(attention_change, dim=-1), torch.log_softmax(ffn_change, dim=-1)
    return (p.exp() * (p - q)).sum(dim=-1)


def is_sum_of_parts(
    before: torch.Tensor,
    attention_change: torch.Tensor,
    ffn_change: torch.Tensor,
    after: torch.Tensor,
    dtype: torch.dtype,
) -> bool:
    """Whether before + attention + feed-forward network equals after, up to the rounding of `dtype`.

    All are states × width, in float32.
    """
    changes = attention_change.norm() + ffn_change.norm()
    unexplained = (before + attention_change + ffn_change - after).norm()
    rounding = 4 * torch.finfo(dtype).eps * (before.norm() + after.norm())
    return bool(unexplained <= _UNEXPLAINED * changes + rounding)
