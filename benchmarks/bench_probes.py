"""What a probe pass costs, against eager generation that hands out its attention and hidden states.

A random Qwen2-VL of 12 layers, 512 wide, is asked the three questions about two pictures of 961 tokens each and answers
with 64 tokens: by eager `generate` with `output_attentions` and `output_hidden_states`, nothing added; by the
inference stage, which generates the answers about a pair side by side, and those of several pairs in a batch, here of
its default size; and the probe pass of a sample, over its three saved answers, from the pictures to the rows of all
tables. Times are per answer. The pass must take at most 1/8 of the eager time (1/5 with that fast generation counted
in) and 1/20 of its peak memory beyond the weights, which is measured in a process of its own, for all that a way does
at once. (In a batch of three, eager generation took half as long again per answer.) For scale, the fast
generation of one pair, and of one answer, alone; the pass over one answer, which shares its pictures with none; and
what no probe can go below: the bare forward pass over one prompt, with nothing read. Then the pass over answers of
other lengths: its cost grows with each token alike. Where there is a GPU the same there.

The model has the proportions of the reference model that it is made from: 16 heads of 32, each with its own keys and
values, a feed-forward network twice as wide as the model, a vision tower of 2 layers of 96. The published ones differ
(Qwen2-VL-2B: heads of 128, six to a key, a network 5.8 times as wide, a vision tower of 32 layers of 1,280). A wider
network and a larger tower cost both ways the same seconds, and fewer heads cost eager attention less, so both bring
the ratio of times nearer to 1; `--heads`, `--key-value-heads` and `--ffn-width` show by how much.
Run: python benchmarks/bench_probes.py
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import AutoConfig, Qwen2VLForConditionalGeneration
from transformers.utils import logging

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow_scripts"))

from spd_faith.core.config import registry_entry
from spd_faith.core.entries import TransformersModel
from spd_faith.dataset.demo import demo_pairs, sample_row
from spd_faith.inference.batches import Shown
from spd_faith.inference.transformers_backend import TransformersBackend
from spd_faith.probes.forward import run_pass
from spd_faith.probes.prepared import prepare_answered
from spd_faith.probes.writing import all_probes

ROOT = Path(__file__).parents[1]
DATASET = registry_entry("datasets", ROOT / "config/datasets.yaml", "demo")
TOKENS = 64
LENGTHS = (64, 128, 256, 512)
WIDTH = 512
SIDE = 868  # pixels of a picture: 31 × 31 tokens
MOST = {"time": 1 / 8, "time with the fast generation": 1 / 5, "memory": 1 / 20}
ROUNDS = 3
PAIRS = TransformersModel.model_fields["batch_size"].default
FAST = f"fast, {PAIRS} pairs"
WAYS = ("eager", FAST, "fast, a pair", "fast, an answer", "probes", "probes, an answer", "bare forward")
QUESTIONS = ("Are the two pictures the same?", "Are the two pictures different?", "How many differences are there?")
TASKS = ("same", "different", "describe")
AT_ONCE = {FAST: PAIRS * len(QUESTIONS), "fast, a pair": len(QUESTIONS), "probes": len(QUESTIONS)}  # answers; else one


def save_model(folder: Path, heads: int, key_value_heads: int, ffn_width: int) -> None:
    """A reference model made wider and deeper, with random weights."""
    reference = ROOT / "resources/models/tiny-qwen2-vl"
    shutil.copytree(reference, folder, ignore=shutil.ignore_patterns("*.safetensors"), dirs_exist_ok=True)
    config = AutoConfig.from_pretrained(reference)
    text = config.text_config
    text.hidden_size, text.intermediate_size = WIDTH, ffn_width
    text.num_attention_heads, text.num_key_value_heads = heads, key_value_heads
    pairs = WIDTH // heads // 2  # of a head's dimensions, shared out as in the published models
    text.rope_parameters |= {"mrope_section": [pairs - 2 * (pairs * 3 // 8), pairs * 3 // 8, pairs * 3 // 8]}
    text.num_hidden_layers = 12
    text.layer_types = ["full_attention"] * text.num_hidden_layers
    config.vision_config.hidden_size = text.hidden_size
    torch.manual_seed(0)
    model = Qwen2VLForConditionalGeneration(config)
    model.generation_config.eos_token_id = text.vocab_size  # no token ends an answer
    model.save_pretrained(folder)


def load(folder: Path, device: str) -> TransformersBackend:
    budget = {"min_pixels": SIDE * SIDE, "max_pixels": SIDE * SIDE}
    fields = {"model": str(folder), "dtype": "float32", "max_new_tokens": TOKENS, "pixel_budget": budget}
    entry = TransformersModel.model_validate({"backend": "transformers", **fields})
    return TransformersBackend(entry, device)


def questions() -> list[Shown]:
    random = np.random.default_rng(0)
    pictures = [Image.fromarray(random.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)) for _ in range(2)]
    return [(text, *pictures) for text in QUESTIONS]


@torch.inference_mode()
def generate_eagerly(backend: TransformersBackend) -> None:
    backend.model.set_attn_implementation("eager")
    inputs = backend.prepare(questions()[:1]).to(backend.model.device)
    more = {"output_attentions": True, "output_hidden_states": True, "return_dict_in_generate": True}
    backend.model.generate(**inputs, max_new_tokens=TOKENS, do_sample=False, **more)
    backend.model.set_attn_implementation("sdpa")


def generate(backend: TransformersBackend, pairs: int = 1, asked: int = len(QUESTIONS)) -> None:
    answers = backend.generate([question for _ in range(pairs) for question in questions()[:asked]])
    assert [len(answer.token_ids) for answer in answers] == [TOKENS] * pairs * asked


@torch.inference_mode()
def forward(backend: TransformersBackend) -> None:
    inputs = backend.prepare(questions()[:1]).to(backend.model.device)
    backend.model.base_model(**inputs, use_cache=False)


def probe(backend: TransformersBackend, asked: int = len(QUESTIONS), tokens: int = TOKENS) -> None:
    answer = (torch.arange(tokens) % 100 + 5).tolist()
    passes = run_pass(backend.model, prepare_answered(backend, questions()[:asked], [answer] * asked))
    samples = {"sample": sample_row(next(demo_pairs(DATASET)))}
    probes = all_probes(samples, backend.processor.tokenizer)
    for task, found in zip(TASKS, passes, strict=False):
        for one in probes:
            list(one.tables("sample", task, found))
    for one in probes:
        list(one.remaining())


def peak_bytes(backend: TransformersBackend, run: Callable[[], None]) -> int:
    """The most memory of a run beyond that before it: of tensors on a GPU, of the whole process on the CPU."""
    run()  # loads libraries
    if backend.device == "cuda":
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        run()
        return torch.cuda.max_memory_allocated() - before
    before = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # begins the peak anew
    run()
    return _resident("VmHWM") - before


def _resident(what: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) * 1024


def ways(backend: TransformersBackend) -> dict[str, Callable[[], None]]:
    runs = (
        lambda: generate_eagerly(backend),
        lambda: generate(backend, PAIRS),
        lambda: generate(backend),
        lambda: generate(backend, asked=1),
        lambda: probe(backend),
        lambda: probe(backend, asked=1),
        lambda: forward(backend),
    )
    return dict(zip(WAYS, runs, strict=True))


def seconds(runs: dict[Any, Callable[[], None]], device: str) -> dict[Any, float]:
    """The quickest run of each, in turn, so that what else the machine does slows all alike."""
    taken: dict[Any, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS + 1):  # the first warms up
        for name, run in runs.items():
            started = time.perf_counter()
            run()
            if device == "cuda":
                torch.cuda.synchronize()
            taken[name].append(time.perf_counter() - started)
    return {name: min(times[1:]) for name, times in taken.items()}


def bytes_of(folder: Path, device: str, threads: int, way: str) -> int:
    """`peak_bytes` in a process of its own."""
    command = [sys.executable, __file__, "--way", way, "--folder", folder, "--device", device]
    # memory that is freed goes back to the system at once, and so does not count as held
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"}
    command += ["--threads", str(threads)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    return int(done.stdout.splitlines()[-1])


def compare(folder: Path, device: str, threads: int) -> bool:
    """Print what each way takes; whether the pass keeps within bounds."""
    backend = load(folder, device)
    taken = seconds(ways(backend), device)
    for way, answers in AT_ONCE.items():
        taken[way] /= answers
    held = {way: bytes_of(folder, device, threads, way) for way in WAYS}
    prompt = backend.prepare(questions()[:1])["input_ids"].shape[1]
    print(f"{device}: {prompt} tokens of prompt, {TOKENS} of answer; per answer")
    for way in WAYS:
        print(
            f"  {way:17} {taken[way]:7.3f} s, {held[way] / 1e6:7.1f} MB, 1/{taken['eager'] / taken[way]:.1f} of eager"
        )
    ratios = {
        "time": taken["probes"] / taken["eager"],
        "time with the fast generation": (taken["probes"] + taken[FAST]) / taken["eager"],
        "memory": held["probes"] / held["eager"],
    }
    for name, ratio in ratios.items():
        print(f"  of eager generation the pass takes 1/{1 / ratio:.1f} of the {name} (at most 1/{1 / MOST[name]:.0f})")
    lengths = seconds({tokens: lambda tokens=tokens: probe(backend, tokens=tokens) for tokens in LENGTHS}, device)
    print("  pass of a sample by tokens of answer:", ", ".join(f"{n}: {time:.3f} s" for n, time in lengths.items()))
    return all(ratios[name] <= MOST[name] for name in MOST)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2, help="CPU threads of torch")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="one of the two alone")
    parser.add_argument("--heads", type=int, default=16)
    parser.add_argument("--key-value-heads", type=int, default=16)
    parser.add_argument("--ffn-width", type=int, default=2 * WIDTH)
    parser.add_argument("--way", choices=WAYS, help="print the most bytes that one way holds, and nothing else")
    parser.add_argument("--folder", type=Path, help="of the model, for --way")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    if arguments.way:
        backend = load(arguments.folder, arguments.device)
        print(peak_bytes(backend, ways(backend)[arguments.way]))
        return
    devices = [arguments.device] if arguments.device else ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    with TemporaryDirectory() as folder:
        save_model(Path(folder), arguments.heads, arguments.key_value_heads, arguments.ffn_width)
        within = [compare(Path(folder), device, arguments.threads) for device in devices]
    if not all(within):
        sys.exit("expected less")


if __name__ == "__main__":
    main()
