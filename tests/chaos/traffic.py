"""Users of the mesh, and how its gateway's sidecar spreads them: counted, not timed."""

import concurrent.futures
import contextlib
import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

from loadtest import load, openloop, processes
from loadtest.mesh import Mesh, Pod
from sidecar import clock

PATIENCE_S = 60.0
POLL_S = 0.1
ENOUGH = 80
"""Picks a share is taken of: at a fair third, fewer than 15 % of them come up once in 10,000 times."""
RATE = 60.0
LONGEST_S = 300.0
CREDENTIALS = {"email": "rider000@urbanmove.ma", "password": "password-000"}


def until(holds: Callable[[], bool], promise: str, patience_s: float = PATIENCE_S) -> None:
    """Poll until it holds; the promise is what is broken if it never does."""
    deadline = clock.now() + patience_s
    while not holds():
        assert clock.now() < deadline, f"broken promise: {promise}"
        time.sleep(POLL_S)


class Users:
    """Steady open-loop load through the entry, from a process of its own."""

    def __init__(self, mesh: Mesh, children: processes.Children) -> None:
        self._mesh = mesh
        self._children = children
        self._asking: list[load.Load] = []

    def ask(self, path: str, *headers: str) -> load.Load:
        """GETs from now on, until `finish(now=True)`; a request not answered in 5 s is lost."""
        plan = openloop.Plan(self._mesh.entry, "gateway", path, RATE, LONGEST_S, headers=headers)
        self._asking.append(load.start(self._children, plan, name=f"load-{len(self._asking)}"))
        return self._asking[-1]

    def leave(self) -> None:
        """Stop asking; nobody wants to know any more, as after a test that failed."""
        for each in self._asking:
            each.child.end()
            if each.child.process.stdout is not None:
                each.child.process.stdout.close()

    @contextlib.contextmanager
    def logging_in(self) -> Iterator[Counter[int]]:
        """POSTs that nobody may repeat, one after the other; how often each status came. 0: no answer."""
        stop, statuses = threading.Event(), Counter[int]()

        def log_in_again_and_again() -> None:
            while not stop.is_set():
                statuses[post(self._mesh.entry, "/api/auth/login", CREDENTIALS)[0]] += 1

        with concurrent.futures.ThreadPoolExecutor(1) as thread:
            running = thread.submit(log_in_again_and_again)
            try:
                yield statuses
            finally:
                stop.set()
                running.result(PATIENCE_S)


def post(address: str, path: str, fields: object) -> tuple[int, bytes]:
    """Status and body; 0 when no answer came."""
    connection = http.client.HTTPConnection(*processes.split(address), timeout=120)
    try:
        connection.request("POST", path, json.dumps(fields), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def bearer(mesh: Mesh) -> str:
    """A header line of someone who has logged in."""
    status, body = post(mesh.entry, "/api/auth/login", CREDENTIALS)
    assert status == 200, body
    return f"Authorization: Bearer {json.loads(body)['accessToken']}"


class Picks:
    """What the gateway's sidecar picked, from its own counters."""

    def __init__(self, mesh: Mesh, service: str) -> None:
        self._mesh = mesh
        self._service = service
        self._before = self._counts()

    def share(self, pod: Pod) -> float:
        """Of the next `ENOUGH` picks."""
        self.wait()
        after = self._counts()
        new = {address: after[address] - self._before.get(address, 0) for address in after}
        self._before = after
        return new[pod.endpoint] / sum(new.values())

    def wait(self, picks: int = ENOUGH) -> None:
        """Until there are so many more."""
        start = sum(self._counts().values())
        until(
            lambda: sum(self._counts().values()) >= start + picks, f"{self._service} is asked {picks} times"
        )

    def _counts(self) -> dict[str, int]:
        told = self._mesh.state(self._mesh.gateway)["services"][self._service]
        flying = told["in_flight"]
        return {each: sum(ended.values()) + flying.get(each, 0) for each, ended in told["settled"].items()}
