"""A command that lives like `vllm serve`: `python fake_engine.py MODEL --uds PATH`, or `--host` and `--port`.

It has a child that outlives it, with a shared memory segment, a socket and a temporary folder of its own, and serves
canned answers. It ends by itself after ten minutes. What it does is set by environment variables:

    FAKE_ENGINE_LOAD_SECONDS    until it serves (0.2)
    FAKE_ENGINE_LOST_SECONDS    how long a SIGTERM to the server is lost (0)
    FAKE_ENGINE_DEAF_SECONDS    how long the child ignores SIGTERM (0)
    FAKE_ENGINE_IGNORED         file to which the child appends a line for each SIGTERM that it ignores
    FAKE_ENGINE_DIES_AFTER      N answers, or a time such as 0.5s (never)
    FAKE_ENGINE_DEATH           exit code, or name of the signal that ends it (1)
    FAKE_ENGINE_SEGMENT         start of the name of its segments (fake-engine)
    FAKE_ENGINE_ANSWERS         JSON file: a list of answers, each with some keys of ANSWER; the first is given whose
                                `question` occurs in the text of the request
    FAKE_ENGINE_REQUESTS        file to which it appends each request as a line of JSON
    FAKE_ENGINE_STARTS          file to which it appends a line of JSON when it starts: its arguments, process id and
                                GPUs, and the engines of earlier lines that still live
    FAKE_ENGINE_TOGETHER        how many lines that file has before it answers; it dies if there are fewer for long (0)

With VLLM_API_KEY it wants that key. Its own sockets are in VLLM_RPC_BASE_PATH.
"""

import argparse
import json
import mmap
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socketserver import ThreadingMixIn

LIFE_SECONDS = 600
LONELY_SECONDS = 90
VERSION = "0.0.fake"
CORE = "--engine-core"  # the argument of its child
ANSWER = {"question": "", "text": "ok", "token_ids": [5, 6], "prompt_token_ids": [1, 2], "finish_reason": "stop"}
STARTED = time.monotonic()


def setting(name, default):
    return os.environ.get(f"FAKE_ENGINE_{name}", default)


def end_after(seconds, code):
    threading.Thread(target=lambda: (time.sleep(seconds), die(code)), daemon=True).start()


def die(how):
    print(f"the fake engine dies: {how}", flush=True)
    if how.startswith("SIG"):
        os.kill(os.getpid(), signal.Signals[how])
        time.sleep(1)
    os._exit(int(how))


def core():
    """The child: like a real one it has a segment and a socket, and does not notice that its parent was killed."""
    end_after(LIFE_SECONDS, "1")
    path = Path("/dev/shm", f"{setting('SEGMENT', 'fake-engine')}-{os.getpid()}")
    with path.open("wb+") as file:
        file.truncate(mmap.PAGESIZE)
        segment = mmap.mmap(file.fileno(), mmap.PAGESIZE)
    tempfile.mkdtemp(prefix="pymp-")  # as Python's multiprocessing, which removes it unless it is killed
    own = socket.socket(socket.AF_UNIX)
    if folder := os.environ.get("VLLM_RPC_BASE_PATH"):
        own.bind(f"{folder}/{uuid.uuid4()}")

    def leave(*_):
        if time.monotonic() - STARTED > float(setting("DEAF_SECONDS", 0)):
            path.unlink()
            os._exit(0)
        if file := setting("IGNORED", ""):
            with Path(file).open("a") as stream:
                stream.write("SIGTERM\n")

    signal.signal(signal.SIGTERM, leave)
    print("the engine core runs", flush=True)
    while segment:
        time.sleep(0.1)


class Server(ThreadingMixIn, HTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def server_bind(self):  # without a look-up of the host's name
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = "engine", 0


class SocketServer(Server):
    address_family = socket.AF_UNIX


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    lock = threading.Lock()
    answered = 0
    seen = frozenset()
    metrics = dict.fromkeys(
        ("prefix_cache_queries_total", "prefix_cache_hits_total", "mm_cache_queries_total", "mm_cache_hits_total"), 0
    )

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.path == "/health":
            self.reply(b"")
        elif self.path == "/version":
            self.reply(json.dumps({"version": VERSION}).encode())
        elif self.path == "/metrics":
            lines = [f'vllm:{name}{{engine="0",model_name="m"}} {value}.0\n' for name, value in self.metrics.items()]
            self.reply("".join(["# HELP vllm: counters\n", *lines]).encode(), "text/plain")
        elif self.path == "/v1/models" and self.is_allowed():
            self.reply(json.dumps({"object": "list", "data": [{"id": "m", "object": "model"}]}).encode())

    def do_POST(self):
        request = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path != "/v1/chat/completions" or not self.is_allowed():
            return
        if file := setting("REQUESTS", ""):
            with self.lock, Path(file).open("ab") as stream:
                stream.write(request + b"\n")
        wait_for_others()
        request = json.loads(request)
        contents = [message["content"] for message in request["messages"]]
        parts = [part for one in contents for part in ([{"text": one}] if isinstance(one, str) else one)]
        answer = answer_to("\n".join(part["text"] for part in parts if "text" in part))
        with self.lock:
            self.count([part["image_url"]["url"] for part in parts if "image_url" in part], answer)
            Handler.answered += 1
            if setting("DIES_AFTER", "") == str(Handler.answered - 1):
                die(setting("DEATH", "1"))
        self.reply(json.dumps(completion(request["model"], answer)).encode())

    def count(self, images, answer):
        prompt = (*images, *answer["prompt_token_ids"])
        new = {prompt, *images} - Handler.seen
        self.metrics["mm_cache_queries_total"] += len(images)
        self.metrics["mm_cache_hits_total"] += sum(image not in new for image in images)
        self.metrics["prefix_cache_queries_total"] += len(answer["prompt_token_ids"])
        self.metrics["prefix_cache_hits_total"] += 0 if prompt in new else len(answer["prompt_token_ids"])
        Handler.seen = Handler.seen | new

    def is_allowed(self):
        key = os.environ.get("VLLM_API_KEY")
        allowed = key is None or self.headers.get("Authorization") == f"Bearer {key}"
        if not allowed:
            self.reply(b'{"error": "Unauthorized"}', status=401)
        return allowed

    def reply(self, body, kind="application/json", status=200):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def starts():
    return [json.loads(line) for line in Path(setting("STARTS", os.devnull)).read_text().splitlines()]


def record_start():
    if file := setting("STARTS", ""):
        before = starts() if Path(file).exists() else []
        others = [one["pid"] for one in before if Path("/proc", str(one["pid"])).exists()]
        start = {"arguments": sys.argv[1:], "pid": os.getpid(), "gpus": os.environ.get("CUDA_VISIBLE_DEVICES")}
        with Path(file).open("a") as stream:
            stream.write(json.dumps({**start, "others": others}) + "\n")


def wait_for_others():
    until = time.monotonic() + LONELY_SECONDS
    while len(starts()) < int(setting("TOGETHER", 0)):
        if time.monotonic() > until:
            die("1")
        time.sleep(0.05)


def answer_to(question):
    file = setting("ANSWERS", "")
    answers = json.loads(Path(file).read_text()) if file else []
    return ANSWER | next((one for one in answers if one.get("question", "") in question), {})


def completion(model, answer):
    counts = {"prompt_tokens": len(answer["prompt_token_ids"]), "completion_tokens": len(answer["token_ids"] or [])}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": answer["text"]},
                "finish_reason": answer["finish_reason"],
                "token_ids": answer["token_ids"],
            }
        ],
        "usage": {**counts, "total_tokens": sum(counts.values())},
        "prompt_token_ids": answer["prompt_token_ids"],
    }


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("model")
    parser.add_argument("--uds")
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    arguments, _ = parser.parse_known_args()
    end_after(LIFE_SECONDS, "1")
    record_start()
    child = subprocess.Popen([sys.executable, __file__, CORE])

    def leave(*_):
        if time.monotonic() - STARTED > float(setting("LOST_SECONDS", 0)):
            with suppress(ProcessLookupError, ChildProcessError):
                os.kill(child.pid, signal.SIGTERM)
                os.waitpid(child.pid, 0)
            os._exit(0)

    signal.signal(signal.SIGTERM, leave)
    dies_after = setting("DIES_AFTER", "")
    if dies_after.endswith("s"):
        end_after(float(dies_after[:-1]), setting("DEATH", "1"))
    print(f"loading {arguments.model}", flush=True)
    time.sleep(float(setting("LOAD_SECONDS", 0.2)))
    server = (
        SocketServer(arguments.uds, Handler) if arguments.uds else Server((arguments.host, arguments.port), Handler)
    )
    print("serving", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    core() if sys.argv[1:] == [CORE] else main()
