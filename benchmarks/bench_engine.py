"""Questions per second of the transformers backend and of a vLLM engine, asked the same pairs in one run.

On a GPU, both hold a Qwen2-VL of the published 7B size with random weights (`published_size.py`; the engine draws its
own) and generate 128 tokens an answer. On the CPU, both hold a tiny reference model and must give equal answers; there
the figures say what starting an engine and talking to it cost, nothing about its speed.
Run: python benchmarks/bench_engine.py --command '/opt/vllm/bin/vllm serve'
"""

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow_scripts"))

from spd_faith.core.gpus import visible_gpus
from spd_faith.dataset.demo import demo_pairs, image_row
from spd_faith.dataset.entries import DATASETS
from spd_faith.inference.answers import Answerer
from spd_faith.inference.backends import open_vllm
from spd_faith.inference.entries import TransformersModel, VllmModel
from spd_faith.inference.prompts import load_prompts
from spd_faith.inference.questions import Question

ROOT = Path(__file__).parents[1]
TINY = {"model": str(ROOT / "resources/models/tiny-qwen2-vl"), "dtype": "float32", "max_new_tokens": 128}
TOKENS = 128
PAIRS_PER_BATCH = (8, 24)


@dataclass(frozen=True)
class Speed:
    seconds: float
    tokens: dict[tuple[str, str], list[int]]

    def __str__(self) -> str:
        rate = len(self.tokens) / self.seconds
        return f"{rate:7.1f} questions/s, {sum(map(len, self.tokens.values())) / self.seconds:7.0f} tokens/s"


def demo_questions(pairs: int) -> Iterator[Question]:
    """The three questions about the first pairs of the demo dataset."""
    dataset = DATASETS.load_entry(ROOT / "config/datasets.yaml", "demo")
    prompts = load_prompts(ROOT / "resources/prompts").items()
    for number, row in enumerate(map(image_row, islice(demo_pairs(dataset), pairs))):
        for task, prompt in prompts:
            yield Question(str(number), task, prompt.text, row["original"], row["modified"])


def noise_questions(pairs: int, side: int) -> Iterator[Question]:
    """The same about pairs of random images."""
    prompts = load_prompts(ROOT / "resources/prompts").items()
    random = np.random.default_rng(0)
    for number in range(pairs):
        images = []
        for _ in range(2):
            file = BytesIO()
            Image.fromarray(random.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(
                file, "png", compress_level=1
            )
            images.append(file.getvalue())
        for task, prompt in prompts:
            yield Question(str(number), task, prompt.text, *images)


def measure(answerer: Answerer, questions: list[Question]) -> Speed:
    """Answer all questions; the last answer ends the time, not what the engine does afterwards."""
    started = ended = time.perf_counter()
    tokens = {}
    for question, answer in answerer.answer(questions):
        assert answer.response_token_ids is not None, answer.error
        tokens[question.sample_id, question.task] = answer.response_token_ids
        ended = time.perf_counter()
    return Speed(ended - started, tokens)


def measure_engine(entry: VllmModel, questions: list[Question], threads: int) -> Speed:
    """The speed of a started engine; prints how long the start took."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        with open_vllm(entry, Path(folder), threads) as answerer:
            print(f"vLLM: started in {time.perf_counter() - started:.0f} s")
            return measure(answerer, questions)


def on_cpu(command: str, pairs: int, threads: int) -> None:
    import torch

    from spd_faith.inference.checkpoint import load_checkpoint
    from spd_faith.inference.transformers_answerer import TransformersAnswerer

    print("Tiny models on the CPU: what starting an engine and talking to it cost, nothing about its speed")
    torch.set_num_threads(threads)
    questions = list(demo_questions(pairs))
    options = {"max_model_len": 2048}
    engine = VllmModel.model_validate({"backend": "vllm", "command": command, "options": options, "parity": 0} | TINY)
    for batch in PAIRS_PER_BATCH:
        plain = TransformersModel.model_validate({"backend": "transformers", "batch_size": batch} | TINY)
        expected = measure(TransformersAnswerer(load_checkpoint(plain, "cpu")), questions)
        print(f"transformers, {batch:2} pairs a batch: {expected}")
    found = measure_engine(engine, questions, threads)
    equal = sum(found.tokens[key] == tokens for key, tokens in expected.tokens.items())
    print(f"vLLM, {engine.concurrency} questions in flight:  {found}; {equal} of {len(questions)} answers equal")
    print(f"vLLM answers {expected.seconds / found.seconds:.2f} times as many questions a second")


def on_gpu(command: str, pairs: int, threads: int) -> None:
    import published_size
    import torch

    from spd_faith.inference.transformers_answerer import TransformersAnswerer

    questions = list(noise_questions(pairs, published_size.SIDE))
    checkpoint = published_size.published_checkpoint(max_new_tokens=TOKENS)
    print(f"{torch.cuda.get_device_name()}: {len(questions)} questions, answers of {TOKENS} tokens")
    for batch in PAIRS_PER_BATCH:
        of_size = checkpoint.entry.model_copy(update={"batch_size": batch})
        plain = TransformersAnswerer(published_size.with_entry(checkpoint, of_size))
        measure(plain, questions[: 3 * batch])  # warm up
        best = measure(plain, questions)
        print(f"transformers, {batch:2} pairs a batch: {best}")
    del plain, checkpoint
    torch.cuda.empty_cache()
    with tempfile.TemporaryDirectory() as folder:
        published_size.write_without_weights(Path(folder))
        fields = {"model": folder, "dtype": "bfloat16", "max_new_tokens": TOKENS, "resources": {"gpu": 1}, "parity": 0}
        budget = {"min_pixels": published_size.SIDE**2, "max_pixels": published_size.SIDE**2}
        engine = VllmModel.model_validate(
            {"backend": "vllm", "command": f"{command} --load-format dummy", "options": {"max_model_len": 4096}}
            | {"pixel_budget": budget, "requires_gpu": True}
            | fields
        )
        found = measure_engine(engine, questions, threads)
    print(f"vLLM, {engine.concurrency} questions in flight:  {found}")
    print(f"vLLM answers {best.seconds / found.seconds:.2f} times as many questions a second")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--command", default="vllm serve", help="starts the engine; default: %(default)s")
    parser.add_argument("--pairs", type=int, default=96, help="pairs; default: %(default)s")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads of torch; default: %(default)s")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    (on_gpu if visible_gpus() else on_cpu)(arguments.command, arguments.pairs, arguments.threads)


if __name__ == "__main__":
    main()
