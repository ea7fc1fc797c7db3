"""Unusual machine settings: each is named in an error or harmless. Real commands in real processes."""

import errno
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from fault_server import FaultServer
from waiting import COMMAND_SECONDS

from spd_faith.core.files import write_table
from spd_faith.core.schemas import IMAGES, SAMPLES
from spd_faith.dataset.demo import image_row, sample_demo_pair, sample_row
from spd_faith.dataset.entries import DATASETS

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "workflow_scripts"
PASSWORD = "hunter2"
NETWORK = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


def environment(**variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name.upper() not in NETWORK}
    return kept | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""} | variables


@pytest.fixture
def ask(tmp_path: Path):
    """Ask an endpoint three questions."""
    demo = DATASETS.load_entry(ROOT / "config" / "datasets.yaml", "demo")
    pair = sample_demo_pair(5, "easy", 0, demo.splits["easy"])
    write_table(tmp_path / "samples.parquet", [sample_row(pair)], SAMPLES)
    write_table(tmp_path / "images.parquet", [image_row(pair)], IMAGES)

    def ask(server: FaultServer, files: int | None = None, concurrency: int = 1, **variables: str):
        entry = {"backend": "openai", "base_url": server.base_url, "model": "m", "max_new_tokens": 64, "attempts": 1}
        (tmp_path / "models.yaml").write_text(json.dumps({"m": entry | {"concurrency": concurrency}}))
        command = [sys.executable, str(SCRIPTS / "run_inference.py"), "--model", "m", "--models-file", "models.yaml"]
        command += ["--prompts", str(ROOT / "resources/prompts"), "--samples", "samples.parquet"]
        command += ["--images", "images.parquet", "--journal", "j", "--slots", "s", "--output", "o.parquet"]
        limit = (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))) if files else None
        return subprocess.run(
            command, cwd=tmp_path, env=environment(**variables), capture_output=True, text=True,
            timeout=COMMAND_SECONDS, preexec_fn=limit,
        )  # fmt: skip

    return ask


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SSL_CERT_FILE", "/nonexistent"),
        ("SSL_CERT_FILE", "/etc/hostname"),  # no certificates in it
        ("HTTP_PROXY", f"http://me:{PASSWORD}@host:port"),
        ("https_proxy", "::bad"),  # unused for this endpoint, but read
        ("ALL_PROXY", "ftp://127.0.0.1"),
        ("ALL_PROXY", "socks5://127.0.0.1:9"),
        ("HTTP_PROXY", "http://127.0.0.1:9"),  # no proxy listens there
    ],
)
def test_a_variable_that_keeps_the_client_from_connecting_is_named(ask, variable: str, value: str) -> None:
    with FaultServer() as server:
        done = ask(server, **{variable: value})
        assert server.requests == []
    assert done.returncode == 1
    assert variable in done.stderr and "Traceback" not in done.stderr and PASSWORD not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "variables",
    [
        {"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"},
        {"SSL_CERT_DIR": "/nonexistent", "REQUESTS_CA_BUNDLE": "/nonexistent"},
        {"HOME": "/proc", "XDG_CACHE_HOME": "/proc/x", "TMPDIR": "/nonexistent", "PYTHONPATH": "/nonexistent"},
    ],
)
def test_a_variable_that_does_no_harm_is_left_alone(ask, variables: dict[str, str]) -> None:
    with FaultServer() as server:
        done = ask(server, **variables)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_too_few_open_files_are_reported_before_anything_is_asked(ask) -> None:
    with FaultServer() as server:
        done = ask(server, files=128, concurrency=100)
        assert server.requests == []
        assert done.returncode == 1 and "`concurrency: 100` needs 264: see `ulimit -n`" in done.stderr
        assert ask(server, files=128, concurrency=8).returncode == 0


def with_limited_files(code: str, folder: Path, limits: tuple[int, int]) -> subprocess.CompletedProcess[str]:
    """Run code with a soft and a hard limit on open files."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, limits),
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
    )


def test_a_soft_limit_on_open_files_is_raised() -> None:
    code = "import resource; from spd_faith.core.machine import allow_open_files; allow_open_files(100, 'x')\n"
    code += "print(resource.getrlimit(resource.RLIMIT_NOFILE))"
    done = with_limited_files(code, SCRIPTS, (64, 512))
    assert done.stdout == "(164, 512)\n", done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("value", ["::bad", "socks5://127.0.0.1:9"])
def test_the_hub_s_error_names_the_proxy(tmp_path: Path, value: str) -> None:
    variables = environment(HTTPS_PROXY=value, HF_HOME=str(tmp_path), HF_HUB_OFFLINE="0")
    download = [str(SCRIPTS / "make_dataset.py"), "--dataset", "spd-faith-bench", "--samples", "s", "--images", "i"]
    download += ["--datasets-file", str(ROOT / "config/datasets.yaml")]
    load = [str(SCRIPTS / "demo.py"), "--image_path", "resources/demo_pair.png", "--model_path", "owner/name"]
    for command in (download, load):
        done = subprocess.run(
            [sys.executable, *command], cwd=ROOT, env=variables, capture_output=True, text=True, timeout=COMMAND_SECONDS
        )
        assert done.returncode == 1 and "HTTPS_PROXY" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import pathlib; pathlib.Path('file/x').mkdir()", f"error: file/x: {os.strerror(errno.ENOTDIR)}\n"),
        ("open('.', 'w')", f"error: .: {os.strerror(errno.EISDIR)}\n"),
        ("open('x' * 300, 'w')", os.strerror(errno.ENAMETOOLONG)),
        ("files = [open('file') for _ in range(100)]", f"error: file: {os.strerror(errno.EMFILE)}; raise the limit"),
    ],
)
def test_a_path_that_cannot_be_used_is_reported_in_a_line(tmp_path: Path, code: str, expected: str) -> None:
    (tmp_path / "file").touch()
    whole = f"import sys; sys.path.insert(0, {str(SCRIPTS)!r})\nfrom spd_faith.core.errors import run_command\n"
    whole += f"def main():\n    {code}\nrun_command(main)"
    done = with_limited_files(whole, tmp_path, (64, 64))
    assert done.returncode == 1 and expected in done.stderr and "Traceback" not in done.stderr
