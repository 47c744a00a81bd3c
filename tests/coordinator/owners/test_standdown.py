"""Standing down over time: told once, counted, and over when it may be."""

from coordinator.policy import autoscaling
from coordinator.policy.ownership import FREE, NO_OWNERS, Owners, Standing
from coordinator.policy.standdown import StandDown, note
from coordinator.policy.subject import Amounts
from sidecar.kube.notes import LONGEST_MESSAGE
from tests.coordinator.owners.objects import THEIRS, pod, resize, vpa

NOON = "2026-11-22T12:00:00Z"
VPA = Owners(vpas=(autoscaling.vpa(vpa("Auto")),))


def look(down: StandDown, found=None, owners=NO_OWNERS, now=0.0):
    standing, news = down.look(found or pod(), "app", "limits", owners, now=now)
    return standing.reason, news


def test_news_is_told_once_when_it_begins_and_once_when_it_ends():
    down = StandDown()
    assert look(down) == ("", False)
    assert look(down, owners=VPA) == ("vpa", True)
    assert look(down, owners=VPA) == ("vpa", False)
    assert look(down, pod(resize(THEIRS, NOON))) == ("foreign-resizer", True)
    assert look(down) == ("", True)
    assert look(down) == ("", False)


def test_pods_are_counted_by_reason():
    down = StandDown()
    other = pod()
    other["metadata"]["uid"] = "u-2"
    look(down, owners=VPA)
    look(down, other, owners=VPA)
    assert down.counts() == {"vpa": 2}
    look(down, other)
    assert down.counts() == {"vpa": 1}
    down.keep(["u-2"])
    assert down.counts() == {}


def test_drift_is_left_alone_for_a_while_and_longer_each_time():
    down = StandDown(first_s=300, longest_s=1000)
    now = 0.0
    for wait_s in (300, 600, 1000, 1000):
        down.wrote("u-1", "app", Amounts(cpu_limit_m=450))
        assert look(down, now=now) == ("drift", True)
        assert look(down, now=now + wait_s - 1) == ("drift", False)
        now += wait_s
        assert look(down, now=now) == ("", True)
        assert look(down, now=now + 1) == ("", False), "what the pod has now is what it has"


def test_a_new_leader_takes_pods_as_they_are():
    down = StandDown()
    down.wrote("u-1", "app", Amounts(cpu_limit_m=450))
    down.lost()
    assert look(down) == ("", False), "another may have written since"


def test_what_we_wrote_is_no_drift():
    down = StandDown()
    down.wrote("u-1", "app", Amounts(cpu_limit_m=500))
    assert look(down) == ("", False)


def test_the_owner_is_told_in_words_with_the_reason():
    said = note(pod(), Standing("stand-down", "vpa", "VerticalPodAutoscaler shop/web sets its cpu"))
    assert (said.kind, said.name, said.uid, said.namespace) == ("ReplicaSet", "web-6f7", "r-1", "shop")
    assert (said.type, said.reason) == ("Warning", "ResizeStoodDown")
    assert said.message == "pod web-1 is not sized (vpa): VerticalPodAutoscaler shop/web sets its cpu"
    assert (note(pod(), FREE).type, note(pod(), FREE).reason) == ("Normal", "ResizeResumed")
    assert "only limits set (hpa)" in note(pod(), Standing("limits-only", "hpa", "x")).message


def test_a_pod_without_an_owner_is_told_itself_and_never_at_length():
    alone = pod()
    alone["metadata"]["ownerReferences"] = []
    said = note(alone, Standing("stand-down", "unreadable", "x" * 5000))
    assert (said.kind, said.name, said.uid) == ("Pod", "web-1", "u-1")
    assert len(said.message.encode()) <= LONGEST_MESSAGE
