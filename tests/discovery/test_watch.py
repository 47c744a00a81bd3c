"""What follows from what DNS says: the table at the top of `watch`, row by row, in made-up time."""

import math

import pytest

from sidecar.discovery import watch as module
from sidecar.discovery.watch import Found, ResolutionError, Saying, Watch
from sidecar.policy.endpoints import Endpoint

ONE = (Endpoint("10.0.0.1:80"),)
TWO = (Endpoint("10.0.0.1:80"), Endpoint("10.0.0.2:80"))
NXDOMAIN = ResolutionError("no such name", None, certain=True)
NODATA = ResolutionError("no addresses", (), certain=True)
REFUSED = ResolutionError("refused", None, certain=False)
SERVFAIL = ResolutionError("no answer", (), certain=False)


@pytest.fixture
def watch():
    return Watch("bus", 80, now=0.0)


@pytest.fixture
def known(watch):
    watch.found(Found(ONE, ttl_s=30), now=0.0)
    return watch


def test_nothing_is_said_before_the_first_answer(watch):
    assert watch.answer is Saying.NOTHING
    assert watch.due_at == 0


def test_addresses_are_the_answer_until_the_next(known):
    assert known.answer == ONE
    known.found(Found(TWO, ttl_s=30), now=30.0)
    assert known.answer == TWO


@pytest.mark.parametrize(("ttl_s", "again_s"), [(0, 1), (1, 1), (30, 30), (86400, 300), (math.inf, 300)])
def test_it_is_asked_again_at_the_ttl_within_bounds(watch, ttl_s, again_s):
    watch.found(Found(ONE, ttl_s), now=100.0)
    assert watch.due_at == 100 + again_s


ROWS = [
    pytest.param(NXDOMAIN, None, module.GONE_S, id="no such name"),
    pytest.param(NODATA, (), module.GONE_S, id="no addresses"),
    pytest.param(REFUSED, None, module.STALE_S, id="refused"),
    pytest.param(SERVFAIL, (), module.STALE_S, id="no answer"),
]


@pytest.mark.parametrize(("error", "verdict", "_patience_s"), ROWS)
def test_a_name_never_known_gets_its_verdict_at_once(watch, error, verdict, _patience_s):
    watch.lost(error, now=0.0)
    assert watch.answer == verdict
    assert watch.due_at == module.RETRY_S


@pytest.mark.parametrize(("error", "verdict", "patience_s"), ROWS)
def test_a_name_that_was_known_is_kept_for_a_while(known, error, verdict, patience_s):
    known.lost(error, now=30.0)
    known.lost(error, now=30.0 + patience_s - 1)
    assert known.answer == ONE
    known.lost(error, now=30.0 + patience_s)
    assert known.answer == verdict


@pytest.mark.parametrize(("error", "_verdict", "_patience_s"), ROWS)
def test_losing_a_known_name_is_reported_once(known, error, _verdict, _patience_s):
    report = known.lost(error, now=30.0)
    assert "bus:80" in str(report)
    assert str(error) in str(report)
    assert "1 endpoint(s) are kept" in str(report)
    assert known.lost(error, now=35.0) is None
    assert known.lost(error, now=9999.0) is None


def test_the_next_mishap_is_reported_again(known):
    assert known.lost(SERVFAIL, now=30.0)
    known.found(Found(ONE, ttl_s=30), now=35.0)
    assert known.lost(SERVFAIL, now=65.0)


@pytest.mark.parametrize("error", [NXDOMAIN, NODATA])
def test_a_name_that_never_existed_is_no_mishap(watch, error):
    assert watch.lost(error, now=0.0) is None


def test_a_name_server_that_never_answered_is_one(watch):
    assert "none is known" in str(watch.lost(SERVFAIL, now=0.0))


def test_patience_starts_over_after_an_answer(known):
    known.lost(NXDOMAIN, now=30.0)
    known.found(Found(ONE, ttl_s=30), now=80.0)
    known.lost(NXDOMAIN, now=110.0)
    assert known.answer == ONE


def test_an_outage_does_not_use_up_the_patience_with_no_such_name(known):
    """A name server that comes back may know nothing for a moment."""
    known.lost(SERVFAIL, now=30.0)
    known.lost(NXDOMAIN, now=300.0)
    assert known.answer == ONE
    known.lost(NXDOMAIN, now=300.0 + module.GONE_S)
    assert known.answer is None


def test_a_lost_name_that_is_back_is_known_again(known):
    known.lost(NXDOMAIN, now=30.0)
    known.lost(NXDOMAIN, now=90.0)
    known.found(Found(TWO, ttl_s=30), now=95.0)
    assert known.answer == TWO


def test_asking_puts_off_forgetting(known):
    assert known.forgotten_at == module.FORGET_S
    known.asked(50.0, with_srv=False)
    assert known.forgotten_at == 50 + module.FORGET_S


def test_a_name_without_endpoints_is_forgotten_sooner(watch):
    watch.lost(NXDOMAIN, now=0.0)
    assert watch.forgotten_at == module.FORGET_UNKNOWN_S


def test_once_asked_without_a_port_srv_records_stay_wanted(watch):
    watch.asked(0.0, with_srv=True)
    watch.asked(1.0, with_srv=False)
    assert watch.with_srv
