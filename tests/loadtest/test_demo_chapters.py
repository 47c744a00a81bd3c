import pytest

from loadtest.demo import chapters

NO_SIDECARS, NONE, EQUILIBRIUM = chapters.ARMS


def test_the_whole_demo_takes_about_four_minutes_of_playing() -> None:
    assert 200 < chapters.script().whole_s < 260, "five minutes, less starting and ending three meshes"


def test_the_quick_one_leaves_time_to_start_within_two_minutes() -> None:
    quick = chapters.script(quick=True)
    assert quick.whole_s < 105
    assert [arm.name for arm in quick.arms] == ["none", "equilibrium"]
    assert [fault.key for fault in quick.faults] == ["slow", "failing"]


def test_equilibrium_plays_every_fault_and_then_its_recovery() -> None:
    played = [(each.kind, each.seconds) for each in chapters.script().chapters(EQUILIBRIUM)]
    assert played[1:4] == [("steady", 12), ("fault", 12), ("recovery", 17)]
    assert [kind for kind, _ in played[2:]] == ["fault", "recovery"] * 4


@pytest.mark.parametrize("arm", [NO_SIDECARS, NONE])
def test_baselines_play_the_same_faults_without_recoveries(arm: chapters.Arm) -> None:
    played = chapters.script().chapters(arm)
    assert [each.fault for each in played if each.kind == "fault"] == list(chapters.FAULTS)
    assert {each.seconds for each in played[1:]} == {8}
    assert "recovery" not in {each.kind for each in played}


def test_seconds_make_every_chapter_shorter_in_proportion() -> None:
    short, full = chapters.script(seconds=50), chapters.script()
    assert short.whole_s == pytest.approx(50)
    ratios = {
        one.seconds / other.seconds
        for arm in full.arms
        for one, other in zip(short.chapters(arm), full.chapters(arm), strict=True)
    }
    assert len({round(ratio, 9) for ratio in ratios}) == 1


def test_each_fault_hits_one_pod_of_the_service_it_names() -> None:
    loaded = {route.service for route in chapters.ROUTES}
    for fault in chapters.FAULTS:
        assert fault.service in loaded, f"{fault.key} hits a service nobody sends open-loop load to"
        assert fault.pod.startswith(f"{fault.service}-")
    assert len({fault.pod for fault in chapters.FAULTS}) == 4, (
        "a fault must not hit a pod that is still distrusted"
    )


def test_an_arm_begins_where_those_before_it_end() -> None:
    script = chapters.script()
    assert script.before_s(NO_SIDECARS) == 0
    assert script.before_s(EQUILIBRIUM) == script.seconds(NO_SIDECARS) + script.seconds(NONE)
