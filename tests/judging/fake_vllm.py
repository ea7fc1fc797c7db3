"""A command that takes the place of `vllm serve`: it serves canned judgements at a socket, and remembers what it saw.

`FAKE_VLLM` names its folder, with `replies.json`: the texts by kind of question (drf, cr, drf_labels, cr_labels), and
faults. A start adds a line to `starts.jsonl`, a question one to `questions.jsonl`. It ends by itself after two minutes.
"""

import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from typing import Any

FOLDER = Path(os.environ.get("FAKE_VLLM", ""))
PLAY: dict[str, Any] = {}
LIFETIME = 120.0
LOCK = threading.Lock()
asked = 0


def append(file: str, line: dict[str, Any]) -> None:
    with (FOLDER / file).open("a") as lines:
        lines.write(json.dumps(line) + "\n")


def starts() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / "starts.jsonl").read_text().splitlines()]


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except OSError:
        return False
    return state != "Z"


def kind_of(question: dict[str, Any]) -> str:
    content = question["messages"][1]["content"]
    text = content if isinstance(content, str) else content[-1]["text"]
    metric = "cr" if 'ANSWER TO "ARE THE TWO PICTURES THE SAME?"' in text else "drf"
    return f"{metric}_labels" if "=== claims " in text else metric


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.answer({"version": "0.fake"} if self.path == "/version" else {})

    def do_POST(self) -> None:
        global asked
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with LOCK:
            asked += 1
            if asked > PLAY.get("dies_after", asked):
                print("CUDA error: an illegal memory access", flush=True)
                os._exit(7)
            append("questions.jsonl", question)
        deadline = time.monotonic() + 40
        while len(starts()) < PLAY.get("waits_for_starts", 0):
            if time.monotonic() > deadline:
                os._exit(8)
            time.sleep(0.05)
        message = {"role": "assistant", "content": PLAY[kind_of(question)]}
        self.answer(
            {
                "id": "1",
                "object": "chat.completion",
                "created": 0,
                "model": question["model"],
                "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
                "usage": {"prompt_tokens": 400, "completion_tokens": 80, "total_tokens": 480},
            }
        )

    def answer(self, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def address_string(self) -> str:
        return "socket"

    def log_message(self, *arguments: Any) -> None:
        """Nothing."""


class Server(ThreadingUnixStreamServer):
    daemon_threads = True


def main() -> None:
    PLAY.update(json.loads((FOLDER / "replies.json").read_text()))
    others = [one["pid"] for one in starts() if is_alive(one["pid"])] if (FOLDER / "starts.jsonl").exists() else []
    gpus = os.environ.get("CUDA_VISIBLE_DEVICES")
    append("starts.jsonl", {"arguments": sys.argv[1:], "pid": os.getpid(), "others": others, "gpus": gpus})
    print("loading weights", flush=True)
    if message := PLAY.get("refuses"):
        print(message, flush=True)
        sys.exit(1)
    threading.Timer(LIFETIME, os._exit, (1,)).start()
    Server(sys.argv[sys.argv.index("--uds") + 1], Handler).serve_forever()


if __name__ == "__main__":
    main()
