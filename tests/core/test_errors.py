"""How a command ends."""

import subprocess
import sys
from pathlib import Path
from signal import SIGINT

import pytest
from waiting import COMMAND_SECONDS

import spd_faith
from spd_faith.core.errors import UserError, run_command


def test_a_user_error_ends_a_command_with_its_message():
    def main():
        raise UserError("a.yaml: no such file")

    with pytest.raises(SystemExit) as caught:
        run_command(main)
    assert caught.value.code == "error: a.yaml: no such file"  # Python prints it on standard error and exits with 1


def test_other_errors_keep_their_traceback():
    def main():
        raise KeyError("a")

    with pytest.raises(KeyError):
        run_command(main)


def test_a_command_that_succeeds_returns():
    assert run_command(lambda: None) is None


def test_an_interrupted_command_ends_by_the_signal_without_a_traceback():
    lines = [
        "import os, signal, sys",
        "signal.signal(signal.SIGINT, signal.default_int_handler)",
        "from spd_faith.core.errors import run_command",
        "run_command(lambda: os.kill(os.getpid(), signal.SIGINT))",
    ]
    command = [sys.executable, "-c", "\n".join(lines)]
    folder = Path(spd_faith.__file__).parents[1]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=COMMAND_SECONDS)
    assert done.returncode == -SIGINT
    assert done.stderr == "stopped by an interrupt (Ctrl-C); what was completed is kept\n"
