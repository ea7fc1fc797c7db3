"""A small server on the loopback that speaks the hub's protocol, as far as a dataset's download needs it.

Repository info and tree, `resolve` with its headers and its redirect to a second origin that serves contents with
ranges, as the hub's own storage does. It counts requests, and can be set to fail.
"""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from waiting import PATIENCE

REPOSITORY = "owner/pairs"


@dataclass
class Request:
    origin: str  # hub or storage
    method: str
    path: str
    headers: Message
    sent: int = 0  # bytes of a content


@dataclass
class Fault:
    """What the server does `times` times (None: always) where a match of `where` is in "GET /path" or "HEAD /path"."""

    where: str
    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    times: int | None = 1
    cut_after: int | None = None  # close the connection after this many bytes of the content
    announce_cut: bool = False  # and say so beforehand in Content-Length: a lie about the size
    hold: threading.Event | None = None  # before the cut, wait until this is set


class Hub:
    """`commits` hold the files of each commit, `branches` lead to a commit; change both as a push would."""

    def __init__(self) -> None:
        self.commits: dict[str, dict[str, bytes]] = {}
        self.branches: dict[str, str] = {}
        self.faults: list[Fault] = []
        self.requests: list[Request] = []
        self.token: str | None = None  # asked for where the repository is gated
        self.small: set[str] = set()  # Parquet files that are not in the storage for large files
        self.damaged: dict[str, bytes] = {}  # SHA-256 → what the storage serves in its place
        self._lock = threading.Lock()
        self.endpoint = self.storage = ""

    def push(self, files: dict[str, bytes], branch: str = "main") -> str:
        """Put the files into a new commit, and the branch on it."""
        commit = hashlib.sha1(f"{len(self.commits)}{sorted(files)}".encode()).hexdigest()
        self.commits[commit] = files
        self.branches[branch] = commit
        return commit

    def asked(self, pattern: str) -> list[Request]:
        return [request for request in self.requests if re.search(pattern, f"{request.method} {request.path}")]

    def is_large(self, name: str) -> bool:
        return name.endswith(".parquet") and name not in self.small

    def content(self, sha: str) -> bytes | None:
        contents = {
            hashlib.sha256(data).hexdigest(): data for files in self.commits.values() for data in files.values()
        }
        return self.damaged.get(sha, contents.get(sha))

    def take_fault(self, line: str) -> Fault | None:
        with self._lock:
            for fault in self.faults:
                if fault.times != 0 and re.search(fault.where, line):
                    fault.times = None if fault.times is None else fault.times - 1
                    return fault
        return None


@contextmanager
def serve() -> Iterator[Hub]:
    """A running hub; stopped when the block ends."""
    hub = Hub()
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub, origin)) for origin in ("hub", "storage")]
    hub.endpoint, hub.storage = (f"http://127.0.0.1:{server.server_port}" for server in servers)
    threads = [threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield hub
    finally:
        for fault in hub.faults:
            if fault.hold:
                fault.hold.set()
        for server in servers:
            server.shutdown()
            server.server_close()


def _handler(hub: Hub, origin: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def log_message(self, *_: object) -> None:
            pass

        def _answer(self) -> None:
            self.request_seen = Request(origin, self.command, self.path, self.headers)
            hub.requests.append(self.request_seen)
            fault = hub.take_fault(f"{self.command} {self.path}")
            if fault and fault.cut_after is None:
                self._send(fault.status, b'{"error": "as scripted"}', fault.headers)
            elif origin == "storage":
                self._serve_content(fault)
            else:
                self._serve_hub()

        def _serve_hub(self) -> None:
            url = urlsplit(self.path)
            path = unquote(url.path)
            if hub.token and self.headers.get("Authorization") != f"Bearer {hub.token}" and "/resolve/" in path:
                self._refuse(401, "GatedRepo", "Access to this dataset is restricted.")
            elif match := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)/(revision|tree)/([^/]+)", path):
                self._serve_api(*match.groups(), parse_qs(url.query))
            elif match := re.fullmatch(r"/datasets/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
                self._redirect(*match.groups())
            else:
                self._refuse(404, "", "no such page")

        def _commit(self, repository: str, revision: str) -> str | None:
            """The commit, or None after the refusal was sent."""
            if repository != REPOSITORY:  # the hub says 401 to whom it does not know, lest names leak
                self._refuse(404 if "Authorization" in self.headers else 401, "RepoNotFound", "Repository not found")
                return None
            commit = hub.branches.get(revision, revision)
            if commit not in hub.commits:
                self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
                return None
            return commit

        def _serve_api(self, repository: str, what: str, revision: str, query: dict[str, list[str]]) -> None:
            if not (commit := self._commit(repository, revision)):
                return
            files = {name: (hashlib.sha256(data).hexdigest(), len(data)) for name, data in hub.commits[commit].items()}
            if what == "revision":
                siblings = [{"rfilename": name} for name in files]
                if query.get("blobs"):
                    for sibling in siblings:
                        sha, size = files[sibling["rfilename"]]
                        lfs = {"sha256": sha, "size": size, "pointerSize": 130}
                        sibling |= {"size": size, "blobId": sha[:40]} | (
                            {"lfs": lfs} if hub.is_large(sibling["rfilename"]) else {}
                        )
                body = {"_id": "0", "id": repository, "sha": commit, "private": False, "siblings": siblings}
            else:
                body = []
                for name, (sha, size) in files.items():
                    entry = {"type": "file", "oid": sha[:40], "size": size, "path": name}
                    if hub.is_large(
                        name
                    ):  # the hub keeps large files in Xet, and names them by their hash there as well
                        entry |= {"lfs": {"oid": sha, "size": size, "pointerSize": 130}, "xetHash": sha[::-1]}
                    body.append(entry)
            self._send(200, json.dumps(body).encode(), {"Content-Type": "application/json"})

        def _redirect(self, repository: str, revision: str, name: str) -> None:
            if not (commit := self._commit(repository, revision)):
                return
            data = hub.commits[commit].get(name)
            if data is None:
                self._refuse(404, "EntryNotFound", "Entry not found")
                return
            sha = hashlib.sha256(data).hexdigest()
            headers = {"X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
            if not hub.is_large(name):
                self._send(200, data, headers | {"ETag": f'"{sha[:40]}"'})
                return
            linked = {"X-Linked-Etag": f'"{sha}"', "X-Linked-Size": str(len(data)), "X-Xet-Hash": sha[::-1]}
            location = {"Location": f"{hub.storage}/{sha}?signature=secret-of-the-storage"}
            self._send(302, b"", headers | linked | location)

        def _serve_content(self, fault: Fault | None) -> None:
            sha = urlsplit(self.path).path.strip("/")
            if (data := hub.content(sha)) is None:
                self._send(404, b"", {})
                return
            first, headers = 0, {"ETag": f'"{sha}"', "Accept-Ranges": "bytes"}
            if match := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")):
                first = int(match[1])
                headers["Content-Range"] = f"bytes {first}-{len(data) - 1}/{len(data)}"
            body = memoryview(data)[first:]
            end = len(body) if fault is None or fault.cut_after is None else fault.cut_after
            self.send_response(206 if match else 200)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(end if fault and fault.announce_cut else len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body[:end])
                self.request_seen.sent = len(body[:end])
            if fault:
                self.wfile.flush()
                if fault.hold:
                    fault.hold.wait(PATIENCE)
                self.close_connection = True

        def _refuse(self, status: int, code: str, message: str) -> None:
            self._send(status, b"", {"X-Error-Code": code, "X-Error-Message": message})

        def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

    return Handler
