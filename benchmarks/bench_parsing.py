"""Time to parse 3,000 mixed answers.

The answers are long prose with JSON, fenced, damaged and truncated JSON, prose without JSON, and verdicts of a word or
a paragraph. The baseline is `json.loads` on the valid JSON of the same answers. Also parses hostile answers of 25 and
100 kB: four times the length may take at most ten times as long. Run: python benchmarks/bench_parsing.py
"""

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))

from spd_faith.language.categories import CATEGORIES
from spd_faith.parsing.table import parse_response

RESPONSES = 3000
LIMIT_S = 2.0
HOSTILE = ("{", "\\boxed{", "<think>", "x <think> ", "<answer>", '{\\"', '{"claims": [', "“", "\\_", "&amp;", "a{b}")
MAX_RATIO = 10
COLORS = ("red", "orange", "yellow", "green", "blue", "purple", "brown", "black")


def answer(number: int) -> tuple[str, str, str]:
    """(task, answer, its JSON or "") in one of eight styles, in turn."""
    names = [CATEGORIES[(number * 7 + k * 13) % len(CATEGORIES)] for k in range(3)]
    old, new = COLORS[number % 8], COLORS[(number + 3) % 8]
    kinds = ("color", "remove", "position")
    entries = [{"type": kind, "category": name} for kind, name in zip(kinds, names, strict=True)]
    block = json.dumps({"predicted_num": 3, "structured_output": entries})
    prose = (
        f"Let me compare the two pictures object by object. There are three differences. First, the color of the "
        f"{names[0]} has changed from {old} to {new}. Second, the {names[1]} has been removed: it is visible in the "
        f"first picture but not in the second. Third, the {names[2]} moved from the top left to the bottom right."
    )
    styles = (
        ("describe", f"{prose} {block}", block),
        ("describe", f"{prose}\n\n```json\n{json.dumps(json.loads(block), indent=2)}\n```", block),
        ("describe", f"{prose}\n{block[:-30]}", ""),
        ("describe", str(json.loads(block)), ""),
        ("describe", prose, ""),
        ("same", "No.", ""),
        ("same", f"No, the two pictures are not the same. {prose}", ""),
        ("different", f"Yes, they differ: the {names[0]} turned {new} and the {names[1]} is gone.", ""),
    )
    return styles[number % len(styles)]


def hostile_seconds(unit: str, length: int) -> float:
    """The fastest of three runs, for both kinds of questions."""
    text = unit * (length // len(unit))
    fastest = float("inf")
    for _ in range(3):
        start = time.process_time()
        for task in ("describe", "same"):
            parse_response(task, text, failed=False)
        fastest = min(fastest, time.process_time() - start)
    return fastest


def main() -> None:
    answers = [answer(number) for number in range(RESPONSES)]
    for task, text, _ in answers[:80]:
        parse_response(task, text, failed=False)
    start = time.process_time()  # does not depend on the load of the machine
    rows = [parse_response(task, text, failed=False) for task, text, _ in answers]
    seconds = time.process_time() - start
    start = time.process_time()
    for _, _, block in answers:
        if block:
            json.loads(block)
    plain = time.process_time() - start

    expected = {"json": 750, "repaired": 750, "free_text": 1500}
    found = {status: sum(row["parse_status"] == status for row in rows) for status in expected}
    length = sum(len(text) for _, text, _ in answers) / RESPONSES
    print(f"{RESPONSES} answers of {length:.0f} characters: {seconds:.2f} s, {1e6 * seconds / RESPONSES:.0f} µs each")
    print(f"json.loads of the valid JSON among them: {plain * 1000:.1f} ms, ratio {seconds / plain:.0f}")
    print(f"statuses: {found}")
    if found != expected or seconds > LIMIT_S:
        sys.exit(f"expected {expected} in at most {LIMIT_S} s")

    times = {unit: (hostile_seconds(unit, 25_000), hostile_seconds(unit, 100_000)) for unit in HOSTILE}
    ratios = {unit: long / short for unit, (short, long) in times.items()}
    worst = max(ratios, key=ratios.__getitem__)
    slowest = max(long for _, long in times.values())
    print(f"hostile answers of 100 kB: at most {slowest:.2f} s, {ratios[worst]:.1f} times those of 25 kB ({worst!r})")
    if ratios[worst] > MAX_RATIO:
        sys.exit(f"expected at most {MAX_RATIO} times as long")


if __name__ == "__main__":
    main()
