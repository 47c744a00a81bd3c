import http.client
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtest import processes, procfs
from loadtest.mesh import addresses, admin

COST_MS = 20.0


@pytest.fixture
def burner(tmp_path: Path) -> Iterator[tuple[str, processes.Child]]:
    net = addresses.Net()
    address = f"{net.prefix}.20:8080"
    argv = [sys.executable, "-m", "loadtest.experiments.burner", "--listen", address, "--name", "bus-0"]
    with processes.Children(tmp_path) as children:
        child = children.start("burner", [*argv, "--cost-ms", str(COST_MS)])
        processes.await_http(address, child, host="bus", path="/health")
        yield address, child
    net.release()


def test_a_request_costs_what_was_said_and_health_costs_nothing(burner: tuple[str, processes.Child]) -> None:
    address, child = burner
    idle_s = procfs.cpu_s(child.pid)
    for _ in range(5):
        admin.ask(address, "GET", "/health")
    healthy_s = procfs.cpu_s(child.pid)
    for _ in range(10):
        admin.ask(address, "GET", "/")
    burnt_s = procfs.cpu_s(child.pid) - healthy_s
    assert healthy_s - idle_s < COST_MS / 1000 * 5
    assert burnt_s + 0.02 >= 10 * COST_MS / 1000, "to the step of the kernel's account"
    assert burnt_s < 3 * 10 * COST_MS / 1000


def test_it_says_who_it_is_and_takes_another_cost(burner: tuple[str, processes.Child]) -> None:
    address, child = burner
    connection = http.client.HTTPConnection(*processes.split(address), timeout=120)
    connection.request("GET", "/")
    answer = connection.getresponse()
    assert (answer.getheader("X-Pod"), answer.read()) == ("bus-0", b"ok\n")
    connection.request("PUT", "/cost", b"1.5")
    answer = connection.getresponse()
    assert answer.read() == b'{"cost_ms": 1.5}'
    connection.request("PUT", "/cost", b"much")
    answer = connection.getresponse()
    assert (answer.status, b"number" in answer.read()) == (400, True)
    connection.close()
    child.end()
    assert child.process.returncode == 0


def test_what_nobody_waits_for_is_not_burnt(burner: tuple[str, processes.Child]) -> None:
    address, child = burner
    before_s = procfs.cpu_s(child.pid)
    gone = [http.client.HTTPConnection(*processes.split(address), timeout=120) for _ in range(50)]
    child.process.send_signal(
        signal.SIGSTOP
    )  # or, on a busy machine, it might be done with many before they leave
    for each in gone:
        each.request("GET", "/")
    for each in gone:
        each.close()
    child.process.send_signal(signal.SIGCONT)
    admin.ask(address, "GET", "/")
    assert procfs.cpu_s(child.pid) - before_s < 40 * COST_MS / 1000, "of 51 requests, few were still wanted"
