"""Passwords, hashed slowly on purpose: register and login must cost CPU as BCrypt does in the original.

Seeded users get a quick hash, or starting a pod would take seconds; checking one costs the slow hash all the same.
"""

import asyncio
import hashlib
import hmac
import os

_COST = 4096  # about 10 ms of CPU, outside the interpreter lock
_SALT_BYTES = 16


async def hashed(password: str) -> str:
    """What to store; takes about 10 ms of CPU in a thread."""
    salt = os.urandom(_SALT_BYTES)
    return f"scrypt${salt.hex()}${(await _slow(password, salt)).hex()}"


def seeded(password: str) -> str:
    """What to store for a seeded user; takes microseconds."""
    return f"seed$${hashlib.sha256(password.encode()).hexdigest()}"


async def matches(password: str, stored: str) -> bool:
    """Whether it is the password of `stored`; takes about 10 ms of CPU in a thread either way."""
    kind, salt, expected = stored.split("$")
    actual = (await _slow(password, bytes.fromhex(salt))).hex()
    if kind == "seed":
        actual = hashlib.sha256(password.encode()).hexdigest()
    return hmac.compare_digest(actual, expected)


async def _slow(password: str, salt: bytes) -> bytes:
    return await asyncio.to_thread(hashlib.scrypt, password.encode(), salt=salt, n=_COST, r=8, p=1)
