"""Progress in a log: occasional plain lines."""

import io
import re
import sys

from spd_faith.core.progress import progress


def lines_of(monkeypatch, steps):
    log = io.StringIO()  # no terminal
    monkeypatch.setattr(sys, "stderr", log)
    with progress(8, "tiny", "question") as bar:
        for step in steps:
            bar.update(step)
    return [line for line in re.split(r"[\r\n]+", log.getvalue()) if line.strip()]


def test_a_log_has_lines_that_say_how_far(monkeypatch):
    first, last = lines_of(monkeypatch, [4, 4])
    assert re.fullmatch(r"tiny: 0/8 questions, 00:00 elapsed, \? remaining, .*", first)
    assert re.fullmatch(r"tiny: 8/8 questions, 00:0\d elapsed, 00:00 remaining, .*question/s", last)


def test_many_quick_steps_do_not_fill_a_log(monkeypatch):
    assert len(lines_of(monkeypatch, [0.001] * 8000)) <= 3


def test_no_escape_sequences_in_a_log(monkeypatch):
    assert not any("\x1b" in line or "█" in line for line in lines_of(monkeypatch, [8]))


def test_a_terminal_has_a_bar(monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress(8, "tiny", "question") as bar:
        bar.update(8)
    assert "100%" in terminal.getvalue()
