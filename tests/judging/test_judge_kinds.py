"""The jobs of the kinds of judges: which files and modules rerun judging, and what is loaded."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from judging.paid_judge import answers_of, write_answers, write_pairs

from spd_faith.judging.entries import OpenAIJudge, PanelJudge, RulesJudge, VllmJudge
from spd_faith.judging.rules import VERSION

ROOT = Path(__file__).parents[2]
RULES = RulesJudge(judge="rules")
PAID = OpenAIJudge(judge="openai", base_url="https://x.org", max_new_tokens=512)
LOCAL = VllmJudge(judge="vllm", model="a/b", dtype="bfloat16", max_new_tokens=512)
PANEL = PanelJudge(judge="panel", members={"rules": RULES, "paid": PAID})
HEAVY = {"torch", "transformers", "openai"}

RUN = """
import json, sys
opened = []
sys.addaudithook(lambda event, details: opened.append(str(details[0])) if event == "open" else None)
sys.argv = sys.argv[1:]
sys.path.insert(0, sys.argv[0].rpartition("/")[0])
import judge_responses
judge_responses.main()
modules = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
print(json.dumps({"modules": modules, "opened": opened}))
"""


@pytest.fixture(scope="module")
def judged_by_rules(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The modules that the rules judge loads and the files that it opens."""
    folder = tmp_path_factory.mktemp("judged")
    write_pairs(folder, 2)
    write_answers(folder, "model", [answers_of(number) for number in range(2)])
    flags = {
        "judge": "rules",
        "judges-file": ROOT / "config/judges.yaml",
        "samples": folder / "samples.parquet",
        "responses": folder / "responses/model.parquet",
        "parsed": folder / "parsed/model.parquet",
        "output": folder / "judgements.parquet",
    }
    command = [sys.executable, "-c", RUN, str(ROOT / "workflow_scripts/judge_responses.py")]
    command += [part for name, value in flags.items() for part in (f"--{name}", str(value))]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def below_root(files) -> set[str]:
    return {str(Path(file).resolve().relative_to(ROOT)) for file in files if Path(file).resolve().is_relative_to(ROOT)}


def test_a_change_in_any_module_of_the_rules_reruns_judging(judged_by_rules):
    loaded = below_root(file for file in judged_by_rules["modules"].values() if file)
    own = {file for file in loaded if file.startswith("workflow_scripts/") and not file.endswith("__init__.py")}
    assert "workflow_scripts/spd_faith/judging/consistency.py" in own
    assert own <= set(RULES.input_modules())


def test_a_change_in_any_data_of_the_rules_reruns_judging(judged_by_rules):
    read = {file for file in below_root(judged_by_rules["opened"]) if file.startswith("resources/")}
    assert read and read <= {*RULES.input_files(), *RULES.input_modules()}


def test_the_rules_judge_loads_no_client_and_no_model(judged_by_rules):
    assert not HEAVY & set(judged_by_rules["modules"])
    assert "spd_faith.registry" not in judged_by_rules["modules"]


def test_the_rules_use_modules_of_few_packages():
    modules = [file for file in RULES.input_modules() if file.endswith(".py")]
    folders = {str(Path(module).parent) for module in modules}
    library = "workflow_scripts/spd_faith"
    stages = ("core", "dataset", "endpoints", "inference", "judging", "language", "parsing")
    assert folders == {"workflow_scripts", *(f"{library}/{stage}" for stage in (*stages, "endpoints/engine"))}
    few = {
        "dataset": ["control_kinds"],
        "endpoints": ["engine/entry", "entries", "token_bounds"],
        "inference": ["reasoning"],
    }
    for stage, names in (few | {"parsing": ["answer_text"]}).items():
        found = [module for module in modules if f"/{stage}/" in module]
        assert found == [f"{library}/{stage}/{name}.py" for name in names]
    assert f"{library}/judging/endpoint_judge.py" not in modules


@pytest.mark.parametrize("entry", [PAID, LOCAL], ids=["openai", "vllm"])
def test_only_prompt_changes_rerun_a_judge_that_asks_language_models(entry):
    assert entry.input_modules() == [] and not entry.runs_with_scoring
    assert entry.input_files() == ["resources/prompts/judge_drf.txt", "resources/prompts/judge_cr.txt"]


def test_the_short_prompt_is_an_input_where_it_is_used():
    short = PAID.model_copy(update={"prompt": "short"})
    assert short.input_files() == ["resources/prompts/judge_drf_short.txt", "resources/prompts/judge_cr_short.txt"]


@pytest.mark.parametrize("entry", [RULES, PAID, LOCAL, PANEL], ids=["rules", "openai", "vllm", "panel"])
def test_every_input_exists(entry):
    assert [file for file in entry.input_files() + entry.input_modules() if not (ROOT / file).is_file()] == []


def test_images_are_required_if_they_are_sent():
    blind = PAID.model_copy(update={"images": None})
    assert [entry.needs_images for entry in (RULES, PAID, blind, LOCAL)] == [False, True, False, False]


def test_importing_the_kinds_loads_no_heavy_libraries():
    code = "import sys, spd_faith.judging.entries; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT / "workflow_scripts")
    assert not (HEAVY | {"pyarrow", "numpy", "scipy", "pandas"}) & set(loaded.stdout.split())


def test_missing_options_are_reported(tmp_path):
    write_pairs(tmp_path, 1)
    write_answers(tmp_path, "model", [answers_of(0)])
    (tmp_path / "judges.yaml").write_text("paid: {judge: openai, base_url: 'https://x.org', max_new_tokens: 512}\n")
    flags = {"judge": "paid", "judges-file": tmp_path / "judges.yaml", "samples": tmp_path / "samples.parquet"}
    flags |= {name: tmp_path / name / "model.parquet" for name in ("responses", "parsed")}
    command = [sys.executable, str(ROOT / "workflow_scripts/judge_responses.py"), "--output", str(tmp_path / "x")]
    command += [part for name, value in flags.items() for part in (f"--{name}", str(value))]

    def message(*further: str) -> str:
        done = subprocess.run([*command, *further], capture_output=True, text=True, cwd=ROOT)
        assert done.returncode == 1 and "Traceback" not in done.stderr
        return done.stderr

    assert "--images is required: the judge paid sees images" in message()
    assert "--journal is required" in message("--images", str(tmp_path / "images.parquet"))


def test_the_docs_state_the_version_of_the_rules():
    page = (ROOT / "docs/judges.md").read_text(encoding="utf-8")
    assert set(re.findall(r"rules-\d+", page)) == {VERSION}
