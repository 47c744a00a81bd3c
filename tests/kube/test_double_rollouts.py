"""How large each ReplicaSet may be during a rolling update."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.support.kube import rollouts

pytestmark = pytest.mark.kube

COUNTS = st.integers(0, 8)


def replica_set(name: str, size: int, available: int) -> dict:
    status = {"replicas": size, "availableReplicas": available}
    return {"metadata": {"name": name}, "spec": {"replicas": size}, "status": status}


def deployment(replicas: int, surge, unavailable, kind: str = "RollingUpdate") -> dict:
    rolling = {"maxSurge": surge, "maxUnavailable": unavailable}
    return {"spec": {"replicas": replicas, "strategy": {"type": kind, "rollingUpdate": rolling}}}


SETS = st.tuples(COUNTS, COUNTS).map(lambda pair: (max(pair), min(pair)))
SLACK = st.integers(0, 3) | st.sampled_from(["0%", "25%", "100%"])


@given(st.integers(1, 8), SLACK, SLACK, SETS, st.lists(SETS, max_size=3))
def test_there_are_never_too_many_and_never_too_few(replicas, surge, unavailable, new, old):
    wanted = deployment(replicas, surge, unavailable)
    more, fewer = rollouts._slack(wanted, replicas)
    now = replica_set("new", *new)
    before = [replica_set(f"old-{number}", *sizes) for number, sizes in enumerate(old)]
    assume(new[0] <= replicas)
    after = rollouts.sizes(wanted, now, before)
    total = new[0] + sum(size for size, _ in old)
    assert sum(after.values()) <= max(total, replicas + more)
    # of what is scaled down, those first that serve nobody: what is left of the available ones
    serving = new[1] + sum(
        min(each["status"]["availableReplicas"], after[each["metadata"]["name"]]) for each in before
    )
    available = new[1] + sum(count for _, count in old)
    assert serving >= min(available, replicas - fewer)


@given(st.integers(1, 8), SLACK, SLACK, st.lists(COUNTS, min_size=1, max_size=3))
def test_it_ends_with_the_new_ones_only(replicas, surge, unavailable, old):
    """When every pod is ready as soon as it is asked for."""
    wanted = deployment(replicas, surge, unavailable)
    sizes = {"new": 0} | {f"old-{number}": size for number, size in enumerate(old)}
    for _ in range(100):
        new, *before = [replica_set(name, size, size) for name, size in sizes.items()]
        sizes = rollouts.sizes(wanted, new, before)
    assert sizes == {"new": replicas} | dict.fromkeys(list(sizes)[1:], 0)


def test_recreate_waits_until_the_old_ones_are_gone():
    wanted = deployment(3, 1, 0, "Recreate")
    new, old = replica_set("new", 0, 0), replica_set("old", 3, 3)
    assert rollouts.sizes(wanted, new, [old]) == {"old": 0, "new": 0}
    assert rollouts.sizes(wanted, new, [replica_set("old", 0, 0)]) == {"old": 0, "new": 3}
