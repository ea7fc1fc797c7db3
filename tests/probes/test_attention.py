"""Attention of answer states against a loop over heads, states and tokens."""

import math

import pytest
import torch

from spd_faith.probes.attention import answer_attention
from spd_faith.probes.prepared import SEGMENTS, AnsweredPrompt

HEADS, GROUPS, WIDTH, TOKENS, STATES = 4, 2, 8, 11, 3
NONE = torch.zeros(0, dtype=torch.long)
WINDOW = 4


def a_row():
    names = ["sink", *["opening"] * 2, *["picture_1"] * 3, *["user"] * 3, *["answer"] * 2]
    return AnsweredPrompt(
        segments=torch.tensor([SEGMENTS.index(name) for name in names]),
        image_positions=torch.tensor([3, 4, 5]),
        image_tokens=(3,),
        places=None,
        user_positions=NONE,
        user_token_ids=NONE,
        last_prompt_token_id=0,
        answer_token_ids=torch.tensor([1, 2, 3]),
    )


def may_attend(state, token, window):
    """State i of the answer stands at token TOKENS − STATES + i."""
    position = TOKENS - STATES + state
    return position - window < token <= position


def by_loops(query, key, scaling, window):
    mean = [[0.0] * TOKENS for _ in range(STATES)]
    for head in range(HEADS):
        group = head // (HEADS // GROUPS)
        for state in range(STATES):
            weights = [
                math.exp(scaling * sum(a * b for a, b in zip(query[head][state], key[group][token], strict=True)))
                if may_attend(state, token, window)
                else 0.0
                for token in range(TOKENS)
            ]
            for token, weight in enumerate(weights):
                mean[state][token] += weight / sum(weights) / HEADS
    return torch.tensor(mean)


@pytest.mark.parametrize(("kind", "window"), [("none", 99), ("bool", 99), ("bool", WINDOW), ("float", WINDOW)])
def test_attention_is_that_of_a_loop(kind, window):
    draw = torch.Generator().manual_seed(0)
    query = torch.randn(HEADS, STATES, WIDTH, generator=draw)
    key = torch.randn(GROUPS, TOKENS, WIDTH, generator=draw)
    attends = torch.tensor([[[may_attend(state, token, window) for token in range(TOKENS)] for state in range(STATES)]])
    far = torch.zeros(attends.shape).masked_fill(~attends, torch.finfo(torch.float32).min)
    found = answer_attention(a_row(), query, key, 0.3, {"none": None, "bool": attends, "float": far}[kind])
    expected = by_loops(query.tolist(), key.tolist(), 0.3, window)
    close = {"atol": 1e-6, "rtol": 0}
    torch.testing.assert_close(found.image, expected[:, 3:6], **close)
    torch.testing.assert_close(found.answer, expected[:, -STATES:], **close)
    fractions = {
        "sink": expected[:, 0],
        "system": torch.zeros(STATES),
        "opening": expected[:, 1:3].sum(1),
        "picture_1": expected[:, 3:6].sum(1),
        "picture_2": torch.zeros(STATES),
        "user": expected[:, 6:9].sum(1),
        "answer": expected[:, 9:].sum(1),
    }
    torch.testing.assert_close(found.fractions, torch.stack([fractions[name] for name in SEGMENTS], dim=1), **close)
