"""Memory grows when use comes near, and shrinks only where that was asked for."""

from dataclasses import replace
from typing import Literal

import pytest

from coordinator.policy.config import Bounds, Config
from coordinator.policy.grant import Consent, Grant
from coordinator.policy.memory import wanted_bytes
from coordinator.policy.observation import Observation
from coordinator.policy.records import Record
from coordinator.policy.setbacks import remember_answer
from coordinator.policy.subject import Subject
from tests.coordinator.policy.plant import subject

MIB = 2**20
POD = subject("p", 500)
DECAY = Config(memory="decay")


def limited(mib: int) -> Subject:
    return replace(POD, spec=replace(POD.spec, memory_limit_bytes=mib * MIB))


def wanted(
    pod: Subject,
    use_mib: float | None,
    record: Record | None = None,
    bounds: Bounds | None = None,
    config: Config | None = None,
) -> int | None:
    """MiB."""
    use = None if use_mib is None else int(use_mib * MIB)
    seen = Observation(demand=0.5, source="sidecar", at=0.0, usage_bytes=use)
    change = wanted_bytes(pod, seen, record or Record(), bounds or Bounds(), config or Config(), 0.0)
    return None if change is None else change[0] // MIB


def test_it_grows_at_once_when_use_is_near() -> None:
    assert wanted(POD, 217) is None
    assert wanted(POD, 218) == 312


def test_it_grows_from_any_use_of_what_there_is() -> None:
    assert wanted(POD, 256) == 366


def test_it_never_more_than_doubles_what_the_pod_came_with() -> None:
    record = Record()
    assert wanted(POD, 250, record) == 358
    assert wanted(limited(358), 356, record) == 509
    assert wanted(limited(509), 505, record) == 512
    assert wanted(limited(512), 512, record) is None


def test_the_namespaces_maximum_is_kept() -> None:
    assert wanted(POD, 250, bounds=Bounds(max_memory_bytes=300 * MIB)) == 300
    assert wanted(limited(300), 290, bounds=Bounds(max_memory_bytes=300 * MIB)) is None


@pytest.mark.parametrize(
    "pod",
    [
        replace(POD, sidecar=None),
        replace(POD, policy="requests"),
        replace(POD, spec=replace(POD.spec, memory_limit_bytes=None)),
    ],
    ids=["no sidecar", "requests only", "no limit"],
)
def test_nothing_is_decided_for_pods_that_have_no_say_or_no_limit(pod: Subject) -> None:
    assert wanted(pod, 255) is None


def test_nothing_is_decided_without_a_known_use() -> None:
    record = Record()
    assert [wanted(POD, None, record, config=DECAY) for _ in range(100)] == [None] * 100


def test_it_can_be_turned_off() -> None:
    assert wanted(POD, 255, config=Config(memory="off")) is None


def test_without_being_asked_to_it_never_shrinks() -> None:
    record = Record(first_memory_bytes=256 * MIB)
    assert [wanted(limited(512), 10, record) for _ in range(200)] == [None] * 200


def test_decay_takes_a_twentieth_back_after_forty_idle_cycles() -> None:
    record = Record(first_memory_bytes=256 * MIB)
    answers = [wanted(limited(500), 100, record, config=DECAY) for _ in range(41)]
    assert answers == [None] * 39 + [475, None]


def test_one_busy_cycle_starts_the_count_again() -> None:
    record = Record(first_memory_bytes=256 * MIB)
    uses = [100] * 39 + [300] + [100] * 39
    assert [wanted(limited(500), use, record, config=DECAY) for use in uses] == [None] * 79


def test_decay_takes_back_no_more_than_was_given() -> None:
    record = Record(first_memory_bytes=256 * MIB, idle_memory=1000)
    assert wanted(limited(260), 50, record, config=DECAY) == 256
    record.idle_memory = 1000
    assert wanted(limited(256), 50, record, config=DECAY) is None


def test_a_veto_of_memory_stands_for_what_is_below_its_minimum() -> None:
    record = Record()
    grant = Grant(subject=POD, cpu_m=None, memory_bytes=300 * MIB, reason="")
    consent = Consent("vetoed", minimum_memory_bytes=320 * MIB)
    remember_answer(record, grant, consent, Config(), 0.0)
    assert wanted(POD, 218, record) is None
    assert wanted(POD, 225, record) == 322


def test_a_veto_that_is_about_memory_is_not_about_cpu() -> None:
    record = Record()
    grant = Grant(subject=POD, cpu_m=400, memory_bytes=300 * MIB, reason="")
    remember_answer(record, grant, Consent("vetoed", minimum_memory_bytes=320 * MIB), Config(), 0.0)
    assert (record.cpu_veto, record.memory_veto is not None) == (None, True)


def test_a_veto_that_names_nothing_is_about_everything() -> None:
    record = Record()
    grant = Grant(subject=POD, cpu_m=400, memory_bytes=300 * MIB, reason="")
    remember_answer(record, grant, Consent("vetoed"), Config(), 0.0)
    assert (record.cpu_veto is not None, record.memory_veto is not None) == (True, True)


@pytest.mark.parametrize("answer", ["accepted", "unasked", "vetoed"])
def test_an_answer_about_cpu_alone_leaves_a_veto_of_memory_standing(
    answer: Literal["accepted", "unasked", "vetoed"],
) -> None:
    record = Record()
    both = Grant(subject=POD, cpu_m=400, memory_bytes=300 * MIB, reason="")
    remember_answer(record, both, Consent("vetoed", minimum_memory_bytes=320 * MIB), Config(), 0.0)
    cpu = Grant(subject=POD, cpu_m=400, reason="")
    remember_answer(record, cpu, Consent(answer), Config(), 0.0)
    assert wanted(POD, 218, record) is None
    assert (record.cpu_veto is not None) is (answer == "vetoed")
