"""Cost of patched runs compared with a plain loop: one forward pass of the whole model per patch, with a hook.

Models: those of `bench_probes.py`. On the CPU, a random Qwen2-VL with 12 layers of width 512 and images of 961 tokens;
on a GPU, one of the published 7B size (`published_size.py`) and images of 576 tokens.

Both copy states of (original, undone) into (original, modified) and back, after the input and each layer: those of a
box of the second image, of as many random tokens, of another box, and of the whole image. They read log-probabilities
of a claim of 12 tokens in the middle of the answer. The plain loop encodes the images each time, as a hook around a
loaded model does, and computes logits for the answer alone. It is timed on a few patches: all take the same time.

Bounds: the patched runs take at most 1/4 of the time of the plain loop, and their peak memory is at most 5 times the
bound on their largest tensor. Time is printed by number of layers, of which it is a linear function.
Run: MALLOC_MMAP_THRESHOLD_=65536 python benchmarks/bench_patching.py  # so that freed memory does not count
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn
from transformers.utils import logging

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow_scripts"))

import published_size
from bench_probes import peak_bytes, save_model

from spd_faith.inference.checkpoint import load_checkpoint
from spd_faith.inference.entries import TransformersModel
from spd_faith.inference.transformers_answerer import TransformersAnswerer
from spd_faith.probes.patching.patched_runs import NUMBERS_AT_ONCE, Patch, teacher_forced
from spd_faith.probes.prepared import AnsweredPrompts, prepare_answered

MAX_TIME = 1 / 4
MAX_MEMORY = 5
PLAIN_PATCHES = 4
CLAIM = 12
BOX = 6  # tokens along a side
QUESTION = "How many differences are there?"


@dataclass(frozen=True)
class Case:
    """A model and its inputs."""

    answerer: TransformersAnswerer
    side: int
    """Width and height of an image in pixels."""
    tokens: int
    """Tokens of an answer."""

    @property
    def model(self) -> Any:
        return self.answerer.checkpoint.model

    @property
    def layers(self) -> nn.ModuleList:
        return self.model.get_decoder().layers

    @property
    def claim(self) -> list[int]:
        begin = (self.tokens - CLAIM) // 2
        return list(range(begin, begin + CLAIM))

    def prepared(self, rows: slice = slice(None)) -> AnsweredPrompts:
        random = np.random.default_rng(0)
        size = (self.side, self.side, 3)
        original, *seconds = (Image.fromarray(random.integers(0, 256, size, dtype=np.uint8)) for _ in range(3))
        shown = [(QUESTION, original, second) for second in seconds][rows]
        answer = (torch.arange(self.tokens) % 100 + 5).tolist()
        return prepare_answered(self.answerer.builder, shown, [answer] * len(shown), share_rows=False)

    def patches(self, number_of_layers: int) -> list[Patch]:
        """Patches after that many layers, spread over all."""
        row = self.prepared().rows[0]
        image = row.image_positions[row.image_tokens[0] :]
        side = int(len(image) ** 0.5)
        random = torch.randperm(len(image), generator=torch.Generator().manual_seed(0))
        box = (torch.arange(BOX)[:, None] * side + torch.arange(BOX)).flatten()
        middle = side // 2 - BOX // 2
        sets = [box + middle * side + middle, random[: BOX * BOX], box + side + 1, torch.arange(len(image))]
        layers = np.linspace(-1, len(self.layers) - 1, number_of_layers).round().astype(int).tolist()
        directions = ((1, 0), (0, 1))
        return [Patch(layer, *rows, image[tokens]) for rows in directions for layer in layers for tokens in sets]

    def plain(self, patches: Sequence[Patch]) -> torch.Tensor:
        """Patches × tokens of the claim: the change of their log-probabilities."""
        parts = [*self.layers, self.model.get_decoder().norm]
        batches = [self.prepared(slice(row, row + 1)) for row in range(2)]
        states: list[list[torch.Tensor]] = []
        unpatched = []
        for batch in batches:
            of_row: list[torch.Tensor] = []
            hooks = [
                part.register_forward_pre_hook(lambda _, inputs, to=of_row: to.append(inputs[0])) for part in parts
            ]
            unpatched.append(self._log_probs(batch))
            states.append(of_row)
            for hook in hooks:
                hook.remove()
        changes = []
        for patch in patches:

            def put(module: nn.Module, inputs: tuple[Any, ...], patch: Patch = patch) -> tuple[Any, ...]:
                own = inputs[0].clone()
                own[:, patch.positions] = states[patch.source][patch.layer + 1][:, patch.positions]
                return (own, *inputs[1:])

            hook = parts[patch.layer + 1].register_forward_pre_hook(put)
            changes.append(self._log_probs(batches[patch.target]) - unpatched[patch.target])
            hook.remove()
        return torch.stack(changes)

    @torch.inference_mode()
    def _log_probs(self, batch: AnsweredPrompts) -> torch.Tensor:
        inputs = batch.inputs.to(self.model.device, self.model.dtype)
        inputs["input_ids"] = batch.token_ids.to(self.model.device)  # the answer has no id of an image token
        logits = self.model(**inputs, use_cache=False, logits_to_keep=self.tokens).logits[0, self.claim].float().cpu()
        ids = batch.rows[0].answer_token_ids[self.claim]
        return logits.log_softmax(dim=-1).gather(-1, ids[:, None])[:, 0]

    def patched(self, patches: Sequence[Patch]) -> torch.Tensor:
        with teacher_forced(self.model, self.prepared()) as runs:
            return runs.patched(patches, self.claim)


def _keep_input(states: list[torch.Tensor], module: nn.Module, inputs: tuple[Any, ...]) -> None:
    states.append(inputs[0])


def small_case(folder: Path) -> Case:
    """The model in a folder, on the CPU."""
    budget = {"min_pixels": 868 * 868, "max_pixels": 868 * 868}  # 31 × 31 tokens
    fields = {"model": str(folder), "dtype": "float32", "max_new_tokens": 64, "pixel_budget": budget}
    entry = TransformersModel.model_validate({"backend": "transformers", **fields})
    return Case(TransformersAnswerer(load_checkpoint(entry, "cpu")), side=868, tokens=64)


def published_case() -> Case:
    """The model of the published size, on a GPU."""
    answerer = TransformersAnswerer(published_size.published_checkpoint(max_new_tokens=128))
    return Case(answerer, side=published_size.SIDE, tokens=128)


def seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def compare(case: Case) -> bool:
    """Print times and peak memory; whether the patched runs stay within their bounds."""
    device = case.answerer.checkpoint.device
    layers = len(case.layers) + 1  # and the input of the first
    patches = case.patches(layers)
    step = len(patches) // PLAIN_PATCHES
    few = patches[::step]
    times: dict[str, list[float]] = {"plain": [], "some": []}
    found = {}

    def plain() -> None:
        times["plain"].append(seconds(lambda: found.update(plain=case.plain(few))))

    def run_some() -> None:
        times["some"].append(seconds(lambda: case.patched(case.patches(layers // 3))))

    case.plain(few[:1])  # loads libraries
    added = peak_bytes(device, run_some)
    plain()
    whole = seconds(lambda: found.update(patched=case.patched(patches)))
    plain()  # again, so that a change of the machine's load affects both
    each = sum(times["plain"]) / 2 / (len(few) + 2)  # with the two unpatched runs
    difference = (found["plain"] - found["patched"][::step]).abs().max().item()
    two = seconds(lambda: case.patched(case.patches(2)))
    by_layers = {2: two, layers // 3: times["some"][-1], layers: whole}
    ratio = whole / len(patches) / each
    bound = NUMBERS_AT_ONCE * case.model.dtype.itemsize

    card = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    prompt, billions = case.prepared().token_ids.shape[1], case.model.num_parameters() / 1e9
    print(f"{card}, {billions:.2f} G parameters: {prompt} tokens, {case.tokens} of the answer")
    print(f"  plain loop {each:.3f} s per patch, patched runs {whole / len(patches):.3f} s")
    print(f"  1/{1 / ratio:.1f} of the time (bound: 1/{1 / MAX_TIME:.0f}); log-probabilities within {difference:.1e}")
    print("  by number of layers:", ", ".join(f"{n}: {taken:.2f} s" for n, taken in by_layers.items()))
    print(f"  peak memory {added / 1e6:.0f} MB, {added / bound:.1f} of the bound on one tensor, {bound / 1e6:.0f} MB")
    return ratio <= MAX_TIME and added <= MAX_MEMORY * bound


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2, help="CPU threads of torch; default: 2")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="run on this device only; default: all available")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    devices = [arguments.device] if arguments.device else ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    within = []
    if "cpu" in devices:
        with TemporaryDirectory() as folder:
            save_model(Path(folder), heads=16, key_value_heads=16, ffn_width=1024)
            within.append(compare(small_case(Path(folder))))
    if "cuda" in devices:
        within.append(compare(published_case()))
    if not all(within):
        sys.exit("above the bounds")


if __name__ == "__main__":
    main()
