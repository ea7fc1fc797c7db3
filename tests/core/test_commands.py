"""What holds for every command: its flags, its line in the README, and for cheap ones the modules that they run."""

import re
import shlex
from argparse import ArgumentParser
from ast import literal_eval
from importlib import import_module
from pathlib import Path
from unittest.mock import patch

import pytest

from spd_faith.core.modules import module_files
from spd_faith.judging.entries import JUDGES, RulesJudge

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "workflow_scripts"
COMMANDS = sorted(path.name for path in SCRIPTS.glob("*.py"))
RULES = "".join(path.read_text() for path in (ROOT / "Snakefile", *sorted(ROOT.glob("rules/*.smk"))))

# the flags of the original's commands, to be accepted here
ORIGINAL = {
    "eval_multi_diff_metrics.py": "score_differences.py --input_dir D --output_dir O --models m.json",
    "eval_cot_faithfulness.py": "judge_reasoning.py --responses_file F --data_dir D --output_file O --max_samples 1",
    "eval_consistency_rate.py": "judge_consistency.py --mode responses --response_files F G --data_dir D"
    " --output_dir O",
    "eval_cosine.py": "probe.py --probes hidden_similarity --model internvl --comparison_result C --image_dir D"
    " --output_dir O --max_samples 1",
    "analyze_layer_changes.py": "probe.py --probes layer_changes --input_file F --output_file T --output_pdf P"
    " --model_path M --image_dir D --max_samples 1",
    "layer_analysis_generation.py": "probe.py --probes generation_attention --model-path M --model-type llava"
    " --image-dir D --multi-diff-dir D --max-samples 1 --max-new-tokens 256 --output-dir O --device cuda:0"
    " --layer-start 1 --layer-end 2 --sample-ids 1,2",
    "neuron_activation.py": "probe.py --probes neuron_activation --in_file_path F --visualize_path P"
    " --pretrained_model_path M --image_dir D --max_samples 1",
    "demo.py": "demo.py --image_path a.png b.png --question 'Same?'",
}

# the folders of the library that a cheap command runs: a change there reruns its rule
FOLDERS = {
    "audit_dataset.py": {"core", "dataset"},
    "import_responses.py": {"core", "dataset", "endpoints", "inference"},
    "parse_responses.py": {"core", "inference", "language", "parsing"},
    "score_responses.py": {"core", "inference", "judging", "language", "parsing", "scoring"},
    "contrast_probes.py": {"core", "inference", "language", "probes", "scoring"},
    "draw_probes.py": {"core", "dataset", "inference", "language", "probes", "scoring"},
    "make_leaderboard.py": {"core", "inference", "judging", "language", "leaderboard", "parsing", "probes", "scoring"},
    "make_page.py": {
        *("core", "dataset", "inference", "judging", "language", "leaderboard", "parsing", "probes", "scoring"),
    },
}
RULES_JUDGE = {"core", "dataset", "endpoints", "inference", "judging", "language", "parsing"}
NEVER = {"registry", "planning", "original"}  # above the stages: nearly every change would rerun nearly everything


class Built(Exception):
    """Carries the parser of a command out of its `main`."""


def parser_of(command: str) -> ArgumentParser:
    def stop(parser: ArgumentParser, *_: object) -> None:
        raise Built(parser)

    main = import_module(Path(command).stem).main
    with patch.object(ArgumentParser, "parse_args", stop), pytest.raises(Built) as built:
        main()
    parser = built.value.args[0]
    assert isinstance(parser, ArgumentParser)
    return parser


def folders(files: list[str]) -> set[str]:
    """The folders of the library that the files are in; a module at the top counts by its name."""
    library = SCRIPTS / "spd_faith"
    inside = [ROOT / file for file in files if (ROOT / file).is_relative_to(library)]
    return {path.relative_to(library).parts[0].removesuffix(".py") for path in inside} - {"__init__"}


# ---- flags -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_every_flag_has_a_help_text(command: str):
    parser = parser_of(command)
    actions = parser._actions
    assert parser.description
    assert [action.dest for action in actions if not (action.help or "").strip()] == []
    parser.format_help()  # a stray % in a help text fails here


@pytest.mark.parametrize("original", ORIGINAL)
def test_the_flags_of_the_original_are_accepted(original: str):
    command, *flags = shlex.split(ORIGINAL[original])
    parser_of(command).parse_args(flags)


def test_the_readme_maps_every_command_of_the_original():
    section = (ROOT / "README.md").read_text().split("## The original's commands")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+\.py)` \| `(\w+\.py)", section, re.MULTILINE)
    assert dict(rows) == {original: line.split()[0] for original, line in ORIGINAL.items()}


# ---- the table of the commands ---------------------------------------------------------------------------------------


def test_the_readme_lists_every_command_once_and_says_which_a_rule_runs():
    text = (SCRIPTS / "README.md").read_text()
    assert sorted(re.findall(r"^\| `(\w+\.py)` \|", text, re.MULTILINE)) == COMMANDS
    by_rule = re.findall(r"^\| `(\w+\.py)` \| .+ \| .+ \|$", text, re.MULTILINE)
    assert sorted(by_rule) == sorted(set(re.findall(r"workflow_scripts/(\w+\.py)", RULES)))


# ---- modules of cheap commands ---------------------------------------------------------------------------------------


def test_cheap_commands_run_modules_of_known_folders_alone():
    """Their modules are inputs of their rules, which therefore rerun for a change in any of these folders."""
    inputs = re.findall(r'modules=module_files\("(\w+\.py)"(?:, without=(\[[^]]+\]))?\)', RULES)
    assert {
        command: folders(module_files(command, without=literal_eval(without or "[]"))) for command, without in inputs
    } == FOLDERS
    assert [command for command, names in FOLDERS.items() if names & NEVER] == []


def test_only_the_rules_judge_lists_modules():
    """A change of code reruns the rules judge, and never a paid one."""
    judges = JUDGES.load(ROOT / "config/judges.yaml")
    for name, entry in judges.items():
        assert folders(entry.input_modules()) == (RULES_JUDGE if isinstance(entry, RulesJudge) else set()), name
    assert not RULES_JUDGE & NEVER
