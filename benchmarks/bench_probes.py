"""Cost of a probe pass compared with eager generation that returns attention and hidden states.

Models: on the CPU, a random Qwen2-VL with 12 layers of width 512, two images of 961 tokens and answers of 64 tokens;
on a GPU, one of the published 7B size (`published_size.py`), images of 576 tokens and answers of 128, because a small
model would only measure kernel launches. Both are asked the three questions.

Methods, all timed per answer:
- eager: `generate` with `output_attentions` and `output_hidden_states`. (A batch of three takes 1.5 times as long.)
- fast: the inference stage, which generates the answers about a pair in parallel: for several pairs in a batch of the
  default size, for one pair, and for one answer.
- probes: the probe pass of a sample over its three saved answers, from images to the rows of all tables; also over one
  answer, which shares its images with no other.
- bare forward: the forward pass over one prompt without reading anything, the lower bound of any probe.

Bounds: the probe pass takes at most 1/8 of the eager time (1/5 including fast generation) and 1/20 of its peak memory
beyond the weights, measured on the CPU in a separate process. At the published size the bare forward pass alone takes
1/13 of the eager memory, so the bound is 1/8 there. Finally, the pass over answers of other lengths shows that its cost
is linear in the tokens.

The CPU model has the proportions of the reference model: 16 heads of 32, each with its own keys and values, a
feed-forward network twice as wide as the model, a vision tower of 2 layers of 96. Published models differ (Qwen2-VL-2B:
heads of 128, six per key, a network 5.8 times as wide, a vision tower of 32 layers of 1,280). A wider network and a
larger tower add the same seconds to both methods, and fewer heads make eager attention cheaper, so both move the time
ratio towards 1; `--heads`, `--key-value-heads` and `--ffn-width` show by how much.
Run: python benchmarks/bench_probes.py
"""

import argparse
import os
import shutil
import subprocess
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
from transformers import AutoConfig, Qwen2VLForConditionalGeneration
from transformers.utils import logging

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow_scripts"))

import published_size

from spd_faith.dataset.demo import demo_pairs, sample_row
from spd_faith.dataset.entries import DATASETS
from spd_faith.inference.batches import Shown
from spd_faith.inference.checkpoint import load_checkpoint
from spd_faith.inference.entries import TransformersModel
from spd_faith.inference.model_parts import attends_to_all
from spd_faith.inference.transformers_answerer import TransformersAnswerer
from spd_faith.probes.forward import run_pass
from spd_faith.probes.prepared import prepare_answered
from spd_faith.probes.registry import PROBES
from spd_faith.probes.writing import start_probes

ROOT = Path(__file__).parents[1]
DATASET = DATASETS.load_entry(ROOT / "config/datasets.yaml", "demo")
WIDTH = 512
MAX_TIME = {"time": 1 / 8, "time with the fast generation": 1 / 5}
ROUNDS = 3
PAIRS = TransformersModel.model_fields["batch_size"].default
FAST = f"fast, {PAIRS} pairs"
WAYS = ("eager", FAST, "fast, a pair", "fast, an answer", "probes", "probes, an answer", "bare forward")
QUESTIONS = ("Are the two pictures the same?", "Are the two pictures different?", "How many differences are there?")
TASKS = ("same", "different", "describe")
AT_ONCE = {FAST: PAIRS * len(QUESTIONS), "fast, a pair": len(QUESTIONS), "probes": len(QUESTIONS)}  # answers; else 1


def save_model(folder: Path, heads: int, key_value_heads: int, ffn_width: int) -> None:
    """Save a wider and deeper version of the reference model with random weights."""
    reference = ROOT / "resources/models/tiny-qwen2-vl"
    shutil.copytree(reference, folder, ignore=shutil.ignore_patterns("*.safetensors"), dirs_exist_ok=True)
    config = AutoConfig.from_pretrained(reference)
    text = config.text_config
    text.hidden_size, text.intermediate_size = WIDTH, ffn_width
    text.num_attention_heads, text.num_key_value_heads = heads, key_value_heads
    pairs = WIDTH // heads // 2  # of a head's dimensions, divided as in the published models
    text.rope_parameters |= {"mrope_section": [pairs - 2 * (pairs * 3 // 8), pairs * 3 // 8, pairs * 3 // 8]}
    text.num_hidden_layers = 12
    text.layer_types = ["full_attention"] * text.num_hidden_layers
    config.vision_config.hidden_size = text.hidden_size
    torch.manual_seed(0)
    model = Qwen2VLForConditionalGeneration(config)
    model.save_pretrained(folder)


@dataclass(frozen=True)
class Case:
    """A model and its inputs."""

    answerer: TransformersAnswerer
    side: int
    """Width and height of an image in pixels."""
    tokens: int
    """Tokens of an answer."""
    lengths: Sequence[int]
    """Tokens of the answers for which the pass is timed."""
    max_memory: float
    """Bound of the pass, as a fraction of the memory of eager generation."""

    def questions(self) -> list[Shown]:
        """All questions about one pair, with the same image objects, which marks them as shareable."""
        random = np.random.default_rng(0)
        size = (self.side, self.side, 3)
        images = [Image.fromarray(random.integers(0, 256, size, dtype=np.uint8)) for _ in range(2)]
        return [(text, *images) for text in QUESTIONS]

    @torch.inference_mode()
    def generate_eagerly(self) -> None:
        model = self.answerer.checkpoint.model
        model.set_attn_implementation("eager")
        inputs = self.answerer.builder.build(self.questions()[:1]).to(model.device, model.dtype)
        more = {"output_attentions": True, "output_hidden_states": True, "return_dict_in_generate": True}
        model.generate(**inputs, max_new_tokens=self.tokens, do_sample=False, **more)
        model.set_attn_implementation("sdpa")

    def generate(self, pairs: int = 1, asked: int = len(QUESTIONS)) -> None:
        questions = [question for _ in range(pairs) for question in self.questions()[:asked]]
        answers = self.answerer.generator.generate(questions)
        assert [len(answer.token_ids) for answer in answers] == [self.tokens] * pairs * asked

    @torch.inference_mode()
    def forward(self) -> None:
        model = self.answerer.checkpoint.model
        inputs = self.answerer.builder.build(self.questions()[:1]).to(model.device, model.dtype)
        model.base_model(**inputs, use_cache=False)

    def probe(self, asked: int = len(QUESTIONS), tokens: int | None = None) -> None:
        answer = (torch.arange(tokens or self.tokens) % 100 + 5).tolist()
        checkpoint, builder = self.answerer.checkpoint, self.answerer.builder
        share_rows = attends_to_all(checkpoint.model)
        prepared = prepare_answered(builder, self.questions()[:asked], [answer] * asked, share_rows=share_rows)
        passes = run_pass(checkpoint.model, prepared)
        samples = {"sample": sample_row(next(demo_pairs(DATASET)))}
        probes = start_probes(PROBES, samples, checkpoint.tokenizer)
        for task, found in zip(TASKS, passes, strict=False):
            for one in probes:
                list(one.tables("sample", task, found))
        for one in probes:
            list(one.remaining())

    def ways(self) -> dict[str, Callable[[], None]]:
        runs = (
            self.generate_eagerly,
            lambda: self.generate(PAIRS),
            self.generate,
            lambda: self.generate(asked=1),
            self.probe,
            lambda: self.probe(asked=1),
            self.forward,
        )
        return dict(zip(WAYS, runs, strict=True))


def small_case(folder: Path) -> Case:
    """The model in a folder, on the CPU."""
    budget = {"min_pixels": 868 * 868, "max_pixels": 868 * 868}  # 31 × 31 tokens
    fields = {"model": str(folder), "dtype": "float32", "max_new_tokens": 64, "pixel_budget": budget}
    entry = TransformersModel.model_validate({"backend": "transformers", **fields})
    answerer = TransformersAnswerer(published_size.endless(load_checkpoint(entry, "cpu")))
    return Case(answerer, side=868, tokens=64, lengths=(64, 128, 256, 512), max_memory=1 / 20)


def published_case() -> Case:
    """The model of the published size, on a GPU."""
    answerer = TransformersAnswerer(published_size.published_checkpoint(max_new_tokens=128))
    return Case(answerer, side=published_size.SIDE, tokens=128, lengths=(128, 256, 512, 1024), max_memory=1 / 8)


def peak_bytes(device: str, run: Callable[[], None]) -> int:
    """The peak memory that a run adds: of tensors on a GPU, of the whole process on the CPU."""
    run()  # load libraries
    if device == "cuda":
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        run()
        return torch.cuda.max_memory_allocated() - before
    before = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    run()
    return _resident("VmHWM") - before


def _resident(what: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) * 1024


def seconds(runs: dict[Any, Callable[[], None]], device: str) -> dict[Any, float]:
    """The fastest run of each, interleaved so that other load on the machine affects all equally."""
    taken: dict[Any, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS + 1):  # the first warms up
        for name, run in runs.items():
            started = time.perf_counter()
            run()
            if device == "cuda":
                torch.cuda.synchronize()
            taken[name].append(time.perf_counter() - started)
    return {name: min(times[1:]) for name, times in taken.items()}


def bytes_of(folder: Path, threads: int, way: str) -> int:
    """`peak_bytes` on the CPU, in a separate process."""
    command = [sys.executable, __file__, "--way", way, "--folder", folder, "--threads", str(threads)]
    # returns freed memory to the system at once, so that it does not count
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    return int(done.stdout.splitlines()[-1])


def compare(case: Case, bytes_of_way: Callable[[str], int]) -> bool:
    """Print the cost of each method; whether the pass stays within its bounds."""
    device = case.answerer.checkpoint.device
    taken = seconds(case.ways(), device)
    for way, answers in AT_ONCE.items():
        taken[way] /= answers
    held = {way: bytes_of_way(way) for way in WAYS}
    prompt = case.answerer.builder.build(case.questions()[:1])["input_ids"].shape[1]
    card = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    billions = case.answerer.checkpoint.model.num_parameters() / 1e9
    print(f"{card}, {billions:.2f} G parameters: {prompt} prompt tokens, {case.tokens} answer tokens; per answer")
    for way in WAYS:
        print(
            f"  {way:17} {taken[way]:7.3f} s, {held[way] / 1e6:8.1f} MB, 1/{taken['eager'] / taken[way]:.1f} of eager"
        )
    ratios = {
        "time": taken["probes"] / taken["eager"],
        "time with the fast generation": (taken["probes"] + taken[FAST]) / taken["eager"],
        "memory": held["probes"] / held["eager"],
    }
    bounds = MAX_TIME | {"memory": case.max_memory}
    for name, ratio in ratios.items():
        print(f"  the pass takes 1/{1 / ratio:.1f} of the {name} of eager generation (bound: 1/{1 / bounds[name]:.0f})")
    lengths = seconds({tokens: lambda tokens=tokens: case.probe(tokens=tokens) for tokens in case.lengths}, device)
    print("  pass of a sample by answer tokens:", ", ".join(f"{n}: {time:.3f} s" for n, time in lengths.items()))
    return all(ratios[name] <= bounds[name] for name in bounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2, help="CPU threads of torch; default: 2")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="run on this device only; default: all available")
    parser.add_argument("--heads", type=int, default=16, help="attention heads of the CPU model; default: 16")
    parser.add_argument("--key-value-heads", type=int, default=16, help="key-value heads of the CPU model; default: 16")
    parser.add_argument(
        "--ffn-width",
        type=int,
        default=2 * WIDTH,
        help=f"width of the CPU model's feed-forward network; default: {2 * WIDTH}",
    )
    parser.add_argument("--way", choices=WAYS, help="only print the peak memory of this method, in bytes")
    parser.add_argument("--folder", type=Path, help="folder of the model for --way")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    if arguments.way:
        case = small_case(arguments.folder)
        print(peak_bytes("cpu", case.ways()[arguments.way]))
        return
    devices = [arguments.device] if arguments.device else ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    within = []
    if "cpu" in devices:
        with TemporaryDirectory() as folder:
            save_model(Path(folder), arguments.heads, arguments.key_value_heads, arguments.ffn_width)
            within.append(compare(small_case(Path(folder)), lambda way: bytes_of(Path(folder), arguments.threads, way)))
    if "cuda" in devices:
        case = published_case()
        within.append(compare(case, lambda way: peak_bytes("cuda", case.ways()[way])))
    if not all(within):
        sys.exit("above the bounds")


if __name__ == "__main__":
    main()
