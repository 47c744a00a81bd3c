"""Starting pods: everything at once, then waiting for all, since most of a start is Python importing."""

import re
import shutil
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from loadtest import processes
from loadtest.mesh import addresses
from loadtest.mesh.discovery_file import DiscoveryFile
from loadtest.mesh.plan import MeshPlan
from loadtest.mesh.pod import Pod
from sidecar import clock

READY = re.compile(rb"^(urbanmove \S+|equilibrium-sidecar) ready ", re.MULTILINE)
READY_S = 90.0
"""For 26 processes on a busy machine of two cores."""
TELL_S = 1.0
PROGRAM = "equilibrium-sidecar"


@dataclass(frozen=True, slots=True)
class Starting:
    """A process that has not said yet that it is ready."""

    child: processes.Child
    log_from: int
    """Where its own lines begin: an earlier process of that name may have used the log before."""

    def ready(self) -> bool:
        """Whether it said so; StartError when it ended instead."""
        with self.child.log.open("rb") as log:
            log.seek(self.log_from)
            said = READY.search(log.read()) is not None
        if not said and not self.child.running:
            code = self.child.process.returncode
            raise processes.StartError(f"{self.child.name} exited {code}:\n{self.child.last_words()}")
        return said


class Launcher:
    """Starts the processes of pods. Call it from a thread that lives as long as they shall.

    The kernel ends them with the *thread* that started them (prctl(2), PR_SET_PDEATHSIG).
    """

    def __init__(
        self, children: processes.Children, directory: Path, plan: MeshPlan, discovery: DiscoveryFile
    ) -> None:
        self._children = children
        self._directory = directory
        self._plan = plan
        self._discovery = discovery

    def start(self, pods: Iterable[Pod]) -> None:
        """Start pods and return when all their processes are ready. StartError when one does not come up."""
        launched = list(pods)
        starting = [process for pod in launched for process in self._launch(pod)]
        total = len(starting)
        begun_s = told_s = clock.now()
        while starting := [process for process in starting if not process.ready()]:
            if clock.now() > begun_s + READY_S:
                raise _late(starting)
            if clock.now() > told_s + TELL_S:
                told_s = clock.now()
                self._plan.on_progress(f"{total - len(starting)} of {total} processes are ready")
            time.sleep(processes.POLL_S)
        if self._plan.lodging is not None:
            for pod in launched:
                self._plan.lodging.started(pod)

    def _launch(self, pod: Pod) -> Iterable[Starting]:
        service = addresses.service_of(pod.service)
        argv = self._app_argv(pod, service)
        if self._plan.lodging is not None:
            argv = self._plan.lodging.wrap(pod, argv)
        app = self._child(f"{pod.name}.app", argv)
        pod.app_child = app.child
        yield app
        if pod.outbound is not None:
            sidecar = self._child(f"{pod.name}.sidecar", [program()], self._sidecar_env(pod, service))
            pod.sidecar_child = sidecar.child
            yield sidecar

    def _child(self, name: str, argv: list[str], env: dict[str, str] | None = None) -> Starting:
        log = self._children.directory / f"{name}.log"
        log_from = log.stat().st_size if log.exists() else 0
        return Starting(self._children.start(name, argv, env=env), log_from)

    def _app_argv(self, pod: Pod, service: addresses.Service) -> list[str]:
        argv = [sys.executable, "-m", "loadtest.urbanmove", service.role]
        argv += ["--listen", pod.app, "--control", pod.control, "--pod", pod.name]
        argv += ["--pay-s", str(self._plan.pay_s)]
        if pod.service in addresses.SERVICES:
            argv += ["--database", str(self._directory / f"{service.role}.sqlite")]
        if pod.outbound is not None:
            return [*argv, "--proxy", pod.outbound]
        return [*argv, "--hosts", str(self._discovery.hosts)]

    def _sidecar_env(self, pod: Pod, service: addresses.Service) -> dict[str, str]:
        return {
            "EQUILIBRIUM_OUTBOUND": pod.outbound or "",
            "EQUILIBRIUM_INBOUND": pod.inbound or "",
            "EQUILIBRIUM_ADMIN": pod.admin or "",
            "EQUILIBRIUM_SOURCE": pod.ip,
            "EQUILIBRIUM_WORKLOAD": service.workload,
            "EQUILIBRIUM_POD": pod.name,
            "EQUILIBRIUM_APP": pod.app,
            "EQUILIBRIUM_DISCOVERY": f"file:{self._discovery.path}",
            "EQUILIBRIUM_STRATEGY": self._plan.strategy or "",
            **self._plan.env,
        }


def program() -> str:
    """The installed sidecar: of this environment, else from PATH. StartError when there is none."""
    beside = Path(sys.executable).with_name(PROGRAM)
    found = str(beside) if beside.exists() else shutil.which(PROGRAM)
    if found is None:
        raise processes.StartError(f"{PROGRAM} is neither beside {sys.executable} nor on PATH: `make setup`")
    return found


def _late(waiting: list[Starting]) -> processes.StartError:
    names = ", ".join(process.child.name for process in waiting)
    words = waiting[0].child.last_words()
    return processes.StartError(f"not ready after {READY_S:.0f} s: {names}; the first said:\n{words}")
