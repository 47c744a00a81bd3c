from collections.abc import Mapping

from loadtest.demo import chapters
from loadtest.load import Sample
from loadtest.scenarios import arms, journey

PODS = {route.service: [f"{route.service}-{n}" for n in range(3)] for route in chapters.ROUTES}
AT_REST = dict.fromkeys(PODS, 1.0)


def played(
    outcome: str = "200", nash: Mapping[str, float] = AT_REST, arm: arms.Arm = arms.ON
) -> journey.Journey:
    samples = {
        service: [Sample(n / 25, 12.0, outcome if n == 7 else "200", pods[n % 3]) for n in range(100)]
        for service, pods in PODS.items()
    }
    return journey.Journey(arm, samples, PODS, nash)


def verdicts(of: journey.Journey) -> list[bool]:
    return [each.held for each in journey.verdicts(of)]


def test_everything_served_at_rest_keeps_both_promises() -> None:
    assert verdicts(played()) == [True, True]


def test_one_lost_request_breaks_the_first_promise() -> None:
    assert verdicts(played("503")) == [False, True]


def test_a_service_that_is_not_at_rest_or_says_nothing_breaks_the_second() -> None:
    assert verdicts(played(nash={**AT_REST, "bus-service": 0.4})) == [True, False]
    assert verdicts(played(nash={"bus-service": 1.0, "user-service": 1.0})) == [True, False]


def test_shares_of_every_pod_are_shown_for_both_arms() -> None:
    result = journey.judged([played(), played(nash={}, arm=arms.OFF)])
    rows = result.facts["rows"]
    assert isinstance(rows, list)
    assert [row["shares of its pods"] for row in rows] == ["34% 33% 33%"] * 6
    assert [row["Nash = 1"] for row in rows] == ["100%", "–"] * 3


def test_one_bad_reading_is_luck_and_silence_is_not_rest() -> None:
    readings = [{"bus-service": 1.0}, {"bus-service": 0.0, "user-service": 1.0}, {"bus-service": 1.0}, {}]
    assert journey.at_rest(readings) == {"bus-service": 0.5, "user-service": 0.25}
    assert journey.at_rest([]) == {}


def test_a_thousand_requests_leave_enough_for_nash_to_be_judged() -> None:
    for requests in (journey.REQUESTS, journey.QUICK_REQUESTS):
        assert journey.lasts_s(requests) >= 5
    assert journey.RATE * 5 >= 50
