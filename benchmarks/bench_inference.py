"""Inference speed.

On the CPU, a model of the registry answers about pairs of the demo dataset: samples per second at batch sizes 1 and 16,
measured from decoded images to text. Their ratio must be at least 3. Contrastive decoding, which runs two passes per
token, is compared with the model itself.

On a GPU, a Qwen2-VL of the published 7B size with random weights (`published_size.py`) generates answers of 128 tokens.
Reports seconds per pair (three answers): one question at a time; in batches of questions about different pairs; and, as
in the inference stage, in rows that each hold a pair's three questions, of which the largest batch must stay within a
bound. For comparison, reports the lower bound of a step (reading the weights once at copy speed) and the time of a step
captured as a CUDA graph.
Run: python benchmarks/bench_inference.py
"""

import argparse
import sys
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import StaticCache

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow_scripts"))

import published_size

from spd_faith.dataset.demo import demo_pairs, image_row
from spd_faith.dataset.encoded_images import decode
from spd_faith.dataset.entries import DATASETS
from spd_faith.inference.batches import Shown
from spd_faith.inference.checkpoint import Checkpoint, load_checkpoint
from spd_faith.inference.contrastive_decoding import CONTRAST_RUNS
from spd_faith.inference.entries import MODELS, TransformersModel
from spd_faith.inference.generator import Generator
from spd_faith.inference.intervention import Intervention
from spd_faith.inference.prompts import load_prompts
from spd_faith.inference.transformers_answerer import TransformersAnswerer

ROOT = Path(__file__).parents[1]
MIN_RATIO = 3.0
CPU_BATCHES = (1, 16)
TASKS = 3
TOKENS = 128
BATCHES_OF_QUESTIONS = (8, 24)
ROWS_OF_PAIRS = (1, 8, 24)
PAIRS_CAPTURED = 8
MAX_FRACTION_OF_ONE_BY_ONE = 1 / 10  # time per pair in rows of 24 pairs, relative to one question at a time


@dataclass(frozen=True)
class Speed:
    samples_per_s: float
    tokens_per_s: float


def questions_of(number: int) -> list[Shown]:
    """The question `describe` about the first pairs of the demo dataset."""
    prompt = load_prompts(ROOT / "resources/prompts")["describe"].text
    dataset = DATASETS.load_entry(ROOT / "config/datasets.yaml", "demo")
    rows = map(image_row, islice(demo_pairs(dataset), number))
    return [(prompt, decode(row["original"]), decode(row["modified"])) for row in rows]


def measure(generator: Generator, questions: list[Shown], batch_size: int) -> Speed:
    generator.generate(questions[:batch_size])  # warm up
    started = time.perf_counter()
    answers = [
        answer
        for start in range(0, len(questions), batch_size)
        for answer in generator.generate(questions[start : start + batch_size])
    ]
    seconds = time.perf_counter() - started
    return Speed(len(answers) / seconds, sum(len(answer.token_ids) for answer in answers) / seconds)


def measure_on_cpu(entry: TransformersModel, questions: list[Shown]) -> bool:
    """Print the speed of each batch size; whether the larger one reaches the required ratio."""
    generator = TransformersAnswerer(load_checkpoint(entry, device="cpu")).generator
    rates = []
    for batch_size in CPU_BATCHES:
        speed = measure(generator, questions, batch_size)
        rates.append(speed.samples_per_s)
        print(f"CPU, batch {batch_size:2}: {speed.samples_per_s:6.2f} samples/s, {speed.tokens_per_s:6.0f} tokens/s")
    ratio = rates[-1] / rates[0]
    print(f"batch {CPU_BATCHES[-1]} answers {ratio:.1f} times as many samples per second as batch {CPU_BATCHES[0]}")
    return ratio >= MIN_RATIO


def measure_contrast_on_cpu(entry: TransformersModel, questions: list[Shown]) -> None:
    """Print the speed of each kind of contrastive decoding at the largest batch size."""

    def seconds_per_token(intervention: Intervention | None) -> float:
        variant = entry.model_copy(update={"intervention": intervention})
        generator = TransformersAnswerer(load_checkpoint(variant, device="cpu")).generator
        return 1 / measure(generator, questions, CPU_BATCHES[-1]).tokens_per_s

    own = seconds_per_token(None)
    for mask in CONTRAST_RUNS:
        contrast = Intervention.model_validate({"contrast": {"strength": 1, "mask": mask}})
        ratio = seconds_per_token(contrast) / own
        print(f"contrast with {mask}: {ratio:.1f} times the seconds per token in batches of {CPU_BATCHES[-1]}")


def pairs_of_noise(number: int) -> list[list[Shown]]:
    """The three questions about each of `number` pairs; questions about a pair share its image objects."""
    prompts = load_prompts(ROOT / "resources/prompts").values()
    random = np.random.default_rng(0)
    size = (published_size.SIDE, published_size.SIDE, 3)
    pairs = []
    for _ in range(number):
        images = [Image.fromarray(random.integers(0, 256, size, dtype=np.uint8)) for _ in range(2)]
        pairs.append([(prompt.text, *images) for prompt in prompts])
    return pairs


def seconds(answerer: TransformersAnswerer, questions: list[Shown]) -> float:
    """Seconds to answer the questions in one call, after a warm-up call."""
    answerer.generator.generate(questions)
    torch.cuda.synchronize()
    started = time.perf_counter()
    answers = answerer.generator.generate(questions)
    torch.cuda.synchronize()
    assert {len(answer.token_ids) for answer in answers} == {answerer.checkpoint.decoding.max_new_tokens}
    return time.perf_counter() - started


def floor_of_a_step(checkpoint: Checkpoint) -> float:
    """Seconds to read the decoder's weights once at the speed of a copy on the device."""
    decoder = [*checkpoint.model.get_decoder().layers.parameters(), *checkpoint.model.lm_head.parameters()]
    num_bytes = sum(weight.numel() * weight.element_size() for weight in decoder)
    source = torch.empty(2**31, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    target.copy_(source)
    begin.record()
    for _ in range(10):
        target.copy_(source)
    end.record()
    torch.cuda.synchronize()
    bytes_per_s = 10 * 2 * source.numel() / (begin.elapsed_time(end) / 1000)
    return num_bytes / bytes_per_s


@torch.inference_mode()
def captured_step(checkpoint: Checkpoint, pairs: int, prompt: int) -> float:
    """Seconds of a step captured as a CUDA graph over a static cache.

    Each row has a prompt of random states and one token per question; the values do not affect the time.
    """
    model, device = checkpoint.model, checkpoint.device
    text = model.config.get_text_config()
    length = prompt + TASKS * TOKENS
    cache = StaticCache(config=text, max_cache_len=length)
    prompts = torch.randn(pairs, prompt, text.hidden_size, device=device, dtype=model.dtype)
    model.get_decoder()(inputs_embeds=prompts, past_key_values=cache, use_cache=True)
    inputs = {
        "input_ids": torch.zeros(pairs, TASKS, dtype=torch.long, device=device),
        "position_ids": torch.full((pairs, TASKS), prompt, device=device),
        "attention_mask": torch.ones(pairs, 1, TASKS, length, dtype=torch.bool, device=device),
    }

    def step() -> torch.Tensor:
        states = model.get_decoder()(**inputs, past_key_values=cache, use_cache=True).last_hidden_state
        return model.lm_head(states).argmax(dim=-1)

    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    for _ in range(TOKENS // 2):
        graph.replay()
    end.record()
    torch.cuda.synchronize()
    return begin.elapsed_time(end) / 1000 / (TOKENS // 2)


def measure_on_gpu() -> bool:
    """Print the seconds per pair of each method; whether rows stay within their bound."""
    checkpoint = published_size.published_checkpoint(max_new_tokens=TOKENS)
    answerer = TransformersAnswerer(checkpoint)
    shorter = TransformersAnswerer(published_size.shortened(checkpoint, TOKENS // 4))
    pairs = pairs_of_noise(max(*BATCHES_OF_QUESTIONS, *ROWS_OF_PAIRS))
    prompt = answerer.builder.build(pairs[0][:1])["input_ids"].shape[1]
    print(f"{torch.cuda.get_device_name()}: {prompt} tokens of prompt, {TASKS} answers of {TOKENS}; seconds per pair")
    one_by_one = sum(seconds(answerer, [question]) for question in pairs[0])
    print(f"  one question at a time      {one_by_one:6.3f}")
    for number in BATCHES_OF_QUESTIONS:
        taken = TASKS * seconds(answerer, [pair[0] for pair in pairs[:number]]) / number
        print(f"  in batches of {number:2} questions   {taken:6.3f}")
    floor = floor_of_a_step(checkpoint)
    for number in ROWS_OF_PAIRS:
        questions = [question for pair in pairs[:number] for question in pair]
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        whole = seconds(answerer, questions)
        gigabytes = (torch.cuda.max_memory_allocated() - before) / 1e9
        step = (whole - seconds(shorter, questions)) / (TOKENS - TOKENS // 4)
        rate = len(questions) * TOKENS / whole
        print(
            f"  in rows of {number:2} pairs         {whole / number:6.3f}, {rate:5.0f} tokens/s, {gigabytes:4.1f} GB",
            end="",
        )
        print(f"; a step {1000 * step:4.1f} ms (lower bound {1000 * floor:.1f})")
    captured = captured_step(checkpoint, PAIRS_CAPTURED, prompt)
    print(f"  a step of {PAIRS_CAPTURED} pairs, captured as a CUDA graph over a static cache: {1000 * captured:.1f} ms")
    ratio = whole / number / one_by_one
    bound = f"bound: 1/{1 / MAX_FRACTION_OF_ONE_BY_ONE:.0f}"
    print(f"rows of {number} pairs take 1/{1 / ratio:.1f} of the time of one question at a time ({bound})")
    return ratio <= MAX_FRACTION_OF_ONE_BY_ONE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--model", default="tiny-qwen2-vl", help="name of the model in the models file; default: tiny-qwen2-vl"
    )
    parser.add_argument(
        "--models-file",
        type=Path,
        default=ROOT / "config/models.yaml",
        help="file that defines the models; default: config/models.yaml",
    )
    parser.add_argument("--pairs", type=int, default=64, help="pairs of the demo dataset; default: 64")
    parser.add_argument("--threads", type=int, help="CPU threads of torch; default: those of the model's entry")
    arguments = parser.parse_args()
    entry = MODELS.load_entry(arguments.models_file, arguments.model)
    torch.set_num_threads(arguments.threads or entry.resources.threads)
    if (ROOT / entry.model).is_dir():
        entry = entry.model_copy(update={"model": str(ROOT / entry.model)})
    within = [measure_on_cpu(entry, questions_of(arguments.pairs))]
    measure_contrast_on_cpu(entry, questions_of(arguments.pairs))
    if torch.cuda.is_available():
        within.append(measure_on_gpu())
    else:
        print("no GPU available; skipped the GPU benchmark")
    if not all(within):
        sys.exit("slower than the bounds")


if __name__ == "__main__":
    main()
