"""The endpoints behind every arm: one nginx worker with an address per endpoint, or Python processes.

nginx is the default: it leaves more of the load core to wrk, so that the proxy is the bottleneck.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from loadtest import canned, processes
from loadtest.bench import arms, configs

PORT = 8080


def addresses(net: str, count: int) -> tuple[str, ...]:
    """One loopback address per endpoint, as pods have."""
    return tuple(f"{net}.{number}:{PORT}" for number in range(1, count + 1))


@contextmanager
def standing(
    children: processes.Children,
    kind: str,
    endpoints: Sequence[str],
    *,
    core: int | None,
    path: str,
    one_process: bool = False,
) -> Iterator[None]:
    """The endpoints, up and answering `path`; Python ones are a process each, or one process for all."""
    site = configs.Site("", tuple(endpoints), children.directory / "upstream")
    site.directory.mkdir(exist_ok=True)
    if kind == "nginx":
        commands = [_nginx(site, path)]
    elif one_process:
        commands = [_python("upstream", endpoints)]
    else:
        commands = [_python(f"upstream-{i}", [address]) for i, address in enumerate(endpoints)]
    started = [children.start(f"upstream-{i}", argv, core=core) for i, argv in enumerate(commands)]
    try:
        for address in endpoints:
            child = started[-1] if address == endpoints[-1] else started[0]
            processes.await_http(address, child, host=configs.AUTHORITY, path=path)
        yield
    finally:
        for child in started:
            child.end()


def _nginx(site: configs.Site, path: str) -> tuple[str, ...]:
    file = site.directory / "nginx.conf"
    file.write_text(configs.nginx_upstream(site, canned.small_json("upstream").decode()))
    if path.startswith("/bytes/"):
        _write_bytes(site.directory, path)
    return arms.nginx_command(file)


def _write_bytes(directory: Path, path: str) -> None:
    count = int(path.removeprefix("/bytes/"))
    (directory / "bytes").mkdir(exist_ok=True)
    (directory / "bytes" / str(count)).write_bytes(b"x" * count)


def _python(name: str, endpoints: Sequence[str]) -> tuple[str, ...]:
    listens = [word for address in endpoints for word in ("--listen", address)]
    return (sys.executable, "-m", "loadtest.upstream", "--name", name, "--drain-s", "0", *listens)
