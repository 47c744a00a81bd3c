"""Every annotation: what is accepted, and what a refusal says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from injector.mutation import annotations, loopback
from sidecar import hooks
from sidecar.parsing import ParseError
from sidecar.pressure import page
from tests.injector import documents
from tests.injector.reviews import PREFIX, ask, named, pod
from tests.support.pods import SETTINGS

BAD = {
    "strategy": ["fast", "", "Balanced"],
    "mode": ["watch"],
    "budget": ["0", "-1", "1.5", "many"],
    "min-cpu": ["100x", "0", "-1", "", "1 0"],
    "max-cpu": ["1,5"],
    "resize": ["yes"],
    "resize-policy": ["limit", ""],
    "memory-hook": [
        "signal:KILL",
        "http://10.0.0.1:80/",
        "https://127.0.0.1:80/",
        "exec:gc",
        "http://127.0.0.1/",
    ],
    "usage-url": ["http://example.com:80/", "127.0.0.1:80", "http://127.0.0.1:0/"],
    "intercept": ["off", "tproxy"],
    "skip-inbound-ports": ["http", "0", "65536", "10-5", "1,,2", "1-2-3"],
    "skip-outbound-ports": ["80;81"],
    "opaque-ports": ["5432-"],
    "proxy-image": ["", "a b", "é"],
    "proxy-cpu-request": ["lots"],
    "proxy-cpu-limit": ["0"],
    "proxy-memory-request": ["128m", "1Ki"],
    "proxy-memory-limit": ["half"],
    "native-sidecar": ["1", "True"],
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in BAD.items() for text in texts])
def test_a_bad_value_is_refused_naming_annotation_value_and_what_is_allowed(name, text):
    said = ask(pod({name: text}))
    assert (said.outcome, said.patch) == ("denied", [])
    assert f"{PREFIX}{name}={text!r}: " in said.message
    assert "allowed: " in said.message


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, texts in SETTINGS.items() for text in texts]
)
def test_a_right_value_is_accepted(name, text):
    assert annotations.read(named({name: text})).mistakes == []


def test_every_setting_is_tried_here_and_documented():
    known = [setting.name for setting in annotations.SETTINGS]
    assert set(BAD) == set(SETTINGS) == set(known)
    assert [documents.words(row[0])[0] for row in documents.table("| name | takes |")] == known


def test_documented_aliases_are_those_that_are_read():
    rows = documents.table("| name | takes |")
    documented = {
        documents.words(row[0])[0]: row[3].split("alias `")[1].split("`")[0]
        for row in rows
        if "alias" in row[3]
    }
    assert documented == {setting.name: setting.alias for setting in annotations.SETTINGS if setting.alias}


def test_all_mistakes_are_told_at_once():
    said = ask(pod({"strategy": "fast", "budget": "x", "opaque-ports": "1,a,b", "mbcas.minCPU": "q"}))
    for text in (
        "strategy='fast'",
        "budget='x'",
        "'a' is not a port",
        "'b' is not a port",
        "mbcas.minCPU='q'",
    ):
        assert text in said.message
    assert len(said.message.splitlines()) == 6


def test_a_floor_above_the_cap_is_refused():
    said = ask(pod({"min-cpu": "1", "mbcas.maxCPU": "500m"}))
    assert "equilibrium.io/min-cpu='1': above mbcas.maxCPU; allowed: at most its 500m" in said.message


@pytest.mark.parametrize(("alias", "name"), [("mbcas.budget", "budget"), ("mbcas.minCPU", "min-cpu")])
def test_ours_wins_over_an_alias_with_a_warning(alias, name):
    reading = annotations.read(named({alias: "7", name: "5"}))
    assert reading.values == {name: "5"}
    assert reading.warnings == [f"{alias}='7' is ignored: {PREFIX}{name}='5' is set"]


def test_an_alias_that_says_the_same_is_no_clash():
    assert annotations.read(named({"mbcas.budget": "5", "budget": "5"})).warnings == []


def test_what_a_running_pod_tells_the_coordinator_is_no_stranger():
    assert annotations.read({f"{PREFIX}resize-since": "2026-11-22T12:00:00Z"}).warnings == []


def test_an_unknown_annotation_of_ours_is_a_warning_with_what_was_meant():
    said = ask(pod({"stategy": "balanced"}))
    assert said.outcome == "injected"
    (warning,) = said.warnings
    assert "annotation equilibrium.io/stategy is not known" in warning
    assert "did you mean equilibrium.io/strategy?" in warning


SIGNALLED = {"memory-hook": "signal:USR1", "intercept": "none"}
OUR_USER = {"securityContext": {"runAsUser": 1773}}


def test_a_signal_needs_shared_processes_our_user_and_no_interception():
    assert (
        ask(pod(SIGNALLED, container=OUR_USER, shareProcessNamespace=True)).env["MEMORY_HOOK"]
        == "signal:USR1"
    )
    for settings, container, spec, missing in (
        (SIGNALLED, OUR_USER, {}, "shareProcessNamespace: true"),
        (SIGNALLED, {}, {"shareProcessNamespace": True}, "runAsUser: 1773"),
        ({"memory-hook": "signal:USR1"}, OUR_USER, {"shareProcessNamespace": True}, "intercept: none"),
    ):
        said = ask(pod(settings, container=container, **spec))
        assert said.outcome == "denied"
        assert "allowed: with " in said.message
        assert missing in said.message


_PARTS = [
    "http://",
    "https://",
    "127.0.0.1",
    "localhost",
    "[::1]",
    "10.0.0.1",
    ":",
    "80",
    "0",
    "/a?b",
    " ",
    "signal:",
]
_PARTS += ["USR1", "KILL", "reclaim", "reclaim:", "/x", "..", "\n", "é"]
TEXTS = st.lists(st.sampled_from(_PARTS), max_size=5).map("".join) | st.text(max_size=12)


def accepts(parse, text):
    try:
        parse(text)
    except ParseError:
        return False
    return True


@given(TEXTS)
def test_a_hook_is_let_in_exactly_when_the_sidecar_would_take_it(text):
    assert accepts(loopback.parse_hook, text) == accepts(hooks.parse_hook, text)


@given(TEXTS)
def test_a_url_is_let_in_exactly_when_the_sidecar_would_take_it(text):
    assert accepts(loopback.parse_url, text) == accepts(page.parse_url, text)


@given(st.dictionaries(st.sampled_from([PREFIX + name for name in SETTINGS]), st.text(max_size=12)))
def test_reading_never_raises(texts):
    reading = annotations.read(texts)
    assert len(reading.values) + len({text.split("=")[0] for text in reading.mistakes}) >= len(texts)
