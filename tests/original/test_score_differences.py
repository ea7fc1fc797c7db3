"""The command `score_differences.py` on the workflow's tables; test_answer_folder.py tests it on answer files."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from scoring.tables import parsed, parsed_table, sample, samples_table

import score_differences
from spd_faith.core.errors import UserError
from spd_faith.core.files import write_table
from spd_faith.core.schemas import PARSED, SAMPLES

Run = Callable[..., None]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    write_table(tmp_path / "samples.parquet", samples_table(sample()), SAMPLES)
    write_table(tmp_path / "parsed.parquet", parsed_table(parsed()), PARSED)
    inputs = ("--samples", tmp_path / "samples.parquet", "--parsed", tmp_path / "parsed.parquet")

    def run_on_tables(*arguments: object) -> None:
        monkeypatch.setattr("sys.argv", ["score_differences.py", *map(str, (*inputs, *arguments))])
        score_differences.main()

    return run_on_tables


@pytest.mark.parametrize("protocol", [(), ("--protocol", "released")])
def test_tables_give_the_released_numbers(
    tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str], protocol: tuple[str, ...]
) -> None:
    run(*protocol, "--json", tmp_path / "out.json")
    written = json.loads((tmp_path / "out.json").read_text())
    assert set(written) == {"summary", "per_sample_results"}
    assert written["summary"]["model"] == "parsed"
    assert "0.6667" in capsys.readouterr().out  # DQR


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(("--models", "a"), "--models"), (("--json",), "--json"), (("--input_dir", "d"), "output_dir")],
)
def test_refuses_flags_that_cannot_be_combined(run: Run, arguments: tuple[str, ...], named: str) -> None:
    with pytest.raises(UserError, match=named):
        run(*arguments)
