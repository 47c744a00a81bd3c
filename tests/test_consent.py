"""`POST /negotiate` from body to answer: use is read, the app is asked once, one negotiation at a time."""

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from sidecar.consent import LARGEST_BODY_BYTES, MOST_WAITING, PATIENCE_S, Answer, Consent
from sidecar.hooks import Hook, Outcome
from sidecar.pressure.sources import Reading

MI = 1024 * 1024
BODY = b'{"proposed_memory":"200Mi"}'


class App(Hook):
    """An app with so much in use, seen by one source; its hook frees memory some time after it was asked."""

    def __init__(
        self, usage: int, *, frees: int = 0, after_s: float = 0.0, ran: bool = True, source: str = "processes"
    ) -> None:
        self.usage, self.source = usage, source
        self.now = 100.0
        self.asked: list[int] = []
        self.reads = 0
        self.failing: BaseException | None = None
        self.gate: asyncio.Event | None = None
        self._frees, self._after_s, self._ran = frees, after_s, ran
        self._asked_at = float("inf")

    async def read(self) -> Reading | None:
        self.reads += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.failing is not None:
            raise self.failing
        freed = self._frees if self.now - self._asked_at >= self._after_s else 0
        return Reading(self.usage - freed, None, self.source)

    async def run(self, wanted_bytes: int) -> Outcome:
        self.asked.append(wanted_bytes)
        if self._ran:
            self._asked_at = self.now
        return Outcome(ran=self._ran, said="it was asked")

    async def sleep(self, delay_s: float) -> None:
        self.now += delay_s
        await asyncio.sleep(0)

    def consent(self, *, hook: bool = True) -> Consent:
        return Consent(self.read, self if hook else None, now=lambda: self.now, sleep=self.sleep)


async def unknown() -> None:
    return None


def proposing(memory: int | str, **more: object) -> bytes:
    return orjson.dumps({"proposed_memory": memory, **more})


async def negotiated(app: App, body: bytes = BODY, *, hook: bool = True) -> Answer:
    return await app.consent(hook=hook).negotiate(body)


# -- without a hook


async def test_what_leaves_headroom_is_accepted() -> None:
    assert await negotiated(App(100 * MI)) == (
        200,
        {"accepted": True, "freed_bytes": 0, "usage_bytes": 100 * MI, "source": "processes"},
    )


async def test_what_does_not_is_refused_with_the_least_that_would() -> None:
    status, told = await negotiated(App(190 * MI), hook=False)
    assert status == 409
    assert told["accepted"] is False
    assert told["minimum_memory"] == 209 * MI
    assert "below use plus headroom" in str(told["reason"])
    assert (await negotiated(App(190 * MI), proposing(209 * MI), hook=False))[0] == 200


async def test_cpu_is_refused_with_its_own_minimum() -> None:
    status, told = await negotiated(App(MI), b'{"proposed_cpu":"100m","usage_cpu":"200m"}')
    assert status == 409
    assert told["minimum_cpu"] == "220m"


async def test_answers_are_json() -> None:
    for body in (BODY, b"nonsense", proposing(1)):
        _, told = await negotiated(App(190 * MI), body)
        assert orjson.loads(orjson.dumps(told)) == told


# -- what is known of use


async def test_unknown_use_is_a_refusal_with_the_reason() -> None:
    status, told = await Consent(unknown).negotiate(BODY)
    assert status == 409
    assert "memory use is unknown" in str(told["reason"])
    assert told["minimum_memory"] is None


async def test_the_proposals_own_word_counts_where_nothing_else_is_known() -> None:
    status, told = await Consent(unknown).negotiate(proposing("200Mi", usage_memory="100Mi"))
    assert (status, told["usage_bytes"], told["source"]) == (200, 100 * MI, "proposal")


async def test_the_proposals_own_word_never_beats_what_we_know() -> None:
    status, told = await negotiated(App(190 * MI), proposing("200Mi", usage_memory="10Mi"), hook=False)
    assert (status, told["usage_bytes"], told["source"]) == (409, 190 * MI, "processes")


async def test_the_sidecars_own_memory_says_nothing_about_the_app() -> None:
    status, told = await negotiated(App(20 * MI, source="self"))
    assert status == 409
    assert "memory use is unknown" in str(told["reason"])


@pytest.mark.parametrize("failing", [OSError("gone"), TimeoutError(), ValueError("odd"), ZeroDivisionError()])
async def test_a_source_that_fails_leaves_use_unknown(failing: Exception) -> None:
    app = App(10 * MI)
    app.failing = failing
    consent = app.consent()
    status, _ = await consent.negotiate(BODY)
    assert status == 409
    assert consent.unreadable == 1, "and it is counted"


@pytest.mark.parametrize("nonsense", [0, -5])
async def test_no_use_at_all_is_not_believed(nonsense: int) -> None:
    assert (await negotiated(App(nonsense)))[0] == 409


async def test_a_source_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sidecar.consent.READ_S", 0.05)
    app = App(10 * MI)
    app.gate = asyncio.Event()
    assert (await negotiated(app))[0] == 409


# -- with a hook


async def test_an_accepted_proposal_asks_nothing_of_the_app() -> None:
    app = App(100 * MI)
    _, told = await negotiated(app)
    assert app.asked == []
    assert "hook" not in told


async def test_the_app_frees_memory_and_the_pod_consents() -> None:
    app = App(400 * MI, frees=300 * MI)
    assert await negotiated(app) == (
        200,
        {
            "accepted": True,
            "freed_bytes": 300 * MI,
            "usage_bytes": 100 * MI,
            "source": "processes",
            "hook": "it was asked",
        },
    )
    assert len(app.asked) == 1, "once"
    assert app.asked[0] == pytest.approx(400 * MI - 200 * MI / 1.1, abs=2), "as much as it takes"


@pytest.mark.parametrize("after_s", [0.05, 1.0, PATIENCE_S - 0.2])
async def test_an_app_may_take_five_seconds(after_s: float) -> None:
    app = App(400 * MI, frees=300 * MI, after_s=after_s)
    status, told = await negotiated(app)
    assert (status, told["freed_bytes"]) == (200, 300 * MI)
    assert app.now - 100.0 <= after_s + 0.2, "and is not waited for longer than it takes"


async def test_after_five_seconds_it_is_refused() -> None:
    app = App(400 * MI, frees=300 * MI, after_s=PATIENCE_S + 1.0)
    status, told = await negotiated(app)
    assert status == 409
    assert told["freed_bytes"] == 0
    assert told["minimum_memory"] == 440 * MI
    assert app.now - 100.0 == pytest.approx(PATIENCE_S, abs=0.2)
    assert len(app.asked) == 1


async def test_too_little_freed_is_refused_with_what_was_freed() -> None:
    status, told = await negotiated(App(400 * MI, frees=100 * MI))
    assert (status, told["freed_bytes"], told["usage_bytes"]) == (409, 100 * MI, 300 * MI)
    assert told["minimum_memory"] == 330 * MI, "as of now"
    assert told["hook"] == "it was asked"


async def test_a_hook_that_could_not_run_is_not_waited_for() -> None:
    app = App(400 * MI, ran=False)
    status, told = await negotiated(app)
    assert (status, told["freed_bytes"]) == (409, 0)
    assert app.now == 100.0


async def test_growing_meanwhile_is_not_negative_freeing() -> None:
    status, told = await negotiated(App(400 * MI, frees=-50 * MI))
    assert (status, told["freed_bytes"], told["usage_bytes"]) == (409, 0, 450 * MI)


async def test_use_that_is_no_longer_known_is_not_replaced_by_the_proposals_word() -> None:
    app = App(400 * MI)

    async def run(wanted_bytes: int) -> Outcome:
        app.failing = OSError("gone")
        return Outcome(ran=True, said="")

    app.run = run  # type: ignore[method-assign]
    status, told = await negotiated(app, proposing("200Mi", usage_memory="1Mi"))
    assert (status, told["usage_bytes"], told["source"]) == (409, 400 * MI, "processes")


async def test_two_sources_are_not_subtracted_from_each_other() -> None:
    app = App(400 * MI, frees=300 * MI)

    async def run(wanted_bytes: int) -> Outcome:
        app.usage, app.source = 100 * MI, "usage-url"
        return Outcome(ran=True, said="")

    app.run = run  # type: ignore[method-assign]
    status, told = await negotiated(app)
    assert (status, told["freed_bytes"], told["source"]) == (200, 0, "usage-url")


async def test_on_the_proposals_word_the_app_is_asked_but_nobody_waits() -> None:
    app = App(1)
    consent = Consent(unknown, app, now=lambda: app.now, sleep=app.sleep)
    status, told = await consent.negotiate(proposing("200Mi", usage_memory="400Mi"))
    assert (status, told["freed_bytes"], told["source"]) == (409, 0, "proposal")
    assert len(app.asked) == 1, "whoever proposed may measure again and come back"
    assert app.now == 100.0


async def test_what_no_freeing_could_reach_asks_nothing_of_the_app() -> None:
    app = App(400 * MI, frees=300 * MI)
    assert (await negotiated(app, proposing("10Mi")))[0] == 409
    assert app.asked == []


# -- nonsense


async def test_nonsense_names_every_mistake() -> None:
    status, told = await negotiated(App(MI), b'{"proposed_memory":"lots","proposed_cup":"1"}')
    assert status == 400
    mistakes: Any = told["mistakes"]
    assert len(mistakes) == 2
    assert 'proposed_memory: "lots" is not a quantity' in str(told["detail"])
    assert "did you mean proposed_cpu?" in str(told["detail"])


async def test_a_body_is_bounded() -> None:
    body = BODY + b" " * (LARGEST_BODY_BYTES - len(BODY))
    assert (await negotiated(App(MI), body))[0] == 200
    assert (await negotiated(App(MI), body + b" "))[0] == 413


async def test_nonsense_reads_nothing() -> None:
    app = App(MI)
    await negotiated(app, b"{}")
    assert app.reads == 0


# -- one at a time


async def started(consent: Consent, count: int) -> list["asyncio.Task[Answer]"]:
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(consent.negotiate(BODY)) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


async def test_one_negotiation_runs_and_the_next_ones_wait() -> None:
    app = App(100 * MI)
    app.gate = asyncio.Event()
    tasks = await started(app.consent(), 3)
    assert app.reads == 1
    app.gate.set()
    assert [status for status, _ in await asyncio.gather(*tasks)] == [200, 200, 200]
    assert app.reads == 3


async def test_two_proposals_ask_the_app_once_when_once_is_enough() -> None:
    app = App(400 * MI, frees=300 * MI)
    tasks = await started(app.consent(), 2)
    assert [status for status, _ in await asyncio.gather(*tasks)] == [200, 200]
    assert len(app.asked) == 1


async def test_a_crowd_is_told_that_we_are_busy() -> None:
    app = App(100 * MI)
    app.gate = asyncio.Event()
    consent = app.consent()
    waiting = await started(consent, 1 + MOST_WAITING)
    status, told = await consent.negotiate(BODY)
    assert status == 409
    assert str(told["reason"]).startswith("busy: ")
    assert told["accepted"] is False
    app.gate.set()
    assert [status for status, _ in await asyncio.gather(*waiting)] == [200] * (1 + MOST_WAITING)
    assert (await consent.negotiate(BODY))[0] == 200, "and afterwards we are not"


# -- whoever asked went away


def reading(app: App) -> bool:
    return app.reads > 0


def freeing(app: App) -> bool:
    return len(app.asked) > 0


@pytest.mark.parametrize("moment", [reading, freeing])
async def test_a_cancelled_negotiation_makes_room_for_the_next(moment: Callable[[App], bool]) -> None:
    app = App(400 * MI, frees=300 * MI, after_s=2.0)
    if moment is reading:
        app.gate = asyncio.Event()
    consent = app.consent()
    tasks = await started(consent, 1 + MOST_WAITING)
    while not moment(app):
        await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(one, asyncio.CancelledError) for one in ended)
    if app.gate is not None:
        app.gate.set()
    assert (await consent.negotiate(BODY))[0] == 200
    assert "present=0" in repr(consent)


async def test_one_who_leaves_the_queue_leaves_the_others_alone() -> None:
    app = App(100 * MI)
    app.gate = asyncio.Event()
    first, second, third = await started(app.consent(), 3)
    second.cancel()
    app.gate.set()
    assert (await first)[0] == (await third)[0] == 200
    with pytest.raises(asyncio.CancelledError):
        await second


async def test_what_happened_is_counted() -> None:
    app = App(190 * MI)
    consent = app.consent(hook=False)
    for body in (BODY, proposing("1Gi"), b"{"):
        await consent.negotiate(body)
    assert (consent.accepted, consent.refused, consent.malformed) == (1, 1, 1)
