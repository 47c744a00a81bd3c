"""`X-GT-Auth` proves knowledge of the mesh key, for this message, now, and once."""

import hashlib
import hmac
from typing import TypedDict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.policy import auth
from sidecar.policy.auth import WINDOW_S, Verifier, sign

KEY = b"a shared secret"
NOW = 1_700_000_000.0


class Message(TypedDict):
    """What the proof covers."""

    method: bytes
    path: bytes
    body: bytes
    workload: str


MESSAGE: Message = {"method": b"POST", "path": b"/negotiate?x=1", "body": b"{}", "workload": "default/bus"}
OTHERS: list[Message] = [
    {**MESSAGE, "method": b"GET"},
    {**MESSAGE, "path": b"/negotiate?x=2"},
    {**MESSAGE, "path": b"/negotiate"},
    {**MESSAGE, "body": b"{ }"},
    {**MESSAGE, "body": b""},
    {**MESSAGE, "workload": "default/tram"},
    {**MESSAGE, "workload": ""},
]


def signed(now: float = NOW, nonce: str = "nonce-0001", key: bytes = KEY) -> bytes:
    return sign(key, **MESSAGE, now_unix_s=now, nonce=nonce)


def accepted(value: bytes, verifier: Verifier | None = None, now: float = NOW) -> bool:
    return (verifier or Verifier(KEY)).verify(value, **MESSAGE, now_unix_s=now)


def test_what_is_signed_verifies() -> None:
    assert accepted(signed())


@given(st.binary(max_size=30), st.binary(max_size=60), st.from_regex(r"[0-9A-Za-z_-]{8,64}", fullmatch=True))
@settings(max_examples=50)
def test_every_message_verifies(path: bytes, body: bytes, nonce: str) -> None:
    message: Message = {**MESSAGE, "path": path, "body": body}
    value = sign(KEY, **message, now_unix_s=NOW, nonce=nonce)
    assert Verifier(KEY).verify(value, **message, now_unix_s=NOW)


def test_the_value_is_spelt_as_documented() -> None:
    """Others compute it from wire.md alone."""
    body_hash = hashlib.sha256(b"{}").hexdigest()
    text = f"POST|/negotiate?x=1|{body_hash}|default/bus|1700000000|nonce-0001"
    mac = hmac.new(KEY, text.encode(), hashlib.sha256).hexdigest()
    assert signed() == f"v1 t=1700000000,n=nonce-0001,mac={mac}".encode()


# -- tampering


@pytest.mark.parametrize("other", OTHERS, ids=str)
def test_a_proof_is_for_one_message(other: Message) -> None:
    assert not Verifier(KEY).verify(signed(), **other, now_unix_s=NOW), "the proof fits another message"


def test_another_key_proves_nothing() -> None:
    assert not accepted(signed(key=b"guessed"))


@pytest.mark.parametrize(
    ("part", "changed"),
    [(b"v1", b"v2"), (b"t=1700000000", b"t=1700000001"), (b"nonce-0001", b"nonce-0002"), (b"mac=", b"mac=0")],
)
def test_each_part_of_the_value_counts(part: bytes, changed: bytes) -> None:
    assert not accepted(signed().replace(part, changed))


@given(st.data())
@settings(max_examples=100)
def test_no_byte_may_differ(data: st.DataObject) -> None:
    value = bytearray(signed())
    place = data.draw(st.integers(0, len(value) - 1))
    value[place] = data.draw(st.integers(0, 255).filter(lambda byte: byte != value[place]))
    assert not accepted(bytes(value))


@given(st.binary(max_size=120))
@settings(max_examples=100)
def test_what_is_not_a_proof_is_refused_quietly(value: bytes) -> None:
    assert not accepted(value)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        signed() + b" ",
        signed() + b"\n",
        b" " + signed(),
        signed().upper(),
        signed().replace(b",", b", "),
        signed(nonce="short"),
        signed(nonce="n" * 65),
        signed(nonce="semi;colon"),
        signed(now=-5.0),
        signed()[:-1],
    ],
)
def test_the_spelling_is_strict(value: bytes) -> None:
    assert not accepted(value)


# -- the window


@pytest.mark.parametrize("late_s", [-WINDOW_S, -1.0, 0.0, 1.0, WINDOW_S])
def test_a_proof_is_good_for_thirty_seconds_either_way(late_s: float) -> None:
    assert accepted(signed(), now=NOW + late_s), "clocks may differ by the window"


@pytest.mark.parametrize("late_s", [-WINDOW_S - 1.0, WINDOW_S + 0.5, 3600.0, -3600.0])
def test_a_proof_outside_the_window_is_refused(late_s: float) -> None:
    assert not accepted(signed(), now=NOW + late_s)


# -- once


@pytest.mark.parametrize("late_s", [0.0, 1.0, WINDOW_S, 2 * WINDOW_S, 3600.0])
def test_a_proof_works_once(late_s: float) -> None:
    verifier = Verifier(KEY)
    accepted(signed(), verifier)
    assert not accepted(signed(), verifier, NOW + late_s), "a recorded proof was played again"


def test_a_proof_from_a_fast_clock_works_once_too() -> None:
    """Dated 30 s ahead, it stays in the window for a minute: its nonce must be kept as long."""
    verifier, value = Verifier(KEY), signed(now=NOW + WINDOW_S)
    assert accepted(value, verifier)
    accepted(signed(now=NOW + 2 * WINDOW_S, nonce="nonce-0002"), verifier, NOW + 2 * WINDOW_S)
    assert not accepted(value, verifier, NOW + 2 * WINDOW_S)


def test_a_nonce_serves_once_whatever_the_time() -> None:
    verifier = Verifier(KEY)
    accepted(signed(), verifier)
    assert not accepted(signed(now=NOW + 1), verifier, NOW + 1)


def test_other_nonces_go_on_working() -> None:
    verifier = Verifier(KEY)
    assert accepted(signed(), verifier)
    assert accepted(signed(nonce="nonce-0002"), verifier)


def test_a_forged_value_does_not_use_up_the_nonce() -> None:
    verifier = Verifier(KEY)
    accepted(signed(key=b"guessed"), verifier)
    assert accepted(signed(), verifier), "anybody could lock out a peer by guessing its nonce"


def test_a_stale_value_does_not_use_up_the_nonce() -> None:
    verifier = Verifier(KEY)
    accepted(signed(now=NOW - 100), verifier)
    assert accepted(signed(), verifier)


# -- memory


def test_nonces_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "_MAX_NONCES", 8)
    verifier = Verifier(KEY)
    for number in range(50):
        assert accepted(signed(nonce=f"nonce-{number:04}"), verifier)
    assert len(verifier._nonces) <= 8, "nonces pile up"


def test_nonces_too_old_to_matter_are_forgotten() -> None:
    verifier = Verifier(KEY)
    for number in range(20):
        accepted(signed(nonce=f"nonce-{number:04}"), verifier)
    later = NOW + 2 * WINDOW_S + 1
    accepted(signed(now=later, nonce="nonce-later"), verifier, later)
    assert list(verifier._nonces) == [b"nonce-later"]


def test_refused_values_take_no_memory() -> None:
    verifier = Verifier(KEY)
    for number in range(20):
        accepted(signed(nonce=f"nonce-{number:04}", key=b"guessed"), verifier)
    assert not verifier._nonces, "a flood of forgeries would fill the memory"
