"""How a command ends."""

import pytest

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
