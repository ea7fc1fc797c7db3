"""Time of the rules judge for 3,000 pairs, and for answers of 60,000 repeated words.

The pairs are the labelled tuning answers, each judged once (DRF or CR), so no clause is remembered from an earlier
round; their time is scaled to 3,000 pairs with an answer to each question. The baseline is a regular expression that
finds the words of the same answers. Each long answer is parsed, judged for DRF and judged for CR, one after the other.
Times are of the processor and do not depend on other programs' load. Run: python benchmarks/bench_judging.py
"""

import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))

from spd_faith.judging.consistency import YesNoAnswer, judge_consistency
from spd_faith.judging.reasoning import judge_reasoning
from spd_faith.judging.validation_set import ReasoningItem, load_validation_set
from spd_faith.parsing.table import parse_response

LABELLED = Path(__file__).resolve().parents[1] / "resources" / "judge_validation"
TUNING = [LABELLED / name for name in ("answers.yaml", "further_answers.yaml")]
PAIRS = 3000
LIMIT_S = 20.0
WORDS = 60_000
LONG_LIMIT_S = 1.0
REPEATED = (
    *("the car moved and ", "identical in color ", "wait, no, ", "both show a car and ", "red ", "more ", "car, dog, "),
    *("- **Car**: red in the first image. ", "- Car\n", "# Car\nred\n", "| a | b |\n", '["a", ', '"a": {"b": ', "1. "),
    *("In image 1, there is a car. ", "The car is red. ", "the red car and the blue dog ", '{"type": "color"}, '),
)
Truth = dict[str, Any]


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def find_words(text: str) -> float:
    return seconds(lambda: re.findall(r"\w+", text))


def judge_pair(same: str, different: str) -> float:
    verdicts = [parse_response(task, text, False) for task, text in (("same", same), ("different", different))]
    answers = [YesNoAnswer(text, row["verdict"]) for text, row in zip((same, different), verdicts, strict=True)]
    return seconds(lambda: judge_consistency(*answers))


def judge_description(truth: Truth, text: str) -> float:
    parsed = parse_response("describe", text, False)
    return seconds(lambda: judge_reasoning(truth, text, parsed))


def long_answer(unit: str, truth: Truth) -> dict[str, float]:
    """Seconds of each step for an answer of `WORDS` words of `unit` repeated."""
    text = unit * (WORDS // len(unit.split()))
    parsing = max(seconds(lambda task=task: parse_response(task, text, False)) for task in ("describe", "same"))
    return {"parse": parsing, "DRF": judge_description(truth, text), "CR": judge_pair(text, text)}


def main() -> None:
    items = [item for path in TUNING for item in load_validation_set(path)]
    described = [item for item in items if isinstance(item, ReasoningItem)]
    answered = [item for item in items if not isinstance(item, ReasoningItem)]
    texts = [item.answer for item in described], [(item.answer.same, item.answer.different) for item in answered]
    truth = described[0].truth.model_dump()
    judge_description(truth, "The zeppelin has moved.")  # loads what is loaded once
    of_drf = sum(judge_description(item.truth.model_dump(), item.answer) for item in described) / len(described)
    of_cr = sum(judge_pair(*pair) for pair in texts[1]) / len(answered)
    of_words = sum(map(find_words, texts[0])) / len(described)
    of_words += sum(find_words(same + different) for same, different in texts[1]) / len(answered)
    plain = PAIRS * of_words
    total = PAIRS * (of_drf + of_cr)
    print(f"{PAIRS} pairs: {total:.1f} s (DRF {1000 * of_drf:.1f} ms, CR {1000 * of_cr:.1f} ms each)")
    print(f"finding the words of these answers: {plain:.3f} s, ratio {total / plain:.0f}")
    times = {(unit, step): took for unit in REPEATED for step, took in long_answer(unit, truth).items()}
    worst = max(times, key=times.__getitem__)
    print(f"an answer of {WORDS} repeated words: at most {times[worst]:.2f} s ({worst[1]} of {worst[0]!r})")
    if total > LIMIT_S or times[worst] > LONG_LIMIT_S:
        sys.exit(f"expected at most {LIMIT_S} s for the pairs and {LONG_LIMIT_S} s for a long answer")


if __name__ == "__main__":
    main()
