"""Commands on odd terminals: real processes that print what a command prints."""

import json
import os
import pty
import struct
import subprocess
import sys
import termios
from fcntl import ioctl
from pathlib import Path

import pandas as pd
import pytest
from rich.cells import cell_len
from waiting import COMMAND_SECONDS

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "workflow_scripts"
METRICS = ("drf", "tf1", "cf1", "dqr", "ds", "cr", "overall")
LABELS = ["Model [4bit] :fire: a|b", "two\nlines \x1b[31mred\x1b[0m", "模型 😀", "نموذج", "long" * 20]
ENCODINGS = [
    {"PYTHONIOENCODING": "latin-1"},
    {"PYTHONIOENCODING": "cp1252"},
    {"PYTHONIOENCODING": "ascii"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
]


def command_of(code: str) -> list[str]:
    """A command whose `main` is `code`, in ASCII, for any locale has to read it."""
    lines = ["import sys, logging", f"sys.path.insert(0, {str(SCRIPTS)!r})"]
    lines += ["from spd_faith.core.errors import UserError, run_command"]
    lines += ["def main():", *(f"    {line}" for line in code.split("\n")), "run_command(main)"]
    return [sys.executable, "-c", "\n".join(lines).encode("ascii", "backslashreplace").decode()]


def printed(code: str, **variables: str) -> tuple[int, bytes, bytes]:
    process = subprocess.Popen(
        command_of(code), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | variables
    )
    out, err = process.communicate(timeout=COMMAND_SECONDS)
    return process.returncode, out, err


@pytest.mark.parametrize("variables", ENCODINGS)
def test_what_an_encoding_lacks_is_printed_in_ascii(variables):
    code = "print('90–96 “a” 模')\nlogging.basicConfig()\nlogging.warning('90–96 模')\nraise UserError('90–96 模')"
    returncode, out, err = printed(code, **variables)
    assert returncode == 1
    if variables.get("PYTHONIOENCODING") == "cp1252":  # which has a dash and these quotes
        assert out.decode("cp1252") == "90–96 “a” \\u6a21\n"
    else:
        assert out == b'90-96 "a" \\u6a21\n'
        assert err == b"WARNING:root:90-96 \\u6a21\nerror: 90-96 \\u6a21\n"


def test_utf_8_stays_as_it_is():
    assert printed("print('90–96 “a” 模 😀')") == (0, "90–96 “a” 模 😀\n".encode(), b"")


def test_no_text_acts_on_the_terminal():
    code = r"print('a\x1b[2J\x07\r\u202eb')" + "\n" + r"logging.warning('c\x1b]0;x\x07')" + "\n"
    returncode, out, err = printed(code + r"raise UserError('d\x1b[2J\n  e\rf')")
    assert (returncode, out) == (1, rb"a\x1b[2J\x07\r\u202eb" + b"\n")
    assert err == rb"WARNING:root:c\x1b]0;x\x07" + b"\n" + rb"error: d\x1b[2J" + b"\n" + rb"  e\rf" + b"\n"


def test_bars_still_move():
    code = "from tqdm import tqdm\nfor _ in tqdm(range(2), position=1): pass\nprint('done')"
    returncode, out, err = printed(code)
    assert (returncode, out) == (0, b"done\n")
    assert b"\r" in err and b"\x1b[A" in err and rb"\x1b" not in err and rb"\r" not in err


def test_the_work_continues_after_the_reader_is_gone(tmp_path):
    code = f"for _ in range(20000): print('a line')\nopen({str(tmp_path / 'done')!r}, 'w').close()"
    process = subprocess.Popen(command_of(code), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b"" and process.wait(timeout=COMMAND_SECONDS) == 0
    assert (tmp_path / "done").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has it")
def test_a_full_disk_is_reported_in_a_line():
    with Path("/dev/full").open("w") as full:
        process = subprocess.Popen(command_of("print('x')"), stdout=full, stderr=subprocess.PIPE)
        _, err = process.communicate(timeout=COMMAND_SECONDS)
    assert (process.returncode, err) == (1, b"error: <stdout>: No space left on device\n")


@pytest.mark.parametrize("closed", ["1", "2"])
def test_a_stream_that_the_caller_closed_is_left_alone(closed, tmp_path):
    done = f"open({str(tmp_path / 'done')!r}, 'w').close()"
    command = command_of(f"print('x')\nprint('y', file=sys.stderr)\n{done}")
    script = f'exec "$0" "$@" {closed}>&-'
    done = subprocess.run(["sh", "-c", script, *command], timeout=COMMAND_SECONDS)
    assert done.returncode == 0 and (tmp_path / "done").exists()


# ---- tables ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def results(tmp_path):
    """A folder of results with a leaderboard of odd labels, by two judges."""
    rows = []
    for judge in ("rules", "judge|two"):
        for rank, label in enumerate(LABELS, start=1):
            row = {"origin": "run", "rank_low": rank, "rank_high": len(LABELS), "label": label, "model": label}
            row |= {"judge": judge, "judge_label": judge} | {f"{metric}_best": rank == 1 for metric in METRICS}
            row |= {
                "n": 160,
                "transport_failures": 0,
                "ask_again": None,
                "unsupported": None,
                "role": "model",
                "variant_of": None,
            }
            rows.append(row | {f"{metric}{end}": 1.0 for metric in METRICS for end in ("", "_low", "_high")})
    folder = tmp_path / "results" / "demo"
    folder.mkdir(parents=True)
    pd.DataFrame(rows).to_parquet(folder / "leaderboard.parquet")
    return folder


def show(folder: Path, *flags: str, **variables: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(SCRIPTS / "show_leaderboard.py"), "--results", str(folder), *flags]
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"} | variables
    return subprocess.run(command, env=environment, capture_output=True, timeout=COMMAND_SECONDS, cwd=folder.parents[1])


def table_of(output: str) -> list[str]:
    return output[: output.index("Leaderboard, to open")].splitlines()[1:-1]


@pytest.mark.parametrize(
    "variables", [{}, {"COLUMNS": "80"}, {"COLUMNS": "80", "TERM": "dumb", "FORCE_COLOR": "1"}, *ENCODINGS]
)
def test_columns_stay_aligned_whatever_the_labels(results, variables):
    done = show(results, **variables)
    assert done.returncode == 0 and done.stderr == b""
    output = done.stdout.decode(variables.get("PYTHONIOENCODING", "utf-8"))
    lines = table_of(output)
    (width,) = {cell_len(line) for line in lines if line.strip()}
    assert width <= int(variables.get("COLUMNS", 110))
    assert "\x1b" not in output
    if not variables:
        first = next(line for line in lines if f" 1–{len(LABELS)} " in line)
        last = next(line for line in lines if f" {len(LABELS)} " in line)
        assert first.count("100.0*") == len(METRICS) and "*" not in last
        assert "Model [4bit] :fire: a|b" in output and r"two lines \x1b[31mred\x1b[0m" in output


@pytest.mark.parametrize("flags", [(), ("--is-default",)])
def test_the_last_lines_name_the_page_first_and_what_is_next_after_the_default_run_alone(results, flags):
    output = show(results, *flags).stdout.decode()
    lines = output[output.index("Leaderboard, to open") :].splitlines()
    assert lines[0].split(": ")[1] == f"{results}/leaderboard.html (also .md, .csv, .tex, .parquet)"
    assert lines[1].startswith("Answers, claims and scores")
    assert [line.split(":")[0] for line in lines[2:]] == ["Next, on a machine with a GPU"] * len(flags)


def test_a_variant_has_no_rank_and_says_whose_it_is(tmp_path):
    row = {"origin": "run", "judge": "rules", "judge_label": "rules", "n": 160, "transport_failures": 0}
    row |= {"ask_again": None, "unsupported": None} | {f"{metric}_best": False for metric in METRICS}
    row |= {f"{metric}{end}": 1.0 for metric in METRICS for end in ("", "_low", "_high")}
    base = {"model": "a", "label": "Base", "role": "model", "variant_of": None, "rank_low": 1, "rank_high": 1}
    changed = {"model": "b", "label": "B", "role": "variant", "variant_of": "a", "rank_low": None, "rank_high": None}
    pd.DataFrame([row | base, row | changed]).to_parquet(tmp_path / "leaderboard.parquet")
    lines = [line.replace("│", " ").split() for line in show(tmp_path).stdout.decode().splitlines()]
    assert any(line[:2] == ["–", "B"] and "(variant of Base)" in " ".join(line) for line in lines)


def test_a_model_that_was_not_asked_says_why_once(results):
    path = results / "leaderboard.parquet"
    rows = pd.read_parquet(path)
    rows.loc[rows["model"] == LABELS[0], ["label", "unsupported"]] = ["Short", "ffn_scale: no sum"]
    rows.to_parquet(path)
    output = show(results).stdout.decode()
    assert (
        output.count("WARNING: Short was not asked; unsupported: ffn_scale: no sum\n") == output.count("WARNING") == 1
    )
    assert "forcerun" not in output


def test_a_terminal_of_80_columns(results):
    """On a real one, which is asked for its width."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    variables = {name: value for name, value in os.environ.items() if name != "COLUMNS"} | {"TERM": "xterm-256color"}
    command = [sys.executable, str(SCRIPTS / "show_leaderboard.py"), "--results", str(results)]
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, env=variables)
    os.close(theirs)
    output = b""
    try:
        while part := os.read(ours, 65536):
            output += part
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert process.wait(timeout=COMMAND_SECONDS) == 0
    lines = table_of(output.decode())
    assert max(map(cell_len, lines)) <= 80 and b"\x1b" not in output


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("nowhere", "nowhere: no such folder"),
        ("results", "results: no leaderboard in it"),
        ("a_file", "a_file: not a folder"),
        ("results/broken", "results/broken/leaderboard.parquet: not a Parquet file"),
        ("results/old", "results/old/leaderboard.parquet: made by another version: missing columns origin"),
    ],
)
def test_wrong_paths_are_reported(results, path, expected):
    home = results.parents[1]
    (home / "a_file").write_text("")
    for name in ("broken", "old"):
        (home / "results" / name).mkdir()
    (home / "results/broken/leaderboard.parquet").write_text("no table")
    pd.DataFrame([{"model": "a"}]).to_parquet(home / "results/old/leaderboard.parquet")
    command = [sys.executable, str(SCRIPTS / "show_leaderboard.py"), "--results", path]
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=COMMAND_SECONDS)
    assert done.returncode == 1 and done.stderr.startswith(f"error: {expected}")
    assert "results/demo" in done.stderr or "--forcerun make_leaderboard" in done.stderr


@pytest.mark.slow
def test_a_plan_without_the_workflow_says_how_to_get_one(tmp_path):
    file = tmp_path / "run.json"
    for run in ("x", "{}", json.dumps({"dataset": {}, "models": {}, "judges": {}, "config": {}})):
        file.write_text(run)
        command = [sys.executable, str(SCRIPTS / "plan.py"), "--config", str(file), "--results", "nowhere"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=COMMAND_SECONDS)
        assert done.returncode == 1 and "snakemake plan --cores 1" in done.stderr and "Traceback" not in done.stderr
