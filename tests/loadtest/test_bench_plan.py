import pytest

from loadtest import processes
from loadtest.bench import (
    arms,
    document,
    options,
    page,
    parts,
    plan,
    plots,
    progress,
    results,
    scale_report,
    wrk,
)


def _asked(*words: str) -> plan.Plan:
    chosen = options.parser().parse_args(words)
    return options.asked(chosen, chosen.arms)


def test_quick_fits_into_four_minutes_and_has_every_part() -> None:
    asked = _asked("--quick")
    assert asked.duration_s() < 240
    assert asked.cost
    assert asked.bodies
    assert asked.tail
    assert asked.scale


def test_the_whole_run_is_about_25_minutes() -> None:
    asked = _asked()
    assert asked.duration_s() < 26 * 60
    assert asked.cost is not None
    assert asked.cost.repetitions >= 5


def test_only_measures_what_was_asked_for() -> None:
    asked = _asked("--only", "tail,scale")
    assert (asked.cost, asked.bodies) == (None, ())
    assert asked.tail
    assert asked.scale


def test_a_part_nobody_can_play_is_left_out() -> None:
    asked = _asked("--arms", "direct,aiohttp")
    assert asked.cost
    assert asked.bodies
    assert (asked.tail, asked.scale) == (None, None)


def test_options_are_the_cost_parts() -> None:
    asked = _asked("--repetitions", "7", "--seconds", "2", "--path", "/bytes/5", "--no-memory")
    assert asked.cost is not None
    assert (asked.cost.repetitions, asked.cost.seconds, asked.cost.path) == (7, 2.0, "/bytes/5")
    assert not asked.cost.memory


def test_bodies_are_10_kb_1_mb_and_a_connection_per_request() -> None:
    asked = _asked()
    assert [(each.path, each.one_shot) for each in asked.bodies] == [
        ("/bytes/10000", False),
        ("/bytes/1000000", False),
        ("/", True),
    ]
    assert asked.bodies[1].rate < asked.bodies[0].rate


@pytest.mark.parametrize("words", [("--only", "speed"), ("--arms", "envoy,traefik")])
def test_unknown_words_are_wrong_usage(words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as left:
        options.parser().parse_args(words)
    assert left.value.code == 2


def test_time_left_follows_what_the_run_really_takes() -> None:
    now_s, lines = 0.0, list[str]()
    going = progress.Progress(100.0, lines.append, lambda: now_s)
    assert going.left_s() == 100.0
    now_s = 40.0  # planned for 20
    going.done(20.0, "first")
    assert going.left_s() == pytest.approx(160.0)
    assert lines == ["[ 20%, 2:40 left] first"]
    going.done(500.0, "more than was planned")
    assert going.left_s() == 0.0


def test_the_tail_is_repeated_when_asked() -> None:
    asked = _asked("--only", "tail", "--trials", "3")
    assert asked.tail
    assert asked.tail.repetitions == 3


def test_wrk_asks_every_host_in_turn() -> None:
    assert "hosts" not in wrk.script()
    script = wrk.script(("a:1", "b:1"))
    assert '{"a:1", "b:1"}' in script
    assert "%%" not in script.removeprefix(wrk.SCRIPT)


def _scale() -> results.Scale:
    points = [
        results.Point("envoy", "endpoints", value, number, 1000.0, cpu_us, 40.0, failed=number)
        for value, number, cpu_us in ((3, 0, 20.0), (3, 1, 30.0), (200, 0, 40.0))
    ]
    return results.Scale(
        {"envoy": "Envoy", "haproxy": "HAProxy"}, {"endpoints": "endpoints"}, 2, 1.0, 16, points
    )


def test_scale_is_a_column_per_value() -> None:
    table = scale_report.table(_scale(), "endpoints")
    assert table.head == ("proxy", "3", "200", "last ÷ first")
    assert table.rows == [
        ["Envoy", "25.0 (20.0–30.0); 40 MiB; 1 failed", "40.0; 40 MiB", "2.00×"],
        ["HAProxy", "–", "–", "–"],
    ]
    assert scale_report.series(_scale(), "envoy", "endpoints") == {3: 25.0, 200: 40.0}


def test_a_run_of_one_part_has_a_page() -> None:
    run = results.Run("", {}, {}, {}, 1.0, None, [], {}, None, _scale())
    text = document.markdown(page.blocks(run))
    assert "## Scale" in text
    assert "## Cost" not in text
    assert len(plots.scale(_scale())) == 1
    assert run.failed() == {"envoy": 1}


def test_every_arm_has_a_colour() -> None:
    assert {arm.name for arm in arms.ARMS} <= set(plots.COLOURS)


def test_a_part_that_breaks_off_leaves_the_others() -> None:
    class Breaks:
        def outcome(self) -> int:
            raise processes.StartError("envoy not ready\nits last words")

    class Works:
        def outcome(self) -> int:
            return 7

    said = list[str]()
    going = parts.Parts(said.append)
    assert [going.measured("tail", Breaks()), going.measured("scale", Works())] == [None, 7]
    assert going.broken == {"tail": "envoy not ready"}
    assert going.measured("cost", None) is None
    assert "its last words" in said[0]
