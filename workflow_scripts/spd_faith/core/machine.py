"""The machine: its hardware, and settings that commands depend on (network variables, the limit on open files)."""

import os
import platform
import resource
from collections import Counter
from pathlib import Path

from spd_faith.core.errors import UserError
from spd_faith.core.gpus import gpu_products

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_PROXY_VARIABLES = tuple(name for proxy in _PROXIES for name in (proxy, proxy.lower()))
_CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_OTHER_FILES = 64  # open files beyond those counted


def hardware() -> str:
    """The GPUs that this process may use, its processor, and how many CPUs there are."""
    gpus = [f"{n} × {product}" for product, n in Counter(gpu_products()).items()]
    return ", ".join([*gpus, f"{_processor()} ({os.cpu_count()} CPUs)"])


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.machine()


def network_hint(has_certificates: bool = True) -> str:
    """A suffix for network errors that lists the environment variables in effect; "" if none is set.

    Leave out the certificate variables if the connection failed before TLS. Values are never shown, because a proxy's
    may contain a password.
    """
    names = _PROXY_VARIABLES + (_CERTIFICATE_VARIABLES if has_certificates else ())
    found = [name for name in names if os.environ.get(name)]
    return f" (set in the environment: {', '.join(found)})" if found else ""


def allow_open_files(count: int, reason: str) -> None:
    """Let this process open `count` files at once. Raises `UserError` with the reason if the system forbids it."""
    needed = count + _OTHER_FILES
    allowed, maximum = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY or allowed >= needed:
        return
    if maximum != resource.RLIM_INFINITY and maximum < needed:
        raise UserError(f"only {maximum} files may be open at once, but {reason} needs {needed}: see `ulimit -n`")
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, maximum))
