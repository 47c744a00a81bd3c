from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtest import ailment, canned, load, openloop, processes
from loadtest.ailment import Ailment
from loadtest.bench import pods


@pytest.fixture
def children(tmp_path: Path) -> Iterator[processes.Children]:
    with processes.Children(tmp_path) as started:
        yield started


@pytest.fixture
def pod(children: processes.Children) -> Iterator[pods.Pod]:
    with pods.standing(children, processes.loopback_net(), 1, delay_ms=0.0, core=None) as standing:
        yield standing[0]


def _outcomes(children: processes.Children, pod: pods.Pod, timeout_s: float = 5.0) -> set[str]:
    plan = openloop.Plan(pod.address, "app", "/", 50, 0.4, timeout_s=timeout_s)
    return {sample.outcome for sample in load.start(children, plan).finish()}


def test_a_pod_falls_ill_and_gets_well(children: processes.Children, pod: pods.Pod) -> None:
    pod.fall_ill(Ailment(fail_share=1.0, status=500))
    assert _outcomes(children, pod) == {"500"}
    pod.heal()
    assert _outcomes(children, pod) == {"200"}


def test_a_hung_pod_answers_nothing_until_it_is_well(children: processes.Children, pod: pods.Pod) -> None:
    pod.fall_ill(Ailment(hang=True))
    assert _outcomes(children, pod, timeout_s=0.3) == {"timeout"}
    pod.heal()
    assert _outcomes(children, pod) == {"200"}


def test_requests_are_counted_checks_are_not(children: processes.Children, pod: pods.Pod) -> None:
    assert pod.received() == 0  # awaiting it asked for its health
    _outcomes(children, pod)
    assert pod.received() == 20


def test_a_restarted_pod_is_the_same_and_well(children: processes.Children, pod: pods.Pod) -> None:
    pod.fall_ill(Ailment(fail_share=1.0))
    pod.restart()
    assert pod.received() == 0
    assert _outcomes(children, pod) == {"200"}


def test_delays_are_multiplied_and_added_to() -> None:
    app = canned.App("pod", 0.0)
    assert app.delay_s(b"/delay/10") == 0.01
    app.tell(Ailment(extra_ms=500, times=3))
    assert app.delay_s(b"/delay/10") == pytest.approx(0.53)
    app.tell(Ailment())
    assert app.ill is ailment.HEALTHY


def test_a_share_fails() -> None:
    app = canned.App("pod", 0.0)
    assert not any(app.fails() for _ in range(100))
    app.tell(Ailment(fail_share=0.3))
    assert 200 < sum(app.fails() for _ in range(1000)) < 400


def test_what_hangs_is_answered_when_it_is_over() -> None:
    app, answered = canned.App("pod", 0.0), list[int]()
    app.tell(Ailment(hang=True))
    app.held.append(lambda: answered.append(1))
    app.tell(None)
    assert answered == []
    app.tell(Ailment())
    assert (answered, app.held) == ([1], [])
