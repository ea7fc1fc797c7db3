"""The cause of a failed job from its log: realistic and pathological logs."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from spd_faith.core.failures import cause_of, failed_job, unfinished

NO_ERROR = "no error in the log; the job may have run out of memory (mem_mb) or time (runtime)"
TRACEBACK = """Traceback (most recent call last):
  File "a.py", line 1, in <module>
    main()
  File "b.py", line 7, in main
    raise {raised}
{raised}
"""


@pytest.mark.parametrize(
    ("log", "cause"),
    [
        ("error: a.yaml: no such file\n", ["error: a.yaml: no such file"]),
        (
            "2026-11-26 asking\nmodel: 3/9\r model: 9/9\nerror: http://a/v1: the key was rejected\n  Response: 401\n",
            ["error: http://a/v1: the key was rejected", "  Response: 401"],
        ),
        ("error: first\nTraceback of nothing\nerror: last\n", ["error: last"]),
        ("usage: plan.py [-h]\nplan.py: error: the following are required: --run\n",
         ["plan.py: error: the following are required: --run"]),
        (TRACEBACK.format(raised="KeyError: 'a'"), ["KeyError: 'a'"]),
        (
            TRACEBACK.format(raised="OSError: first") + "\nDuring handling of it, another occurred:\n\n"
            + TRACEBACK.format(raised="torch.OutOfMemoryError: CUDA out of memory.\n  Tried to allocate 2 GiB"),
            ["torch.OutOfMemoryError: CUDA out of memory.", "  Tried to allocate 2 GiB"],
        ),
        ("a warning says error: of some kind\n" + TRACEBACK.format(raised="MemoryError"), ["MemoryError"]),
        ("Traceback (most recent call last):\n  File", [NO_ERROR, "  last line:   File"]),  # cut off
        ("", [NO_ERROR]),
        ("model: 3/9\rmodel: 4/9\n\n", [NO_ERROR, "  last line: model: 4/9"]),
        ("error: \x1b[2Jgone \u202e\n", [r"error: \x1b[2Jgone \u202e"]),
        ("error: " + "x" * 5000, ["error: " + "x" * 193]),
    ],
)  # fmt: skip
def test_the_cause_is_the_last_error_of_the_log(tmp_path: Path, log: str, cause: list[str]) -> None:
    path = tmp_path / "log"
    path.write_text(log, encoding="utf-8")
    assert cause_of(path) == cause


def test_a_long_error_is_shortened_and_a_long_log_read_from_its_end(tmp_path: Path) -> None:
    path = tmp_path / "log"
    faults = [f"  fault {number}" for number in range(30)]
    path.write_text("x" * 1_000_000 + "\n" + "\n".join(["error: many", *faults]))
    assert cause_of(path) == ["error: many", *faults[:11], "... 19 more lines"]


def test_bytes_that_are_no_text_are_shown_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"\xff\xfe\nerror: \xe4\n")
    assert cause_of(tmp_path / "log") == ["error: \ufffd"]


def test_a_job_is_named_with_its_log_and_cause(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("error: a\n  b\n")
    log = str(tmp_path / "log")
    expected = f"  run_inference of m ({log}):\n    error: a\n      b"
    assert failed_job("run_inference", {"dataset": "d", "model": "m"}, log) == expected
    none = tmp_path / "none"
    assert failed_job("plan", {}, str(none)) == f"  plan ({none}):\n    no log: the job did not start"
    assert failed_job("make_dataset", {"dataset": "d"}, None) == "  make_dataset of d"


def test_of_a_group_only_what_is_missing_failed(tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    done = SimpleNamespace(output=[tmp_path / "there"])
    failed = SimpleNamespace(output=[tmp_path / "there", tmp_path / "missing"])
    assert unfinished([done, failed]) == [failed]
