"""Another attempt: when it is made, where it goes, when it must not be made (architecture.md, "The data path")."""

import pytest

from sidecar.policy.retries import RetryBudget
from sidecar.proxy.limits import Limits
from tests.proxy.pods import GET, Call, answer_ok, path, post, reset, status

UNAVAILABLE = b"503 Service Unavailable"


async def test_a_get_survives_a_pod_that_refuses_connections() -> None:
    async with path(None, answer_ok) as mesh:
        for _ in range(4):
            assert (await mesh.ask(GET)).status == 200


async def test_a_get_survives_a_pod_that_resets() -> None:
    async with path(reset, answer_ok) as mesh:
        assert {(await mesh.ask(GET)).status for _ in range(4)} == {200}


@pytest.mark.parametrize("line", [b"502 Bad Gateway", UNAVAILABLE, b"504 Gateway Timeout"])
async def test_a_get_survives_a_pod_that_answers_5xx_gateway_errors(line: bytes) -> None:
    async with path(status(line), answer_ok) as mesh:
        assert {(await mesh.ask(GET)).status for _ in range(4)} == {200}


async def test_an_application_error_is_passed_on_at_once() -> None:
    async with path(status(b"500 Internal Server Error"), status(b"500 Internal Server Error")) as mesh:
        assert (await mesh.ask(GET)).status == 500
        assert sum(mesh.calls()) == 1, "a 500 is the application's answer, not a reason to ask again"


async def test_a_shed_request_is_not_sent_to_the_next_pod() -> None:
    shed = status(UNAVAILABLE, b"X-GT-Reason: shed\r\nX-GT-Congestion: 1.00\r\n")
    async with path(shed, shed) as mesh:
        answer = await mesh.ask(GET)
        assert answer.status == 503
        assert sum(mesh.calls()) == 1, "retrying what was shed is how overload spreads"
        assert mesh.outcomes() == {"succeeded": 0, "failed": 0, "abandoned": 1}


async def test_a_pod_whose_sidecar_cannot_reach_its_app_is_passed_over_even_for_a_post() -> None:
    dead = status(b"502 Bad Gateway", b"X-GT-Reason: app-unreachable\r\n")
    async with path(dead, answer_ok) as mesh:
        assert {(await mesh.ask(post(b"data"))).status for _ in range(4)} == {200}


async def test_every_attempt_goes_to_a_pod_not_tried_before() -> None:
    async with path(reset, reset, reset, reset) as mesh:
        answer = await mesh.ask(GET)
        assert answer.status == 502
        assert answer.field(b"X-GT-Reason") == b"reset"
        assert sorted(mesh.calls()) == [0, 1, 1, 1], "one attempt and two more, each elsewhere"


async def test_the_last_error_is_told_when_pods_run_out() -> None:
    async with path(None) as mesh:
        answer = await mesh.ask(GET)
        assert (answer.status, answer.field(b"X-GT-Reason")) == (502, b"connect")


async def test_a_post_that_may_have_been_executed_is_not_repeated() -> None:
    async with path(reset, reset) as mesh:
        assert (await mesh.ask(post(b"pay"))).status == 502
        assert sum(mesh.calls()) == 1, "the pod may have paid before it dropped the connection"


async def test_an_idempotency_key_makes_a_post_repeatable_with_its_body() -> None:
    async with path(reset, answer_ok) as mesh:
        for _ in range(2):
            assert (await mesh.ask(post(b"pay", b"Idempotency-Key: k1\r\n"))).status == 200
        assert {call.body for pod in mesh.pods for call in pod.calls} == {b"pay"}
        assert {call.field(b"Idempotency-Key") for pod in mesh.pods for call in pod.calls} == {b"k1"}


async def test_a_post_is_repeated_when_no_connection_could_be_made() -> None:
    async with path(None, answer_ok) as mesh:
        assert {(await mesh.ask(post(b"pay"))).status for _ in range(4)} == {200}


async def test_a_body_beyond_the_replay_buffer_is_sent_once() -> None:
    async with path(reset, reset, limits=Limits(replay_bytes=1000)) as mesh:
        answer = await mesh.ask(post(b"x" * 5000, b"Idempotency-Key: k1\r\n"))
        assert answer.status == 502
        assert sum(mesh.calls()) == 1


async def test_a_retry_says_which_attempt_it_is() -> None:
    async with path(reset, reset, answer_ok) as mesh:
        await mesh.ask(GET)
        attempts = [call.field(b"X-GT-Attempt") for pod in mesh.pods for call in pod.calls]
        assert sorted(attempts, key=lambda a: a or b"") == [None, b"2", b"3"][: len(attempts)]


async def test_nothing_is_repeated_once_the_response_has_begun() -> None:
    async def half(call: Call) -> None:
        call.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await call.writer.drain()
        call.writer.close()

    async with path(half, half) as mesh:
        answer = await mesh.ask(GET)
        assert answer.status == 200
        assert answer.eof, "a truncated body must be visible as a closed connection"
        assert answer.body == b"half"
        assert sum(mesh.calls()) == 1


async def test_a_spent_budget_ends_retries() -> None:
    async with path(reset, answer_ok) as mesh:
        service = mesh.catalog.find(b"bus-service")
        assert service is not None
        service.budget = RetryBudget(ratio=0.0, min_per_s=0.0)
        answers = [(await mesh.ask(GET)).status for _ in range(4)]
        assert sorted(answers) == [200, 200, 502, 502], "without budget, the failing pod shows"
        assert mesh.outbound.stats.retries == 0


async def test_a_dead_pooled_connection_says_nothing_about_its_pod() -> None:
    async def once_then_drop(call: Call) -> None:
        if call.number == 1:
            await call.answer()
        else:
            call.writer.transport.abort()

    async with path(once_then_drop, once_then_drop) as mesh:
        for _ in range(8):
            assert (await mesh.ask(GET)).status == 200
        assert mesh.outcomes()["failed"] == 0, "the keep-alive race is nobody's failure"
