"""Downloads the Parquet files of a dataset repository into the Hugging Face cache and verifies them.

Downloads use stable names, so that the next run can resume them; huggingface_hub discards partial files when its
process ends. They always use plain HTTP, even if hf_xet is installed, so there is one code path.
"""

import hashlib
import logging
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import tenacity
from huggingface_hub import HfApi, constants, get_token, hf_hub_url, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import http_get, repo_folder_name
from huggingface_hub.utils import build_hf_headers, parse_ratelimit_headers  # type: ignore[attr-defined]  # lazily
from tqdm import tqdm

from spd_faith.core.errors import UserError
from spd_faith.core.files import write_text
from spd_faith.core.hub_locks import use_own_hub_locks
from spd_faith.core.locks import exclusive_lock
from spd_faith.core.machine import network_hint
from spd_faith.core.progress import progress
from spd_faith.dataset.hub_files import split_files, split_patterns

if TYPE_CHECKING:
    from spd_faith.dataset.entries import HubDataset

_ATTEMPTS = 5
_LONGEST_WAIT_S = 300  # the hub counts requests over five minutes
_TIMEOUT_S = 30
_SHA256 = re.compile(r"[0-9a-f]{64}")
_log = logging.getLogger(__name__)


def download(dataset: "HubDataset") -> tuple[Path, str]:
    """(folder, commit) of the downloaded and verified Parquet files of the entry's splits.

    Resumes interrupted downloads. The token comes from HF_TOKEN or a login. With HF_HUB_OFFLINE=1 it uses the commit
    that an earlier run downloaded. Raises `UserError` with instructions.
    """
    if (token := get_token()) and not (token.isascii() and token.isprintable()):
        raise UserError("the token in HF_TOKEN, or from the login, contains invalid characters: set it again")
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # it logs every request, with signed addresses
    use_own_hub_locks()
    with _refusals_reported(dataset):
        offline = constants.is_offline_mode()
        revision = dataset.revision if offline else _fetch_contents(dataset)
        patterns = [pattern for split in dataset.splits for pattern in split_patterns(split)]
        no_bar: Any = partial(tqdm, disable=True)  # only small files are left
        folder = Path(
            snapshot_download(
                dataset.repository,
                repo_type="dataset",
                revision=revision,
                allow_patterns=patterns,
                tqdm_class=no_bar,
            )
        )
    commit = folder.name  # snapshot folders are named by commit
    _check_contents(dataset, folder)
    if not offline and dataset.revision != commit:
        # Written last, so that offline a branch name never resolves to an incomplete commit.
        write_text(_storage(dataset) / "refs" / dataset.revision, commit)
    return folder, commit


def _storage(dataset: "HubDataset") -> Path:
    return Path(constants.HF_HUB_CACHE, repo_folder_name(repo_id=dataset.repository, repo_type="dataset"))


def _fetch_contents(dataset: "HubDataset") -> str:
    """Download the splits' files into the cache; returns the commit of the entry's revision."""
    retry = _retrying()
    info = retry(
        HfApi().dataset_info, dataset.repository, revision=dataset.revision, files_metadata=True, timeout=_TIMEOUT_S
    )
    commit: str = info.sha
    _log.info("%s at %s: commit %s", dataset.repository, dataset.revision, commit)
    published = {file.rfilename: file for file in info.siblings or []}
    wanted = [name for split in dataset.splits for name in _files_of(published, split, dataset)]
    blobs = _storage(dataset) / "blobs"
    locks = Path(constants.HF_HUB_CACHE, ".locks", _storage(dataset).name)
    for folder in (blobs, locks):
        folder.mkdir(parents=True, exist_ok=True)
    for name in wanted:
        large = published[name].lfs
        if large is None:  # a small file, left to the library
            continue
        url = hf_hub_url(dataset.repository, name, repo_type="dataset", revision=commit)
        blob = blobs / large.sha256  # the library reuses a file with this name
        with exclusive_lock(locks / f"{large.sha256}.lock.own", "files may be downloaded twice") as lock:
            if not blob.exists():
                # without a lock, another process may be writing the resumable file
                part = blob.with_name(f"{blob.name}{'' if lock.is_held else '.' + secrets.token_hex(4)}.incomplete")
                try:
                    retry(_fetch, url, part, large.size, name)
                    part.replace(blob)
                finally:
                    if not lock.is_held:
                        part.unlink(missing_ok=True)
    return commit


def _fetch(url: str, part: Path, size: int, name: str) -> None:
    """Download the bytes of a file that are still missing in `part`."""
    headers = build_hf_headers() | {"Accept-Encoding": "identity"}  # ranges refer to uncompressed bytes
    with part.open("ab") as handle:
        if handle.tell() > size:
            handle.truncate(0)
        here = handle.tell()
        bar: Any = _bar  # the library expects a class, but any callable works
        http_get(
            url,
            handle,
            resume_size=here,
            headers=headers,
            expected_size=size,
            displayed_filename=name,
            tqdm_class=bar,
        )


def _bar(desc: str, total: int, initial: int, **_: Any) -> "tqdm[None]":
    bar = progress(total, desc, "byte")
    bar.unit_scale = True
    bar.initial = bar.n = bar.last_print_n = initial
    return bar


def _retrying() -> Callable[..., Any]:
    """Retries a function a few times after transient errors: connection errors, 429 and 5xx."""

    def is_transient(error: BaseException) -> bool:
        if isinstance(error, HfHubHTTPError):
            return error.response.status_code in (408, 429) or error.response.status_code >= 500
        if isinstance(error, OSError):
            return error.errno is None  # received fewer bytes than announced; not a full disk
        return isinstance(error, httpx2.NetworkError | httpx2.TimeoutException | httpx2.RemoteProtocolError)

    def failure(state: tenacity.RetryCallState) -> BaseException | None:
        return state.outcome.exception() if state.outcome else None

    def seconds(state: tenacity.RetryCallState) -> float:
        error = failure(state)
        asked = _asked_wait(error.response.headers) if isinstance(error, HfHubHTTPError) else None
        return min(_LONGEST_WAIT_S, asked if asked is not None else 2 ** (state.attempt_number - 1))

    def report(state: tenacity.RetryCallState) -> None:
        error, attempt = failure(state), state.attempt_number + 1
        if error and state.next_action:
            wait = state.next_action.sleep
            _log.warning("%s; retrying in %.0f s (%d of %d)", _first_line(error), wait, attempt, _ATTEMPTS)

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(is_transient),
        wait=seconds,
        stop=tenacity.stop_after_attempt(_ATTEMPTS),
        before_sleep=report,
        reraise=True,
    )


def _asked_wait(headers: httpx2.Headers) -> int | None:
    """Seconds to wait as the hub requests: in the standard header, or in its own once the rate limit is reached."""
    if (after := headers.get("Retry-After", "").strip()).isdigit():
        return int(after)
    limit = parse_ratelimit_headers(headers)
    return limit.reset_in_seconds + 1 if limit and limit.remaining == 0 else None


def _files_of(names: Iterable[str], split: str, dataset: "HubDataset") -> list[str]:
    try:
        return split_files(names, split)
    except UserError as error:
        raise UserError(f"{dataset.repository} at {dataset.revision}: {error}") from error


def _check_contents(dataset: "HubDataset", folder: Path) -> None:
    """Remove files whose content does not match their name in the cache, a SHA-256, and raise `UserError`."""
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet")]
    damaged = {}
    for name in [name for split in dataset.splits for name in _files_of(names, split, dataset)]:
        blob = (folder / name).resolve()
        if _SHA256.fullmatch(blob.name):  # not for small files, or if the cache has no symlinks
            with blob.open("rb") as handle:
                found = hashlib.file_digest(handle, "sha256").hexdigest()
            if found != blob.name:
                damaged[name] = f"  {name}: SHA-256 {found}, expected {blob.name}"
    for name in damaged:
        (folder / name).resolve().unlink(missing_ok=True)  # files with the same content share one blob
        (folder / name).unlink()
    if damaged:
        raise UserError(
            "\n".join([f"{dataset.repository}: damaged files were removed from the cache", *damaged.values()])
            + "\n  Run the command again to download them again. If that does not help, the copy on the hub is damaged."
        )


@contextmanager
def _refusals_reported(dataset: "HubDataset") -> Iterator[None]:
    """Turn refusals of the hub, gaps in the cache and connection errors into a `UserError`."""
    try:
        yield
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError, ImportError) as error:
        cause: BaseException = error
        while isinstance(cause, LocalEntryNotFoundError) and cause.__cause__ is not None:
            cause = cause.__cause__  # the library's summary hides the hub's response
        raise UserError(f"{dataset.repository} at {dataset.revision}: {_refusal(dataset, cause)}") from error


def _refusal(dataset: "HubDataset", error: BaseException) -> str:
    page = f"{constants.ENDPOINT}/datasets/{dataset.repository}"
    status = error.response.status_code if isinstance(error, HfHubHTTPError) else None
    if constants.is_offline_mode():
        return (
            f"missing or incomplete in the cache {constants.HF_HUB_CACHE}\n"
            "  HF_HUB_OFFLINE is set. Run once without it, on a machine with network access and the same HF_HOME."
        )
    if isinstance(error, RevisionNotFoundError):
        return f"no such revision (404)\n  The repository exists. Branches, tags and commits: {page}/commits"
    if isinstance(error, RepositoryNotFoundError) and not isinstance(error, GatedRepoError):
        return (
            f"no such repository ({status})\n"
            f"  Check {page}\n  If it is private, set HF_TOKEN to the token of an account with read access."
        )
    if status in (401, 403):
        has_token = "The token in use has no read access. " if get_token() else ""
        return (
            f"access denied ({status})\n"
            f"  {has_token}Accept the terms at {page}, then set HF_TOKEN to a token of the same account."
        )
    is_local = isinstance(error, OSError) and error.filename is not None
    hint = f"\n  The cache is {constants.HF_HUB_CACHE}; set HF_HOME to move it." if is_local else network_hint()
    return (
        f"download failed\n  {_first_line(error)}{hint}\n"
        "  Run the command again to resume. HF_HUB_OFFLINE=1 uses a commit downloaded earlier."
    )


def _first_line(error: BaseException) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    text = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return re.sub(r"\?[^\s'\"]*", "", text)  # storage URLs carry a personal signature
