from loadtest import load, story
from loadtest.load import Sample

PODS = ("pod-1", "pod-2")


def _marks() -> story.Marks:
    return story.Marks(killed_s=10.0, back_s=20.0)


def _samples(*extra: Sample) -> list[Sample]:
    return [
        Sample(1.0, 5.0, "200", "pod-1"),
        Sample(2.0, 7.0, "200", "pod-2"),
        Sample(12.0, 9.0, "200", "pod-1"),
        Sample(22.0, 5.0, "200", "pod-2"),
        *extra,
    ]


def test_chapters_split_at_the_marks() -> None:
    told = story.write(_samples(), _marks(), PODS, "pod-2")
    assert [chapter.requests for chapter in told.chapters] == [2, 1, 1]
    assert [chapter.shares["pod-2"] for chapter in told.chapters] == [0.5, 0.0, 1.0]
    assert told.holds


def test_a_request_the_kill_interrupted_counts_as_gone() -> None:
    told = story.write(_samples(Sample(9.999, 40.0, "200", "pod-1")), _marks(), PODS, "pod-2")
    assert [chapter.requests for chapter in told.chapters] == [2, 2, 1]


def test_one_failure_breaks_the_claim_and_is_named() -> None:
    told = story.write(_samples(Sample(11.0, 3.0, "reset", "")), _marks(), PODS, "pod-2")
    assert (told.failed, told.outcomes, told.holds) == (1, {"reset": 1}, False)
    assert "1 of 5 requests failed (1 reset)" in story.tell(told)[0]


def test_a_status_other_than_200_is_a_failure() -> None:
    told = story.write(_samples(Sample(11.0, 3.0, "503", "pod-1")), _marks(), PODS, "pod-2")
    assert not told.holds


def test_without_a_kill_there_is_no_claim() -> None:
    assert not story.write(_samples(), story.Marks(), PODS, "pod-2").holds


def test_latency_counts_answers_only() -> None:
    samples = [Sample(0.0, float(ms), "200", "pod-1") for ms in range(1, 101)]
    samples.append(Sample(0.0, 9999.0, "timeout", ""))
    assert load.latency(samples) == load.Latency(50.0, 99.0, 100.0)
    assert load.failures(samples) == {"timeout": 1}
