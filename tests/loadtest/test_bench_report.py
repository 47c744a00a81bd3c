import dataclasses

import orjson
import pytest

from loadtest.bench import __main__ as command
from loadtest.bench import document, notes, page, report, results, wrk


def _repetition(
    arm: str, number: int, cpu_us: float | None, *, core: float = 1.0, failed: int = 0
) -> results.Repetition:
    proxied = cpu_us is not None
    saturated = results.Saturated(
        requests_per_s=1000.0,
        p50_ms=1.0,
        p99_ms=2.0,
        failed=failed,
        requests_per_cpu_s=1e6 / cpu_us if cpu_us else None,
        cpu_us=cpu_us,
        core_used=core if proxied else None,
        core_stolen=0.0 if proxied else None,
        rss_mib=10.0 if proxied else None,
    )
    base = 0.1 * (number + 1)
    p50_ms = base + (cpu_us or 0.0) / 1000
    return results.Repetition(arm, number, saturated, results.Steady(p50_ms, 2.0, 3.0, 0, cpu_us, 0.05))


def _outcome(*repetitions: results.Repetition) -> results.Outcome:
    titles = {each.arm: each.arm.title() for each in repetitions}
    return results.Outcome(
        titles=titles,
        rounds=2,
        seconds=1.0,
        rate=1000.0,
        path="/",
        one_shot=False,
        endpoints=3,
        connections=16,
        upstream="nginx",
        memory_requests=1,
        memory_endpoints=1,
        repetitions=list(repetitions),
        memory=[results.Memory(arm, 1.0, 2.0, 0) for arm in titles],
    )


def _run(outcome: results.Outcome, *bodies: results.Outcome) -> results.Run:
    return results.Run(
        pinning="",
        machine={"cpu": "test"},
        skipped={"haproxy": "is not installed"},
        broken={},
        took_s=60.0,
        cost=outcome,
        bodies=list(bodies),
        features={"parse": 1.234},
        tail=None,
        scale=None,
    )


def _page(outcome: results.Outcome, *bodies: results.Outcome) -> str:
    return document.markdown(page.blocks(_run(outcome, *bodies)))


def _two_rounds() -> results.Outcome:
    # The machine was twice as slow in round 1: the ratio must not care.
    return _outcome(
        _repetition("direct", 0, None),
        _repetition("direct", 1, None),
        _repetition("envoy", 0, 30.0),
        _repetition("envoy", 1, 60.0),
        _repetition("equilibrium", 1, 40.0),
        _repetition("equilibrium", 0, 20.0),
    )


def test_ratio_to_envoy_is_taken_within_each_repetition() -> None:
    assert report.against_envoy(_two_rounds(), "equilibrium") == pytest.approx([1.5, 1.5])


def test_added_latency_is_against_direct_of_the_same_repetition() -> None:
    outcome = _two_rounds()
    assert report.added(outcome, "envoy", lambda r: r.steady.p50_ms) == pytest.approx([0.03, 0.06])
    assert report.added(outcome, "direct", lambda r: r.steady.p50_ms) == []


def test_no_ratio_without_envoy() -> None:
    outcome = _outcome(_repetition("equilibrium", 0, 20.0))
    assert report.against_envoy(outcome, "equilibrium") == []
    assert "| Equilibrium |" in _page(outcome)


def test_rows_go_from_direct_to_the_dearest_proxy() -> None:
    assert [row[0] for row in report.saturated_rows(_two_rounds())] == ["Direct", "Equilibrium", "Envoy"]


def test_rows_are_ordered_by_the_paired_ratio_not_by_medians_of_noisy_rounds() -> None:
    # Envoy is cheaper in both rounds it shares with us, though our median over all rounds is lower.
    outcome = dataclasses.replace(
        _outcome(
            _repetition("envoy", 0, 50.0),
            _repetition("envoy", 1, 50.0),
            _repetition("equilibrium", 0, 60.0),
            _repetition("equilibrium", 1, 60.0),
            _repetition("equilibrium", 2, 10.0),
            _repetition("equilibrium", 3, 10.0),
            _repetition("equilibrium", 4, 10.0),
        ),
        rounds=5,
    )
    assert [row[0] for row in report.saturated_rows(outcome)] == ["Envoy", "Equilibrium"]


def test_every_row_has_a_cell_per_column() -> None:
    outcome = _two_rounds()
    for head, rows in (
        (report.SATURATED_HEAD, report.saturated_rows(outcome)),
        (report.STEADY_HEAD, report.steady_rows(outcome)),
        (report.MEMORY_HEAD, report.memory_rows(outcome)),
    ):
        assert {len(row) for row in rows} == {len(head)}


def test_a_proxy_that_was_not_the_bottleneck_is_marked() -> None:
    idle = _outcome(_repetition("haproxy", 0, 10.0, core=0.6))
    assert "60% †" in _page(idle)
    assert "†" in notes.saturated(idle)
    assert "†" not in _page(_two_rounds())


def test_page_names_what_was_skipped_and_why() -> None:
    assert "skipped haproxy: is not installed" in _page(_two_rounds())


def test_failed_requests_decide_the_exit_status() -> None:
    assert command.verdict(_run(_two_rounds()), None) == 0
    assert command.verdict(_run(_outcome(_repetition("envoy", 0, 30.0, failed=3))), None) == 1


@pytest.mark.parametrize(("at_least", "status"), [(1.4, 0), (1.6, 4)])
def test_at_least_is_a_bar(at_least: float, status: int) -> None:
    assert command.verdict(_run(_two_rounds()), at_least) == status


def test_at_least_without_both_arms_is_not_met() -> None:
    assert command.verdict(_run(_outcome(_repetition("envoy", 0, 30.0))), 1.0) == 4


def test_wrk_report_is_read_exactly() -> None:
    numbers = '{"requests":200,"duration_us":2000000,"p50_us":150,"p99_us":9000,"bad_status":2,"broken":1}'
    said = f"Running 2s test\n  1 threads\n\n{numbers}\n"
    assert wrk.parse(said) == wrk.Burst(200, 100.0, 0.15, 9.0, 3)


def test_failures_of_other_bodies_count_too() -> None:
    broken = _outcome(_repetition("envoy", 0, 30.0, failed=3))
    assert command.verdict(_run(_two_rounds(), broken), None) == 1


def test_a_part_that_broke_off_is_named_and_decides_the_exit_status() -> None:
    run = dataclasses.replace(_run(_two_rounds()), broken={"tail": "envoy (pid 7) ended"})
    assert "broke off: the part tail: envoy (pid 7) ended" in document.markdown(page.blocks(run))
    assert command.verdict(run, None) == 1
    assert command.verdict(dataclasses.replace(run, cost=None), None) == 3


def test_every_body_has_a_section_that_says_its_size() -> None:
    outcome = _two_rounds()
    large = dataclasses.replace(outcome, path="/bytes/1000000", rate=50.0)
    one_shot = dataclasses.replace(outcome, one_shot=True)
    text = _page(outcome, dataclasses.replace(outcome, path="/bytes/10000"), large, one_shot)
    for heading in ("## Cost: 10 kB bodies", "## Cost: 1 MB bodies", "## Cost: a connection per request"):
        assert heading in text
    assert "### Open loop, 50 requests/s" in text


def test_the_page_works_without_the_network() -> None:
    html = document.html(page.TITLE, page.blocks(_run(_two_rounds())))
    assert "Plotly.newPlot" in html
    assert "src=" not in html.replace(html[html.index("<script>") : html.index("</script>")], "")
    assert '<tr class="ours"><td>Equilibrium</td>' in html


def test_what_was_not_measured_is_null_in_the_json() -> None:
    steady = results.Steady(float("nan"), 2.0, 3.0, 0, None, 0.05)
    assert orjson.loads(orjson.dumps(steady))["p50_ms"] is None


def test_text_in_a_page_is_escaped_and_code_is_code() -> None:
    html = document.html("<t>", [document.Text("`GET /` < 5"), document.Table(("a",), [["<b>"]])])
    assert "<code>GET /</code> &lt; 5" in html
    assert "<td>&lt;b&gt;</td>" in html
