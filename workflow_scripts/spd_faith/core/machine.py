"""Settings of the machine that a command depends on: the variables of the network, and the limit on open files."""

import os
import resource

from spd_faith.core.errors import UserError

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_NETWORK = (*(name for proxy in _PROXIES for name in (proxy, proxy.lower())), "SSL_CERT_FILE", "SSL_CERT_DIR")
_OTHER_FILES = 64  # open at once beside what is counted


def network_hint() -> str:
    """The end of an error about the network: the variables that change how it is reached; "" where none is set.

    Their values are left out, for a proxy's can hold a password.
    """
    found = [name for name in _NETWORK if os.environ.get(name)]
    return f" (set in the environment: {', '.join(found)})" if found else ""


def allow_open_files(count: int, reason: str) -> None:
    """Let this process open `count` files at once. Raises `UserError`, with the reason, where the system forbids it."""
    needed = count + _OTHER_FILES
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY or allowed >= needed:
        return
    if most != resource.RLIM_INFINITY and most < needed:
        raise UserError(f"only {most} files may be open at once, and {reason} needs {needed}: see `ulimit -n`")
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, most))
