"""The forward pass over a batch of answered prompts, shared by all probes."""

from collections import defaultdict
from collections.abc import Mapping

import torch
from torch import nn
from transformers import PreTrainedModel

from spd_faith.inference.intervention_hooks import Hooks
from spd_faith.inference.model_parts import output_head
from spd_faith.probes import icr
from spd_faith.probes.layers import LayerStates, read_layers
from spd_faith.probes.passes import ClassLogits, HiddenStates, Pass
from spd_faith.probes.prepared import AnsweredPrompt, AnsweredPrompts
from spd_faith.probes.registry import LAYER_PROBES
from spd_faith.probes.teacher_forcing import STATES_AT_ONCE, read_instead


@torch.inference_mode()
def run_pass(model: PreTrainedModel, batch: AnsweredPrompts, hooks: Hooks | None = None) -> list[Pass]:
    """The measurements of each answer, from one pass over prompts and answers, without a cache.

    `hooks` are those of the intervention that is installed in the model; then each prompt must have a row of its own.

    Each layer is reduced as soon as it ends. Logits of the last states are computed only where they are kept, and for
    the answer a few states at a time.
    """
    found = [_Found(model.dtype) for _ in batch.rows]

    def reduce(layer: int, number: int, states: LayerStates) -> None:
        found[number].add(states)

    inputs = batch.inputs.to(model.device, model.dtype)
    if hooks:
        ends = torch.tensor([row.answer_states.start for row in batch.rows])
        hooks.begin(inputs["input_ids"], inputs["attention_mask"], ends)
    with read_layers(model, batch.rows, reduce), read_instead(model, batch):
        # without the head, which would compute logits for the whole prompt
        last = model.base_model(**inputs, use_cache=False).last_hidden_state
    return [one.as_pass(row, last[row.row], output_head(model)) for one, row in zip(found, batch.rows, strict=True)]


class _Found:
    """The measurements of one answer, collected layer by layer."""

    def __init__(self, dtype: torch.dtype) -> None:
        self._dtype = dtype
        self._layers: dict[str, list[torch.Tensor]] = defaultdict(list)
        self._by_probe: dict[str, list[torch.Tensor]] = defaultdict(list)
        self._embeddings = torch.empty(0)
        self._before = torch.empty(0)  # the input of the latest layer, which the last one's normed update needs

    def add(self, states: LayerStates) -> None:
        if not self._layers:
            self._embeddings = states.before.mean(dim=0).cpu()
        self._before = states.before
        measures = {
            "attention_fractions": states.attention.fractions,
            "image_attention": states.attention.image,
            "mean_states": states.after.mean(dim=0),
            "prompt_states": states.after[0],
            "icr": torch.stack(
                [
                    icr.simple(states.before, states.after),
                    icr.relative(states.before, states.after),
                    *icr.originals(states.before, states.after, states.attention.answer),
                ]
            ),
        }
        for name, values in measures.items():
            self._layers[name].append(values.cpu())
        for name, probe in LAYER_PROBES.items():
            of_layer = probe.of_layer(states, self._dtype)
            if of_layer is not None:
                self._by_probe[name].append(of_layer.cpu())

    def as_pass(self, row: AnsweredPrompt, last: torch.Tensor, head: nn.Linear) -> Pass:
        """`last` has the row's states after the last layer and its norm: tokens (with padding) × width."""
        found = {name: torch.stack(layers) for name, layers in self._layers.items()}
        number = len(found["mean_states"])
        states = last[row.answer_places]
        return Pass(
            dtype=str(self._dtype).removeprefix("torch."),
            greedy_agreement=_greedy_agreement(states, head, row.answer_token_ids),
            image_tokens=row.image_tokens,
            question_token_ids=row.user_token_ids,
            last_prompt_token_id=row.last_prompt_token_id,
            answer_token_ids=row.answer_token_ids,
            by_layer={name: torch.stack(of) for name, of in self._by_probe.items() if len(of) == number},
            attention_fractions=found["attention_fractions"],
            image_attention=found["image_attention"],
            hidden=self._hidden_states(found, states.float()),
            logits=_class_logits(row, last, head),
            places=row.places,
        )

    def _hidden_states(self, found: Mapping[str, torch.Tensor], normed: torch.Tensor) -> HiddenStates:
        """`normed`: the answer states after the last layer and its norm."""
        return HiddenStates(
            mean_states=found["mean_states"],
            prompt_states=found["prompt_states"],
            icr=found["icr"],
            embeddings=self._embeddings,
            normed=normed.mean(dim=0).cpu(),
            normed_update=icr.simple(self._before.to(normed.device), normed).cpu(),
        )


def _greedy_agreement(states: torch.Tensor, head: nn.Linear, token_ids: torch.Tensor) -> float:
    likeliest = [head(some).argmax(dim=-1) for some in torch.split(states, STATES_AT_ONCE)]
    return (torch.cat(likeliest).cpu() == token_ids).float().mean().item()


def _class_logits(row: AnsweredPrompt, last: torch.Tensor, head: nn.Linear) -> ClassLogits:
    token_ids: torch.Tensor = torch.unique(  # ascending
        torch.cat([row.user_token_ids, row.answer_token_ids, torch.tensor([row.last_prompt_token_id])])
    )
    chosen = token_ids.to(head.weight.device)
    weights = head.weight[chosen].float().T
    bias = 0 if head.bias is None else head.bias[chosen].float()
    places = row.in_row(torch.cat([row.image_positions, row.user_positions])).to(last.device)
    states = torch.cat([last[places], last[row.answer_places]]).to(head.weight.device)
    logits = (states.float() @ weights + bias).cpu()
    sizes = [len(row.image_positions), len(row.user_positions), len(row.answer_token_ids)]
    return ClassLogits(token_ids, *torch.split(logits, sizes))
