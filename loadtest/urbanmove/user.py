"""user-service: accounts and tokens. Everything but `/api/auth` needs a token: without one it is 403, even
for paths that do not exist, and there is no health page.

Not known of the original, chosen here: a missing user is 404, an id that is no number 400, and an account
that is not active cannot log in (401).
"""

import sqlite3
from collections.abc import Iterable

from aiohttp import web

from loadtest.urbanmove import bodies, passwords, people, replies, tokens
from loadtest.urbanmove.people import DuplicateError, People
from loadtest.urbanmove.pod import Pod
from loadtest.urbanmove.replies import Refused

OPEN = "/api/auth/"
SHORTEST_PASSWORD = 8


class User:
    """The service; a `role.Role`."""

    transparent = False

    def __init__(self, pod: Pod) -> None:
        self._people = People(pod.options.database)

    def routes(self) -> Iterable[web.RouteDef]:
        """`/api/auth` and `/api/users`."""
        return [
            web.post("/api/auth/register", self.register),
            web.post("/api/auth/login", self.login),
            web.get("/api/users/me", self.me),
            web.get("/api/users/admin/all", self.everybody),
            web.put("/api/users/admin/{id}/role", self.promote),
            web.get("/api/users/{id}", self.show),
            web.put("/api/users/{id}", self.update),
            web.delete("/api/users/{id}", self.deactivate),
            web.post("/api/users/change-password", self.change_password),
        ]

    def admit(self, request: web.Request) -> None:
        """A valid token of an active user, except for `/api/auth`."""
        if not request.path.startswith(OPEN):
            self._caller(request)

    def refuse(self, request: web.Request, refused: Refused) -> web.Response:
        """`{"status", "message", "timestamp"}`; mistakes by field; 403 has no body (Spring Security)."""
        if refused.status == 403:
            return replies.empty(403)
        if refused.fields is not None:
            return replies.json(refused.fields, refused.status)
        body = {"status": refused.status, "message": refused.message, "timestamp": replies.now_iso()}
        return replies.json(body, refused.status)

    async def start(self) -> None:
        """The database is open already."""

    async def stop(self) -> None:
        """Close the database."""
        self._people.close()

    async def register(self, request: web.Request) -> web.Response:
        """POST /api/auth/register: 201; an address that is taken is 409."""
        form = await bodies.form(request)
        email, password = form.text("email", required=True), _new_password(form, "password")
        first, last = form.text("firstName", required=True), form.text("lastName", required=True)
        phone = form.text("phoneNumber") or None
        if "@" not in email:
            form.mistakes["email"] = "must be a well-formed email address"
        form.check()
        if self._people.named(email):
            raise _taken(email)
        try:
            self._people.add(email, await passwords.hashed(password), first, last, phone)
        except DuplicateError:
            raise _taken(email) from None
        return replies.json(self._issued(email), 201)

    async def login(self, request: web.Request) -> web.Response:
        """POST /api/auth/login: 200, or 401 without saying what was wrong."""
        form = await bodies.form(request)
        email, password = form.text("email", required=True), form.text("password", required=True)
        form.check()
        user = self._people.named(email)
        if user is None or not await passwords.matches(password, user["password"]) or not user["active"]:
            raise Refused(401, "Invalid email or password")
        self._people.change(user["id"], lastLoginAt=replies.now_iso())
        return replies.json(self._issued(email))

    async def me(self, request: web.Request) -> web.Response:
        """GET /api/users/me."""
        return replies.json(people.public(self._caller(request)))

    async def everybody(self, request: web.Request) -> web.Response:
        """GET /api/users/admin/all: for administrators."""
        self._administrator(request)
        return replies.json([people.public(user) for user in self._people.all()])

    async def show(self, request: web.Request) -> web.Response:
        """GET /api/users/{id}: for administrators and oneself."""
        return replies.json(people.public(self._reachable(request)))

    async def update(self, request: web.Request) -> web.Response:
        """PUT /api/users/{id}: for administrators and oneself."""
        user = self._reachable(request)
        form = await bodies.form(request)
        names = [name for name in ("firstName", "lastName", "phoneNumber") if form.has(name)]
        values = {name: form.text(name) for name in names}
        form.check()
        self._people.change(user["id"], **values)
        return replies.json(people.public(self._existing(user["id"])))

    async def deactivate(self, request: web.Request) -> web.Response:
        """DELETE /api/users/{id}: 204; the row stays, not active. For administrators."""
        self._administrator(request)
        self._people.change(self._existing(_number(request))["id"], active=0)
        return replies.empty(204)

    async def promote(self, request: web.Request) -> web.Response:
        """PUT /api/users/admin/{id}/role?role=: for administrators."""
        self._administrator(request)
        role = request.query.get("role", "")
        if role not in people.ROLES:
            raise Refused(400, f"role must be one of {', '.join(people.ROLES)}")
        user = self._existing(_number(request))
        self._people.change(user["id"], role=role)
        return replies.json(people.public(self._existing(user["id"])))

    async def change_password(self, request: web.Request) -> web.Response:
        """POST /api/users/change-password: 200 with no body."""
        user = self._caller(request)
        form = await bodies.form(request)
        current, new = form.text("currentPassword", required=True), _new_password(form, "newPassword")
        form.check()
        if not await passwords.matches(current, user["password"]):
            raise Refused(400, "Current password is incorrect")
        self._people.change(user["id"], password=await passwords.hashed(new))
        return replies.empty(200)

    def _issued(self, email: str) -> dict[str, object]:
        user = self._people.named(email)
        if user is None:
            raise Refused(500, "An unexpected error occurred")
        return {
            "accessToken": tokens.issue(email, user["role"]),
            "refreshToken": tokens.issue(email, user["role"], tokens.REFRESH_MS),
            "tokenType": None,  # Lombok's builder drops the field's default
            "expiresIn": tokens.LIFETIME_MS,
            "user": people.public(user),
        }

    def _caller(self, request: web.Request) -> sqlite3.Row:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        try:
            claims = tokens.read(token if kind == "Bearer" else "")
        except tokens.BadToken:
            raise Refused(403, "Access denied") from None
        user = self._people.named(claims["sub"])
        if user is None or not user["active"]:
            raise Refused(403, "Access denied")
        return user

    def _administrator(self, request: web.Request) -> None:
        if self._caller(request)["role"] != "ADMIN":
            raise Refused(403, "Access denied")

    def _reachable(self, request: web.Request) -> sqlite3.Row:
        caller, number = self._caller(request), _number(request)
        if caller["role"] != "ADMIN" and caller["id"] != number:
            raise Refused(403, "Access denied")
        return self._existing(number)

    def _existing(self, number: int) -> sqlite3.Row:
        user = self._people.numbered(number)
        if user is None:
            raise Refused(404, f"User not found: {number}")
        return user


def _new_password(form: bodies.Form, name: str) -> str:
    return form.text(name, required=True, shortest=SHORTEST_PASSWORD)


def _number(request: web.Request) -> int:
    try:
        return int(request.match_info["id"])
    except ValueError:
        raise Refused(400, "Bad Request") from None


def _taken(email: str) -> Refused:
    return Refused(409, f"Email already registered: {email}")
