"""Ways to reach the application inside its own pod: a URL on loopback, a signal, the kernel.

The same language the sidecar reads (`sidecar.hooks`, `sidecar.pressure.page`), which tests compare: what is let in here
must not stop a sidecar from starting.
"""

import re
from typing import Final

from sidecar import parsing
from sidecar.parsing import unfit

SIGNAL: Final = "signal:"
_SIGNALS: Final = ("USR1", "USR2", "HUP")
_HOOK: Final = "http://127.0.0.1:PORT/PATH, signal:USR1|USR2|HUP, reclaim or reclaim:/CGROUP/DIRECTORY"
_PAGE: Final = "http://127.0.0.1:PORT/PATH, a loopback address of this pod"
_URL: Final = re.compile(r"http://(\[[0-9a-fA-F:.]+\]|[0-9.]+|localhost):([0-9]{1,5})(?:/[!\"$-~]*)?")


def parse_url(text: str) -> str:
    """Where the application tells its memory."""
    return _loopback(text, _PAGE)


def parse_hook(text: str) -> str:
    """How the application is asked for memory."""
    kind, _, rest = text.partition(":")
    directory = kind == "reclaim" and rest.startswith("/") and ".." not in rest and rest.isprintable()
    if text == "reclaim" or directory or (kind == "signal" and rest in _SIGNALS):
        return text
    if kind == "http":
        return _loopback(text, _HOOK)
    raise unfit("not a memory hook", _HOOK)


def _loopback(text: str, allowed: str) -> str:
    match = _URL.fullmatch(text)
    if match is None:
        raise unfit("not a URL of this pod with its port", allowed)
    host, _ = parsing.parse_listener(f"{match[1]}:{match[2]}", least=1)
    if not parsing.is_loopback(host):
        raise unfit(f"{host} is not loopback", allowed)
    return text
