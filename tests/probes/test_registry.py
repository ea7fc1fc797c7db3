"""What the declared probes promise to those that only iterate over them."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from spd_faith.core.modules import module_files
from spd_faith.core.schemas import TASKS
from spd_faith.probes.probe import ProbeRun
from spd_faith.probes.registry import LAYER_PROBES, PROBES, SUMMARIES

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "workflow_scripts"


def imported(code: str) -> set[str]:
    """The modules that a process has imported once it has run `code`."""
    script = f"import sys\n{code}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=SCRIPTS, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_a_probe_and_its_tables_have_one_name() -> None:
    for name, probe in PROBES.items():
        assert probe.name == name
        assert probe.path_in(Path("folder")) == Path(f"folder/{name}.parquet")
    assert "contrasts" not in PROBES and "groups" not in PROBES  # tables beside theirs


@pytest.mark.parametrize("probe", PROBES.values(), ids=list(PROBES))
def test_what_is_contrasted_and_summarised_are_columns_of_the_table(probe) -> None:
    names = probe.schema.names
    assert [name for name in names if name in probe.contrasted] == list(probe.contrasted)
    assert {probe.schema.field(name).type for name in probe.contrasted} <= {pa.float32()}
    assert not probe.contrasted or "layer" in names
    assert {column for summary in probe.summaries for column in summary.columns} <= set(names)
    assert not probe.summaries or "task" in names or not probe.reads_shared_pass
    assert not probe.summaries or "task" in names or not probe.reads_shared_pass
    assert set(probe.needed_tasks) <= set(TASKS)


def test_layers_are_measured_in_the_columns_that_are_named() -> None:
    for probe in LAYER_PROBES.values():
        assert set(probe.measures) <= set(probe.schema.names)


def test_every_summary_is_on_the_leaderboard_once() -> None:
    declared = [summary.name for probe in PROBES.values() for summary in probe.summaries]
    assert sorted(summary.name for summary in SUMMARIES) == sorted(set(declared)) == sorted(declared)


def test_shared_objects_are_made_once_per_run() -> None:
    made = []

    def make(run: ProbeRun) -> list[str]:
        made.append(run)
        return list(run.samples)

    one, other = ProbeRun({"a": {}}, None), ProbeRun({"b": {}}, None)
    assert one.shared(make) is one.shared(make) and one.shared(make) == ["a"]
    assert other.shared(make) == ["b"]
    assert made == [one, other]


def test_declarations_are_read_without_a_library_of_models_or_figures() -> None:
    heavy = {"torch", "transformers", "matplotlib", "scipy", "pandas", "PIL"}
    assert not heavy & imported("import spd_faith.probes.registry")


SUMMARISE = """
import make_leaderboard
import pandas as pd
from spd_faith.probes.probe import ProbeRun
from spd_faith.probes.registry import SUMMARIES
for one in SUMMARIES:
    rows = pd.DataFrame(1.0, index=pd.Index(["a", "b"], name="sample_id"), columns=one.columns)
    one.parts(rows)
"""


def test_the_leaderboard_runs_no_module_that_its_rule_does_not_list() -> None:
    ran = {f"workflow_scripts/{name.replace('.', '/')}.py" for name in imported(SUMMARISE)}
    ours = {file for file in ran if (ROOT / file).is_file()}
    assert f"{SCRIPTS.name}/spd_faith/probes/summary.py" in ours
    assert ours <= set(module_files("make_leaderboard.py", without=["probes/figures", "probes/patching"]))
