"""The lexicon: each file belongs to one module, and words added to it are read."""

import ast
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from spd_faith.language.lexicon import LEXICON

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "workflow_scripts" / "spd_faith"


def loaded_files() -> Counter[str]:
    calls = (
        node
        for path in LIBRARY.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "load_lexicon"
    )
    return Counter(ast.literal_eval(call.args[0]) for call in calls)


def test_each_file_is_loaded_by_one_module():
    assert loaded_files() == dict.fromkeys((path.stem for path in LEXICON.glob("*/*.yaml")), 1)


@pytest.mark.parametrize(
    ("file", "before", "after", "clause", "expected"),
    [
        ("changes.yaml", "recolor,", "recolor, rehued,", "the car was rehued", ["color", "car"]),
        ("changes.yaml", "removed,", "", "the car was removed", ["car"]),
        ("objects.yaml", "hatchback,", "hatchback, gizmobile,", "the gizmobile is gone", ["remove", "car"]),
    ],
)
def test_a_word_added_to_a_file_is_read(tmp_path, file, before, after, clause, expected):
    for part in ("core", "language"):
        shutil.copytree(LIBRARY / part, tmp_path / "workflow_scripts" / "spd_faith" / part)
    shutil.copytree(LEXICON, tmp_path / "resources" / "lexicon")
    path = tmp_path / "resources" / "lexicon" / "en" / file
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    code = (
        "from spd_faith.language.changes import find_types\n"
        "from spd_faith.language.categories import CATEGORIES, object_hits\n"
        "from spd_faith.language.words import words_of\n"
        f"clause = {clause!r}\n"
        "print(*(mention.value for mention in find_types(clause)))\n"
        "print(*(hit.value for hit in object_hits(words_of(clause))))\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path / "workflow_scripts", capture_output=True, text=True, check=True
    ).stdout.split()
    assert found == expected
