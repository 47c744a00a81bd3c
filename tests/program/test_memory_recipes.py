"""The recipes of docs/memory-hooks.md, as printed there: a real process gives back what it does not need."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from sidecar.consent import Consent
from sidecar.hooks import SignalHook, parse_hook
from sidecar.policy import negotiation
from sidecar.pressure.proc import Processes
from sidecar.pressure.sources import Reading

MB = 1_000_000
HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs" / "memory-hooks.md"
JAVA = "-Xmx512m -XX:+UseG1GC -XX:MinHeapFreeRatio=10 -XX:MaxHeapFreeRatio=30"


def proposal(app: "App") -> bytes:
    """What the pod can accept once 160 MB are freed."""
    return orjson.dumps({"proposed_memory": negotiation.minimum_memory(app.resident_bytes - 160 * MB)})


def recipe(language: str) -> str:
    match = re.search(rf"^```{language}\n(.*?)^```", DOCS.read_text(), re.MULTILINE | re.DOTALL)
    assert match is not None, f"docs/memory-hooks.md has no recipe in {language}"
    return match[1]


class App:
    """A process that holds garbage."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.pid = process.pid
        assert process.stdout is not None
        self.url = f"http://127.0.0.1:{int(process.stdout.readline())}/"

    @property
    def resident_bytes(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    async def usage(self) -> Reading:
        return Reading(self.resident_bytes, None, "processes")


@contextlib.contextmanager
def running(*command: str) -> Iterator[App]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield App(process)
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@contextlib.contextmanager
def python_app(folder: Path) -> Iterator[App]:
    (folder / "recipe.py").write_text(recipe("python"))
    with running(sys.executable, str(HERE / "garbage.py"), str(folder / "recipe.py")) as app:
        yield app


async def gives_back(app: App, consent: Consent) -> None:
    before = app.resident_bytes
    assert before > 200 * MB, "it holds garbage"
    status, told = await consent.negotiate(proposal(app))
    print(told)
    after = app.resident_bytes
    assert status == 200, told
    assert before - after >= 150 * MB, f"RSS went from {before} to {after} bytes"
    freed = told["freed_bytes"]
    assert isinstance(freed, int)
    assert freed >= 150 * MB, told


async def test_a_python_app_gives_memory_back_when_its_endpoint_is_called(tmp_path: Path) -> None:
    with python_app(tmp_path) as app:
        await gives_back(app, Consent(app.usage, parse_hook(app.url)))


async def test_a_python_app_gives_memory_back_on_a_signal(tmp_path: Path) -> None:
    with python_app(tmp_path) as app:
        proc = tmp_path / "proc"  # as a shared process namespace looks, with nobody else in it
        for pid, comm, group in ((1, "pause", "/pause"), (os.getpid(), "sidecar", "/sidecar")):
            (proc / str(pid)).mkdir(parents=True)
            (proc / str(pid) / "comm").write_text(f"{comm}\n")
            (proc / str(pid) / "cgroup").write_text(f"0::{group}\n")
        (proc / str(app.pid)).symlink_to(f"/proc/{app.pid}")
        hook = SignalHook(signal.SIGUSR1, Processes(tmp_path, os.getpid()), proc)
        await gives_back(app, Consent(app.usage, hook))


async def test_without_a_hook_the_garbage_stays_and_the_pod_refuses(tmp_path: Path) -> None:
    with python_app(tmp_path) as app:
        status, told = await Consent(app.usage).negotiate(proposal(app))
        assert status == 409
        assert isinstance(told["minimum_memory"], int)
        assert told["minimum_memory"] > app.resident_bytes
        assert app.resident_bytes > 200 * MB


@contextlib.contextmanager
def java_app(folder: Path) -> Iterator[App]:
    source = folder / "MemoryHook.java"
    source.write_text(recipe("java"))
    subprocess.run(["javac", "-d", folder, source, HERE / "Garbage.java"], check=True, timeout=120)
    with running("java", *JAVA.split(), "-cp", str(folder), "Garbage") as app:
        yield app


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("javac") is None, reason="no JDK here")
async def test_a_java_app_gives_memory_back_when_its_endpoint_is_called(tmp_path: Path) -> None:
    with java_app(tmp_path) as app:
        await gives_back(app, Consent(app.usage, parse_hook(app.url)))
