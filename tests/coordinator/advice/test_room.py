"""`/v1/advice` over a real socket: questions, held polls, refusals, streams, and nobody reads another's column."""

import asyncio
import dataclasses
import json

import aiohttp
import pytest

from coordinator.advice import pace
from coordinator.advice import room as rooms
from coordinator.advice.pace import BURST, Pace
from coordinator.callers.identify import Refused, Who
from coordinator.policy.advice.adviser import work_out
from tests.coordinator.advice.house import house, waiting
from tests.coordinator.policy.reports import SERVICE, address, endpoint, question


async def test_a_first_question_is_answered_at_once_with_nothing():
    async with house() as made:
        status, told = await made.report("gw-0")
        assert status == 200
        assert told["services"] == []
        assert told["version"].endswith(".0")


async def test_after_an_epoch_everybody_is_told_his_own_column_and_nothing_of_the_others():
    async with house() as made:
        for i in range(3):
            await made.report(f"gw-{i}")
        assert await made.room.epochs.once()
        epoch = made.room.board.epoch
        for i in range(3):
            status, told = await made.report(f"gw-{i}")
            assert status == 200
            (service,) = told["services"]
            assert service["service"] == SERVICE
            assert 15 < service["expires_in_s"] <= 20
            told_s = [told["server_time"] + later_s for later_s in (0.0, 7.0, service["expires_in_s"])]
            assert [in_force(service, at) for at in told_s] == [
                column_at(epoch, f"default/gw-{i}", at) for at in told_s
            ]
            assert set(told) == {"version", "server_time", "services"}
            assert "gw-" not in json.dumps(told)
            at = told["server_time"] * 1000 / service["slot_ms"]
            assert service["first_slot"] <= at < service["first_slot"] + len(service["actions"])


def in_force(service, wall_s):
    """As a sidecar reads it (docs/advice.md)."""
    return service["actions"][int(wall_s * 1000 // service["slot_ms"]) - service["first_slot"]]


def column_at(epoch, sidecar, wall_s):
    return epoch.columns[sidecar][SERVICE][int(wall_s * 1000 // epoch.slot_ms) - epoch.first_slot]


async def test_a_question_with_the_present_version_is_held_until_the_next_epoch():
    async with house() as made:
        _, told = await made.report("gw-0")
        await made.report("gw-1")
        async with asyncio.TaskGroup() as group:
            held = group.create_task(made.report("gw-0", told["version"], 30.0))
            await waiting(made, 1)
            assert not held.done()
            await made.room.epochs.once()
        status, news = held.result()
        assert status == 200
        assert news["version"] != told["version"]
        assert news["services"]
        assert made.room.board.held == 0


async def test_or_until_it_has_waited_long_enough():
    async with house() as made:
        _, told = await made.report("gw-0")
        status, same = await made.report("gw-0", told["version"], 0.01)
        assert (status, same["version"]) == (200, told["version"])


async def test_an_older_version_of_the_same_life_is_answered_at_once():
    async with house() as made:
        _, told = await made.report("gw-0")
        await made.room.epochs.once()
        await made.room.epochs.once()
        status, news = await made.report("gw-0", told["version"], 60.0)
        assert status == 200
        assert news["version"].endswith(".2")


async def test_a_version_nobody_knows_is_gone_and_the_report_counts_all_the_same():
    async with house() as made:
        status, told = await made.report("gw-0", "strange.7", 60.0)
        assert status == 410
        assert "without since" in told["detail"]
        assert "default/gw-0" in made.room.adviser.reports


async def test_who_hangs_up_is_not_held_any_longer():
    async with house() as made:
        _, told = await made.report("gw-0")
        async with asyncio.TaskGroup() as group:
            held = group.create_task(made.report("gw-0", told["version"], 60.0))
            await waiting(made, 1)
            held.cancel()
        await waiting(made, 0)


async def test_mistakes_are_all_named():
    async with house() as made:
        status, told = await made.ask(question("gw-0", [endpoint(0, -1.0), endpoint(1, 1.0, 1e300)]))
        assert status == 400
        assert "endpoints[0].rate_per_s" in told["detail"]
        assert "endpoints[1].latency_s" in told["detail"]
        for nonsense in (b"", b"nonsense", b"[]", b"\xff", b'{"a":NaN}'):
            assert (await made.ask(nonsense))[0] == 400
        assert made.room.adviser.reports == {}


async def test_a_body_of_a_megabyte_is_too_much_and_one_of_200_kilobytes_is_not():
    async with house() as made:
        assert (await made.ask(b" " * (1 << 20) + b" "))[0] == 413
        large = question("gw-0", [endpoint(k, 1.0, 0.01) for k in range(200)], padding="x" * 150_000)
        assert (await made.ask(large))[0] == 200


@pytest.mark.parametrize("status", [401, 403, 503])
async def test_who_is_refused_is_told_why_and_when_to_come_again(status):
    async with house() as made:
        made.doorman.refused = Refused(status, "because", 7.0)
        async with made.session.post(made.url, data=b"{}") as answer:
            assert answer.status == status
            assert answer.headers["Retry-After"] == "7"
            assert (await answer.json())["detail"] == "because"
        assert made.room.adviser.reports == {}


@pytest.mark.parametrize(
    "proof",
    [
        Who("other", "", "gw-0", "token"),
        Who("default", "", "gw-9", "token"),
        Who("default", "default/else", "", "key"),
    ],
)
async def test_a_question_that_contradicts_its_proof_is_forbidden(proof):
    async with house() as made:
        made.doorman.proof = proof
        status, told = await made.report("gw-0")
        assert status == 403
        assert "its own" in told["detail"]
        assert made.room.adviser.reports == {}
        async with made.session.get(
            made.url, params={"workload": "default/gateway", "pod": "gw-0"}
        ) as answer:
            assert answer.status == 403


async def test_who_does_not_lead_and_shares_nothing_says_so_and_hangs_up():
    async with house() as made:
        made.leads = False
        async with made.session.post(made.url, data=json.dumps(question("p", [endpoint(0)]))) as answer:
            assert answer.status == 503
            assert answer.headers["Retry-After"] == "1"
            assert answer.headers["Connection"] == "close"  # the next connection may find who leads


async def test_who_loses_the_lead_ends_what_it_holds():
    async with house() as made:
        _, told = await made.report("gw-0")
        async with asyncio.TaskGroup() as group:
            held = group.create_task(made.report("gw-0", told["version"], 0.2))
            await waiting(made, 1)
            made.leads = False
        assert held.result()[0] == 503


async def test_one_sidecar_that_asks_without_end_is_slowed_down_alone():
    async with house() as made:
        statuses = [(await made.report("hasty"))[0] for _ in range(int(BURST) + 1)]
        assert statuses == [200] * int(BURST) + [429]
        assert (await made.report("gw-1"))[0] == 200


def test_its_allowance_comes_back_and_nothing_grows_without_end(monkeypatch):
    made = Pace()
    assert [made.allows("a/p", 0.0) for _ in range(11)][-2:] == [True, False]
    assert not made.allows("a/p", 0.5)
    assert made.allows("a/p", 1.6)
    monkeypatch.setattr(pace, "_MOST", 3)
    for i in range(20):
        made.allows(f"a/{i}", 2.0)
        assert len(made._left) <= 3


async def test_too_many_that_wait_are_sent_away(monkeypatch):
    monkeypatch.setattr(rooms, "MOST_HELD", 0)
    async with house() as made:
        assert (await made.report("gw-0"))[0] == 503


async def test_too_many_sidecars_are_sent_away_and_those_known_are_not():
    async with house(most_sidecars=1) as made:
        assert (await made.report("gw-0"))[0] == 200
        status, told = await made.report("gw-1")
        assert status == 503
        assert "1 sidecars report already" in told["detail"]
        assert (await made.report("gw-0"))[0] == 200


async def test_a_stream_tells_the_own_column_again_with_every_epoch():
    async with house() as made:
        for i in range(2):
            await made.report(f"gw-{i}")
        await made.room.epochs.once()
        async with made.session.get(
            made.url, params={"workload": "default/gateway", "pod": "gw-1"}
        ) as stream:
            assert stream.content_type == "text/event-stream"
            first = await _event(stream)
            await waiting(made, 1)
            await made.room.epochs.once()
            second = await _event(stream)
        assert first["version"] != second["version"]
        for told in (first, second):
            assert "gw-" not in json.dumps(told)
            assert told["services"][0]["actions"]
        await waiting(made, 0)


async def test_a_question_about_the_head_of_a_stream_is_refused_and_the_connection_stays_in_step():
    """The stream would follow as a body, which a client takes for its next answer (RFC 9110 §9.3.2)."""
    async with house() as made:
        who = {"workload": "default/gateway", "pod": "gw-1"}
        for _ in range(2):
            async with made.session.head(made.url, params=who) as answer:
                assert answer.status == 405
        assert made.room.board.held == 0


async def _event(stream):
    lines = []
    async with asyncio.timeout(10):
        while not (lines and lines[-1] == b"\n"):
            lines.append(await stream.content.readline())
    assert lines[0].startswith(b"id: ")
    told = json.loads(lines[1].removeprefix(b"data: "))
    assert lines[0] == f"id: {told['version']}\n".encode()
    return told


async def test_a_stream_of_nobody_is_refused():
    async with house() as made, made.session.get(made.url) as answer:
        assert answer.status == 400
        assert "workload=" in (await answer.json())["detail"]


# -- epochs


async def test_an_epoch_that_fails_leaves_the_last_in_force_and_the_next_is_worked_out():
    async with house() as made:
        for i in range(2):
            await made.report(f"gw-{i}")
        await made.room.epochs.once()
        _, before = await made.report("gw-0")
        made.room.epochs._work = _broken
        for _ in range(2):
            assert not await made.room.epochs.once()
        _, after = await made.report("gw-0")
        assert (after["version"], after["services"][0]["actions"]) == (
            before["version"],
            before["services"][0]["actions"],
        )
        assert made.room.epochs.results["failed"] == 2
        assert "by design" in made.room.state()["problem"]
        made.room.epochs._work = work_out
        assert await made.room.epochs.once()
        assert made.room.state()["problem"] == ""


async def test_without_time_what_was_told_last_stays_until_it_expires_and_state_says_why(monkeypatch):
    async with house() as made:
        for i in range(2):
            await made.report(f"gw-{i}")
        assert await made.room.epochs.once()
        _, before = await made.report("gw-0")
        made.room.epochs._work = _out_of_time
        assert not await made.room.epochs.once()
        _, after = await made.report("gw-0")
        assert after["version"] != before["version"]
        assert _lasting(after) == _lasting(before)
        assert "no time for 1 service" in made.room.state()["problem"]
        assert made.room.state()["services"][SERVICE]["why_not"].startswith("out of time: ")
        later = after["server_time"] + after["services"][0]["expires_in_s"] + 0.001
        monkeypatch.setattr("sidecar.clock.wall_s", lambda: later)
        assert (await made.report("gw-0"))[1]["services"] == []


async def test_an_epoch_has_the_share_of_its_length_that_is_configured():
    async with house(epoch_s=1e-6, work=1.0, life_epochs=1e7, forget_epochs=1e7) as made:
        for i in range(2):
            await made.report(f"gw-{i}")
        assert not await made.room.epochs.once()
        assert made.room.state()["services"][SERVICE]["why_not"].startswith("out of time: ")


def _out_of_time(brief, rng):
    return work_out(dataclasses.replace(brief, left_s=lambda: 0.0), rng)


def _lasting(told):
    """All but what passes with time."""
    return [{**service, "expires_in_s": None} for service in told["services"]]


def _broken(brief, rng):
    raise RuntimeError("by design")


async def test_what_has_expired_is_told_nobody(monkeypatch):
    async with house() as made:
        for i in range(2):
            await made.report(f"gw-{i}")
        await made.room.epochs.once()
        later = made.room.board._epoch.expires_at + 0.001
        monkeypatch.setattr("sidecar.clock.wall_s", lambda: later)
        _, told = await made.report("gw-0")
        assert told["services"] == []


async def test_an_epoch_of_who_has_lost_the_lead_meanwhile_is_not_published():
    async with house() as made:
        await made.report("gw-0")
        version = made.room.board.version
        whole = made.room.epochs._work

        def slow(brief, rng):
            made.leads = False
            return whole(brief, rng)

        made.room.epochs._work = slow
        await made.room.epochs.once()
        assert made.room.board.version == version
        assert made.room.epochs.results["lost"] == 1


async def test_epochs_follow_by_themselves_while_it_leads():
    async with house(running=True, epoch_s=0.1) as made:
        for i in range(2):
            await made.report(f"gw-{i}")
        _, told = await made.report("gw-0")
        for _ in range(2):
            _, news = await made.report("gw-0", told["version"], 30.0)
            assert news["version"] != told["version"]
            told = news


async def test_given_up_in_the_middle_of_an_epoch_nothing_is_left_behind():
    async with house() as made:
        await made.report("gw-0")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.0):
                await made.room.epochs.once()
        assert await made.room.epochs.once() in {True, False}
        assert made.room.epochs.results["done"] == 1


# -- shown


async def test_state_says_who_is_advised_how_well_and_why_not():
    async with house() as made:
        for i in range(3):
            words = [{"caller": "default/rude", "score": 0.25, "punished": True}]
            await made.report(f"gw-{i}", reputations=words)
        await made.ask(question("lone", [endpoint(0)], service="one.default:80"))
        await made.room.epochs.once()
        shown = json.loads(json.dumps(made.room.state()))
        assert shown["services"][SERVICE]["players"] == 3
        assert shown["services"][SERVICE]["why_not"] == ""
        assert shown["services"][SERVICE]["welfare_ratio"] >= 1 - 1e-9
        assert "no choice" in shown["services"]["one.default:80"]["why_not"]
        assert shown["sidecars_reporting"] == 4
        assert shown["sidecars_advised"] == 3
        assert shown["store"] is None
        (word,) = shown["reputations"]
        assert (word["caller"], word["target"], word["score"]) == ("default/rude", "default/gateway", 0.25)


async def test_metrics_are_of_the_epoch_in_force():
    from prometheus_client import generate_latest
    from prometheus_client.registry import CollectorRegistry

    async with house() as made:
        registry = CollectorRegistry()
        for collector in made.room.collectors():
            registry.register(collector)
        for i in range(3):
            await made.report(f"gw-{i}")
        await made.room.epochs.once()
        await made.ask(b"nonsense")
        page = generate_latest(registry).decode()
        for series in (
            f'equilibrium_advice_gap{{service="{SERVICE}"}}',
            f'equilibrium_advice_welfare_ratio{{service="{SERVICE}"}} ',
            f'equilibrium_advice_players{{service="{SERVICE}"}} 3.0',
            'equilibrium_advice_epochs_total{result="done"} 1.0',
            'equilibrium_advice_answers_total{status="200"} 3.0',
            'equilibrium_advice_answers_total{status="400"} 1.0',
            "equilibrium_advice_sidecars 3.0",
        ):
            assert series in page
        assert address(0) not in page
        assert "equilibrium_store" not in page


async def test_closed_while_polls_are_held_it_closes():
    async with house() as made:
        _, told = await made.report("gw-0")
        async with asyncio.TaskGroup() as group:
            held = group.create_task(_outcome(made, told["version"]))
            await waiting(made, 1)
            group.create_task(made.session.close())
        assert held.result() in {200, "hung up"}


async def _outcome(made, version):
    try:
        return (await made.report("gw-0", version, 60.0))[0]
    except (aiohttp.ClientError, asyncio.CancelledError, RuntimeError):
        return "hung up"


async def test_a_token_of_an_account_alone_reads_nobodys_column():
    async with house() as made:
        await made.report("gw-0")
        made.doorman.proof = Who("default", "", "", "token")
        status, told = await made.report("gw-0")
        assert status == 403
        assert "names its pod" in told["detail"]
        async with made.session.get(
            made.url, params={"workload": "default/gateway", "pod": "gw-0"}
        ) as answer:
            assert answer.status == 403


async def test_a_pod_that_asks_without_end_is_slowed_down_before_its_nonsense_is_read(monkeypatch):
    read = []
    monkeypatch.setattr(
        rooms.question, "report", lambda body: (read.append(1), refuse(Refused(400, "nonsense")))
    )
    async with house() as made:
        made.doorman.proof = Who("default", "", "gw-0", "token")
        statuses = [(await made.report("gw-0"))[0] for _ in range(int(BURST) + 3)]
        assert statuses == [400] * int(BURST) + [429] * 3
        assert len(read) == BURST


def refuse(refused):
    raise refused


async def test_who_takes_nothing_of_a_stream_is_hung_up_on(monkeypatch):
    monkeypatch.setattr(rooms, "STUCK_S", 1.0)
    monkeypatch.setattr(rooms, "PING_S", 0.0)
    monkeypatch.setattr(rooms, "MOST_HELD", 1)
    monkeypatch.setattr(rooms.answer, "told", lambda board, sidecar: b"x" * 16_000_000)
    async with house() as made:
        follow = {"workload": "default/gateway", "pod": "gw-0"}
        async with made.session.get(made.url, params=follow) as stuck:
            assert stuck.status == 200
            async with made.session.get(made.url, params=follow) as one_too_many:
                assert one_too_many.status == 503
            async with asyncio.timeout(10):
                while made.room._streams:
                    await asyncio.sleep(0.005)
