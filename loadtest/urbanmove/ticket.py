"""ticket-service: reserve, pay, cancel and scan tickets; each write happens once per `Idempotency-Key`.

Quirks of the original: without the key it is 500; a replay is answered from the store whatever its path or body;
a list without `userId` is empty; `/pay` sleeps on the request, and one payment in twenty fails yet answers 200.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from aiohttp import web

from loadtest.urbanmove import actuator, bodies, ledger, replies
from loadtest.urbanmove.ledger import Ledger
from loadtest.urbanmove.pod import Pod
from loadtest.urbanmove.replies import Refused
from loadtest.urbanmove.trajets import Trajets

KEY = "Idempotency-Key"
FAILING = 0.05
"""Share of payments the bank refuses."""
METHODS = ("CARD", "CASH", "MOBILE")
_UNEXPECTED = "An unexpected error occurred"


class Ticket:
    """The service; a `role.Role`."""

    transparent = False

    def __init__(self, pod: Pod) -> None:
        self._pod = pod
        self._ledger = Ledger(pod.options.database)
        self._trajets = Trajets(pod)

    def routes(self) -> Iterable[web.RouteDef]:
        """`/api/v1/tickets`, `/api/v1/payments/webhook` and the management pages."""
        return [
            web.get("/api/v1/tickets", self.list_all),
            web.post("/api/v1/tickets", self.create),
            web.get("/api/v1/tickets/{id}", self.show),
            web.post("/api/v1/tickets/{id}/pay", self.pay),
            web.post("/api/v1/tickets/{id}/cancel", self.cancel),
            web.post("/api/v1/tickets/{id}/scan", self.scan),
            web.post("/api/v1/payments/webhook", self.webhook),
            *actuator.full(),
            actuator.prometheus(self._pod),
        ]

    def admit(self, request: web.Request) -> None:
        """Everybody may."""

    def refuse(self, request: web.Request, refused: Refused) -> web.Response:
        """`{"timestamp", "status", "error", "message", "path"}`."""
        body = {
            "timestamp": replies.now_iso(),
            "status": refused.status,
            "error": refused.code or "INTERNAL_ERROR",
            "message": refused.message,
            "path": request.path,
        }
        return replies.json(body, refused.status)

    async def start(self) -> None:
        """Open the client."""
        await self._trajets.start()

    async def stop(self) -> None:
        """Close client and database."""
        await self._trajets.stop()
        self._ledger.close()

    async def list_all(self, request: web.Request) -> web.Response:
        """GET /api/v1/tickets?userId=; the other filters of the original always find nothing."""
        user = request.query.get("userId")
        if user is None:
            return replies.json([])
        return replies.json([ledger.public(each) for each in self._ledger.tickets_of(bodies.as_uuid(user))])

    async def show(self, request: web.Request) -> web.Response:
        """GET /api/v1/tickets/{id}."""
        return self._shown(bodies.path_uuid(request))

    async def create(self, request: web.Request) -> web.Response:
        """POST /api/v1/tickets: 201; 404 only when trajet-service says there is no such route."""
        return await self._once(request, self._create)

    async def pay(self, request: web.Request) -> web.Response:
        """POST /api/v1/tickets/{id}/pay: 200 with status PENDING, however the payment went."""
        return await self._once(request, self._pay)

    async def cancel(self, request: web.Request) -> web.Response:
        """POST /api/v1/tickets/{id}/cancel."""
        return self._moved(request, "CANCELLED", "TICKET_NOT_CANCELLABLE", "RESERVED", "PAID")

    async def scan(self, request: web.Request) -> web.Response:
        """POST /api/v1/tickets/{id}/scan."""
        return self._moved(request, "USED", "TICKET_NOT_SCANNABLE", "PAID")

    async def webhook(self, request: web.Request) -> web.Response:
        """POST /api/v1/payments/webhook: the bank says how a payment ended."""
        form = await bodies.form(request)
        payment, ticket = form.text("paymentId", required=True), form.uuid("ticketId")
        status = form.choice("status", ("SUCCESS", "FAILED"))
        if form.mistakes or not self._ledger.settle(payment, status):
            message = "; ".join(form.mistakes) or f"Payment not found: {payment}"
            return replies.json({"status": "error", "message": message}, 400)
        if status == "SUCCESS":
            self._ledger.move(ticket, "PAID", "RESERVED")
        return replies.json({"status": "processed"})

    async def _once(
        self, request: web.Request, work: Callable[[web.Request], Awaitable[web.Response]]
    ) -> web.Response:
        key = request.headers.get(KEY)
        if not key:
            raise Refused(500, _UNEXPECTED)
        known = self._ledger.answer(key)
        if known is not None:
            status, body = known
            return web.Response(status=status, body=body, content_type="application/json")
        response = await work(request)
        if isinstance(response.body, bytes):
            self._ledger.remember(key, response.status, response.body)
        return response

    async def _create(self, request: web.Request) -> web.Response:
        form = await bodies.form(request)
        user, trajet, quantity = (
            form.uuid("userId"),
            form.integer("trajetId", 1),
            form.integer("quantity", 1, 10),
        )
        form.check()
        if not await self._trajets.exists(trajet):
            raise Refused(404, f"Trajet not found: {trajet}", "TRAJET_NOT_FOUND")
        return self._shown(self._ledger.reserve(user, trajet, quantity), 201)

    async def _pay(self, request: web.Request) -> web.Response:
        form = await bodies.form(request)
        form.choice("paymentMethod", METHODS)
        form.check()
        identity = bodies.path_uuid(request)
        ticket = self._existing(identity)
        if ticket["status"] != "RESERVED":
            raise Refused(409, f"Ticket cannot be paid: {ticket['status']}", "TICKET_NOT_PAYABLE")
        payment, transaction = self._ledger.pay(identity)
        await asyncio.sleep(self._pod.options.pay_s)
        self._settle(payment, identity)
        return replies.json(
            {
                "paymentId": payment,
                "status": "PENDING",
                "ticketId": identity,
                "amount": ledger.price(ticket),
                "message": "Payment is being processed",
                "transactionId": transaction,
            }
        )

    def _settle(self, payment: str, ticket: str) -> None:
        failed = self._pod.rng.random() < FAILING
        self._ledger.settle(payment, "FAILED" if failed else "SUCCESS")
        if not failed:
            self._ledger.move(ticket, "PAID", "RESERVED")

    def _moved(self, request: web.Request, status: str, code: str, *allowed: str) -> web.Response:
        identity = bodies.path_uuid(request)
        before = self._existing(identity)
        if not self._ledger.move(identity, status, *allowed):
            raise Refused(409, f"Ticket is {before['status']}", code)
        return self._shown(identity)

    def _existing(self, identity: str) -> Any:
        ticket = self._ledger.ticket(identity)
        if ticket is None:
            raise Refused(404, f"Ticket not found: {identity}", "TICKET_NOT_FOUND")
        return ticket

    def _shown(self, identity: str, status: int = 200) -> web.Response:
        return replies.json(ledger.public(self._existing(identity)), status)
