import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from loadtest.urbanmove import breaker, ledger, ticket
from tests.support import urbanmove
from tests.support.urbanmove import Reply, Served

USER = "1b671a64-40d5-491e-99b0-da01ff1f3341"
NOBODY = "00000000-0000-4000-8000-000000000000"
NOWHERE = "http://127.0.0.1:9"
CARD = {"paymentMethod": "CARD", "cardNumber": "4111111111111111"}


@pytest.fixture
async def trajet(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    async with urbanmove.running("trajet") as served:
        monkeypatch.setenv("TRAJET_SERVICE_URL", served.url)
        yield served


@pytest.fixture
async def tickets(trajet: Served, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    monkeypatch.setattr(ticket, "FAILING", 0.0)
    async with urbanmove.running("ticket") as served:
        yield served


async def _post(tickets: Served, path: str = "", body: Any = None, key: str | None = None) -> Reply:
    return await tickets.ask(
        "POST", f"/api/v1/tickets{path}", body, Idempotency_Key=key if key is not None else str(uuid.uuid4())
    )


def _request(**changed: Any) -> dict[str, Any]:
    return {"userId": USER, "trajetId": 5, "quantity": 2, **changed}


async def _reserved(tickets: Served) -> str:
    reply = await _post(tickets, body=_request())
    assert reply.status == 201, "a valid ticket was refused"
    return str(reply.json["id"])


async def test_a_ticket_is_reserved_and_listed(tickets: Served) -> None:
    made = (await _post(tickets, body=_request(metadata={"seat": "4A"}))).json
    assert set(made) == {
        "id", "userId", "trajetId", "quantity", "status", "price", "paidAt", "expiresAt", "createdAt", "updatedAt",
        "qrCodeData",
    }  # fmt: skip
    assert (made["status"], made["price"]) == ("RESERVED", {"amount": 1000, "currency": "MAD"})
    assert made["qrCodeData"] == made["id"]
    assert (await tickets.get(f"/api/v1/tickets/{made['id']}")).json == made
    assert (await tickets.get(f"/api/v1/tickets?userId={USER}")).json == [made]
    assert (await tickets.get(f"/api/v1/tickets?userId={NOBODY}")).json == []


async def test_a_list_without_user_is_empty_whatever_else_is_asked(tickets: Served) -> None:
    await _reserved(tickets)
    for query in ("", "?status=RESERVED", "?trajetId=5"):
        assert (await tickets.get(f"/api/v1/tickets{query}")).json == []


async def test_trajet_is_asked_once_per_reservation_and_for_nothing_else(
    tickets: Served, trajet: Served
) -> None:
    identity = await _reserved(tickets)
    await _post(tickets, f"/{identity}/pay", CARD)
    await tickets.get(f"/api/v1/tickets?userId={USER}")
    stats = (await trajet.control("GET", "/stats")).json
    assert stats == {"requests": 1, "by_route": {"GET /api/lines/routes/{id}": 1}}


async def test_a_route_that_does_not_exist_is_404(tickets: Served) -> None:
    reply = await _post(tickets, body=_request(trajetId=125))
    assert (reply.status, reply.json["error"]) == (404, "TRAJET_NOT_FOUND")
    assert set(reply.json) == {"timestamp", "status", "error", "message", "path"}


@pytest.mark.parametrize(
    "changed",
    [
        {"userId": None},
        {"userId": "x"},
        {"trajetId": 0},
        {"quantity": 11},
        {"quantity": 0},
        {"quantity": None},
    ],
)
async def test_what_fails_validation_is_400(tickets: Served, changed: Any) -> None:
    reply = await _post(tickets, body=_request(**changed))
    assert (reply.status, reply.json["error"]) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize("path", ["", f"/{NOBODY}/pay"])
async def test_without_an_idempotency_key_it_is_500(tickets: Served, path: str) -> None:
    assert (await tickets.ask("POST", f"/api/v1/tickets{path}", _request())).status == 500


async def test_a_replay_is_answered_from_the_store_whatever_its_path_and_body(tickets: Served) -> None:
    first = await _post(tickets, body=_request(), key="k1")
    for path, body in (("", _request()), ("", {}), (f"/{NOBODY}/pay", CARD)):
        again = await _post(tickets, path, body, key="k1")
        assert (again.status, again.raw) == (201, first.raw)
    assert len((await tickets.get(f"/api/v1/tickets?userId={USER}")).json) == 1


async def test_an_error_is_not_stored_for_its_key(tickets: Served) -> None:
    assert (await _post(tickets, body={}, key="k2")).status == 400
    assert (await _post(tickets, body=_request(), key="k2")).status == 201


async def test_a_key_is_forgotten_after_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 1_000_000.0
    monkeypatch.setattr("sidecar.clock.wall_s", lambda: now_s)
    store = ledger.Ledger(tmp_path / "tickets.db")
    store.remember("k", 201, b"first")
    store.remember("k", 201, b"second")
    assert store.answer("k") == (201, b"first")
    now_s += 86_401
    assert store.answer("k") is None
    store.remember("k", 201, b"third")
    assert store.answer("k") == (201, b"third")
    store.close()


async def test_a_ticket_is_paid_then_scanned_once(tickets: Served) -> None:
    identity = await _reserved(tickets)
    paid = await _post(tickets, f"/{identity}/pay", CARD)
    assert (paid.status, paid.json["status"], paid.json["ticketId"]) == (200, "PENDING", identity)
    assert set(paid.json) == {"paymentId", "status", "ticketId", "amount", "message", "transactionId"}
    now = (await tickets.get(f"/api/v1/tickets/{identity}")).json
    assert now["status"] == "PAID"
    assert now["paidAt"]
    again = await _post(tickets, f"/{identity}/pay", CARD)
    assert (again.status, again.json["error"]) == (409, "TICKET_NOT_PAYABLE")
    assert (await _post(tickets, f"/{identity}/scan")).json["status"] == "USED"
    assert (await _post(tickets, f"/{identity}/scan")).status == 409


async def test_a_payment_the_bank_refuses_still_answers_200(
    tickets: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ticket, "FAILING", 1.0)
    identity = await _reserved(tickets)
    assert (await _post(tickets, f"/{identity}/pay", CARD)).status == 200
    assert (await tickets.get(f"/api/v1/tickets/{identity}")).json["status"] == "RESERVED"


async def test_a_ticket_is_cancelled_once_and_then_not_payable(tickets: Served) -> None:
    identity = await _reserved(tickets)
    assert (await _post(tickets, f"/{identity}/cancel")).json["status"] == "CANCELLED"
    assert (await _post(tickets, f"/{identity}/cancel")).status == 409
    assert (await _post(tickets, f"/{identity}/pay", CARD)).status == 409


@pytest.mark.parametrize("what", ["pay", "cancel", "scan"])
async def test_a_missing_ticket_is_404(tickets: Served, what: str) -> None:
    reply = await _post(tickets, f"/{NOBODY}/{what}", CARD)
    assert (reply.status, reply.json["error"]) == (404, "TICKET_NOT_FOUND")
    assert (await tickets.get(f"/api/v1/tickets/{NOBODY}")).status == 404


async def test_an_unknown_payment_method_is_400_and_a_bad_uuid_500(tickets: Served) -> None:
    identity = await _reserved(tickets)
    assert (await _post(tickets, f"/{identity}/pay", {"paymentMethod": "GOLD"})).status == 400
    assert (await tickets.get("/api/v1/tickets/no-uuid")).status == 500


async def test_the_bank_reports_through_the_webhook(tickets: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticket, "FAILING", 1.0)
    identity = await _reserved(tickets)
    payment = (await _post(tickets, f"/{identity}/pay", CARD)).json["paymentId"]
    report = {"paymentId": payment, "ticketId": identity, "status": "SUCCESS"}
    reply = await tickets.ask("POST", "/api/v1/payments/webhook", report)
    assert (reply.status, reply.json) == (200, {"status": "processed"})
    assert (await tickets.get(f"/api/v1/tickets/{identity}")).json["status"] == "PAID"


@pytest.mark.parametrize("changed", [{"paymentId": "none"}, {"status": "MAYBE"}, {"ticketId": "x"}])
async def test_a_webhook_that_makes_no_sense_is_400(tickets: Served, changed: Any) -> None:
    report = {"paymentId": "p", "ticketId": NOBODY, "status": "FAILED", **changed}
    reply = await tickets.ask("POST", "/api/v1/payments/webhook", report)
    assert (reply.status, reply.json["status"]) == (400, "error")


@pytest.mark.parametrize("page", ["health", "info", "metrics", "prometheus"])
async def test_management_pages(tickets: Served, page: str) -> None:
    assert (await tickets.get(f"/actuator/{page}")).status == 200


async def test_nobody_notices_that_trajet_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAJET_SERVICE_URL", NOWHERE)
    async with urbanmove.running("ticket") as tickets:
        assert (await _post(tickets, body=_request(trajetId=99_999))).status == 201


async def test_nobody_notices_that_trajet_fails(tickets: Served, trajet: Served) -> None:
    await trajet.fault(error_status=503)
    assert (await _post(tickets, body=_request(trajetId=99_999))).status == 201


async def test_a_reservation_waits_for_a_hung_trajet(tickets: Served, trajet: Served) -> None:
    await trajet.fault(hang=True)
    waiting = asyncio.get_running_loop().create_task(_post(tickets, body=_request()))
    while (await trajet.control("GET", "/faults")).json["hanging"] == 0:
        await asyncio.sleep(0.01)
    assert not waiting.done()
    await trajet.heal()
    assert (await waiting).status == 201


async def test_an_open_breaker_spares_trajet(tickets: Served, trajet: Served) -> None:
    await trajet.fault(error_status=503)
    for _ in range(breaker.WINDOW + 3):
        await _reserved(tickets)
    assert (await trajet.control("GET", "/stats")).json["requests"] == breaker.WINDOW


async def test_the_check_can_be_switched_off(trajet: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAJET_SERVICE_ENABLED", "false")
    async with urbanmove.running("ticket") as tickets:
        assert (await _post(tickets, body=_request(trajetId=99_999))).status == 201


def test_the_breaker_opens_at_half_and_closes_after_ten_good_trials() -> None:
    guard = breaker.Breaker()
    for n in range(10):
        assert guard.allows(0.0)
        guard.ended(failed=n % 2 == 0, now_s=0.0)
    assert not guard.allows(9.9)
    for _ in range(10):
        assert guard.allows(10.0), "half open lets ten trials through"
    assert not guard.allows(10.0), "and no more"
    for _ in range(10):
        guard.ended(failed=False, now_s=10.5)
    assert guard.allows(10.5)


def test_the_breaker_stays_closed_below_half() -> None:
    guard = breaker.Breaker()
    for n in range(40):
        assert guard.allows(float(n))
        guard.ended(failed=n % 10 < 4, now_s=float(n))
