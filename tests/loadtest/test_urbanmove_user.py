from collections.abc import AsyncIterator
from typing import Any

import pytest

from loadtest.urbanmove import passwords, tokens
from tests.support import urbanmove
from tests.support.urbanmove import ADMIN, RIDER, Served


@pytest.fixture
async def user() -> AsyncIterator[Served]:
    async with urbanmove.running("user") as served:
        yield served


def _newcomer(**changed: Any) -> dict[str, Any]:
    return {"email": "new@x.ma", "password": "long enough", "firstName": "N", "lastName": "C", **changed}


async def test_a_rider_logs_in_and_is_told_who_they_are(user: Served) -> None:
    reply = await user.ask("POST", "/api/auth/login", {"email": RIDER[0], "password": RIDER[1]})
    assert reply.status == 200
    assert set(reply.json) == {"accessToken", "refreshToken", "tokenType", "expiresIn", "user"}
    assert (reply.json["tokenType"], reply.json["expiresIn"]) == (None, 86_400_000)
    me = await user.ask("GET", "/api/users/me", token=reply.json["accessToken"])
    assert (me.status, me.json) == (200, reply.json["user"])
    assert set(me.json) == {
        "id", "email", "firstName", "lastName", "phoneNumber", "role", "active", "emailVerified", "createdAt",
        "lastLoginAt",
    }  # fmt: skip


async def test_two_hundred_riders_and_an_administrator_are_there_from_the_start(user: Served) -> None:
    everybody = (await user.ask("GET", "/api/users/admin/all", token=await user.login(ADMIN))).json
    assert [each["role"] for each in everybody] == ["USER"] * 200 + ["ADMIN"]
    assert await user.login(("rider199@urbanmove.ma", "password-199"))


@pytest.mark.parametrize("email", [RIDER[0], "nobody@urbanmove.ma"])
async def test_bad_credentials_are_401(user: Served, email: str) -> None:
    reply = await user.ask("POST", "/api/auth/login", {"email": email, "password": "password-001"})
    assert reply.status == 401
    assert set(reply.json) == {"status", "message", "timestamp"}


@pytest.mark.parametrize(
    "path", ["/api/users/me", "/api/users/1", "/api/users/admin/all", "/actuator/health", "/x"]
)
@pytest.mark.parametrize("header", [None, "Bearer nonsense", "Bearer a.b.c", "Basic eDp5"])
async def test_without_a_valid_token_it_is_403_even_where_nothing_is(
    user: Served, path: str, header: str | None
) -> None:
    reply = await user.get(path, **({"Authorization": header} if header else {}))
    assert (reply.status, reply.raw) == (403, b"")


async def test_a_token_of_one_replica_is_good_at_another(user: Served) -> None:
    async with urbanmove.running("user", name="user-2") as other:
        assert (await other.ask("GET", "/api/users/me", token=await user.login())).pod == "user-2"


async def test_a_newcomer_registers_once(user: Served) -> None:
    made = await user.ask("POST", "/api/auth/register", _newcomer(phoneNumber="+212600000000"))
    assert (made.status, made.json["user"]["role"]) == (201, "USER")
    assert (await user.ask("POST", "/api/auth/register", _newcomer())).status == 409
    assert await user.login(("new@x.ma", "long enough"))


@pytest.mark.parametrize(
    ("changed", "field"),
    [({"password": "short"}, "password"), ({"email": "x"}, "email"), ({"firstName": None}, "firstName")],
)
async def test_mistakes_of_a_registration_are_400_by_field(user: Served, changed: Any, field: str) -> None:
    reply = await user.ask("POST", "/api/auth/register", _newcomer(**changed))
    assert (reply.status, set(reply.json)) == (400, {field})


async def test_a_rider_sees_and_changes_only_themselves(user: Served) -> None:
    token = await user.login()
    assert (await user.ask("GET", "/api/users/1", token=token)).status == 200
    assert (await user.ask("GET", "/api/users/2", token=token)).status == 403
    changed = await user.ask("PUT", "/api/users/1", {"firstName": "Aya", "phoneNumber": "1"}, token=token)
    assert (changed.status, changed.json["firstName"], changed.json["phoneNumber"]) == (200, "Aya", "1")
    assert (await user.ask("PUT", "/api/users/2", {"firstName": "Aya"}, token=token)).status == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/users/admin/all"),
        ("DELETE", "/api/users/2"),
        ("PUT", "/api/users/admin/2/role?role=ADMIN"),
    ],
)
async def test_administration_is_for_administrators(user: Served, method: str, path: str) -> None:
    assert (await user.ask(method, path, token=await user.login())).status == 403


async def test_an_administrator_sees_anybody_and_gives_roles(user: Served) -> None:
    token = await user.login(ADMIN)
    assert (await user.ask("GET", "/api/users/2", token=token)).status == 200
    given = await user.ask("PUT", "/api/users/admin/2/role?role=DRIVER", token=token)
    assert (given.status, given.json["role"]) == (200, "DRIVER")
    assert (await user.ask("PUT", "/api/users/admin/2/role?role=KING", token=token)).status == 400
    assert (await user.ask("GET", "/api/users/9999", token=token)).status == 404


async def test_a_deleted_user_stays_in_the_list_but_is_locked_out(user: Served) -> None:
    token, victim = await user.login(ADMIN), await user.login()
    gone = await user.ask("DELETE", "/api/users/1", token=token)
    assert (gone.status, gone.raw) == (204, b"")
    assert (await user.ask("GET", "/api/users/1", token=token)).json["active"] is False
    assert (await user.ask("GET", "/api/users/me", token=victim)).status == 403
    assert (
        await user.ask("POST", "/api/auth/login", {"email": RIDER[0], "password": RIDER[1]})
    ).status == 401


async def test_a_password_is_changed_by_who_knows_the_old_one(user: Served) -> None:
    token = await user.login()
    body = {"currentPassword": "wrong", "newPassword": "brand new one"}
    assert (await user.ask("POST", "/api/users/change-password", body, token=token)).status == 400
    reply = await user.ask(
        "POST", "/api/users/change-password", {**body, "currentPassword": RIDER[1]}, token=token
    )
    assert (reply.status, reply.raw) == (200, b"")
    assert await user.login((RIDER[0], "brand new one"))


def test_an_altered_or_expired_token_is_refused() -> None:
    header, payload, signature = tokens.issue("a@b", "USER").split(".")
    other = tokens.issue("admin@b", "ADMIN").split(".")[1]
    for bad in (
        f"{header}.{other}.{signature}",
        f"{header}.{payload}.",
        tokens.issue("a@b", "USER", -1000),
        "é",
    ):
        with pytest.raises(tokens.BadToken):
            tokens.read(bad)
    assert tokens.read(f"{header}.{payload}.{signature}")["sub"] == "a@b"


async def test_passwords_are_stored_salted() -> None:
    one, two = await passwords.hashed("same"), await passwords.hashed("same")
    assert one != two
    assert await passwords.matches("same", one)
    assert not await passwords.matches("other", one)
