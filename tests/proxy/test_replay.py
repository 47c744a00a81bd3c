"""What is kept of a request's body for another attempt."""

from hypothesis import given
from hypothesis import strategies as st

from sidecar.proxy.replay import Replay


def test_what_came_is_kept_in_order() -> None:
    replay = Replay(b"one", 64)
    assert not replay.add(b" two", taken=True)
    assert not replay.add(b"", taken=True), "the end brings no bytes"
    assert replay.body() == b"one two"
    assert not replay.forgotten


def test_the_client_is_held_once_while_nobody_takes_more_than_the_limit() -> None:
    replay = Replay(b"", 4)
    assert not replay.add(b"1234", taken=False)
    assert replay.add(b"5", taken=False)
    assert not replay.add(b"6", taken=False), "it is held already"
    assert (replay.body(), replay.held) == (b"123456", True), "nothing of it is lost meanwhile"
    assert replay.taken(), "and let go by the connection that takes it"
    assert (replay.held, replay.forgotten) == (False, True)
    assert not replay.taken()


def test_beyond_the_limit_what_a_connection_has_is_forgotten() -> None:
    replay = Replay(b"1234", 4)
    assert not replay.taken()
    assert not replay.forgotten, "as much as the limit is kept"
    assert not replay.add(b"5", taken=True)
    assert (replay.forgotten, replay.body()) == (True, b"")
    assert not replay.add(b"6", taken=False), "there is nothing to hold the client for"


@given(st.lists(st.tuples(st.binary(max_size=6), st.booleans()), max_size=12), st.integers(0, 20))
def test_it_is_all_of_it_or_nothing(pieces: list[tuple[bytes, bool]], limit_bytes: int) -> None:
    replay, came = Replay(b"", limit_bytes), b""
    for data, taken in pieces:
        replay.add(data, taken=taken)
        came += data
        assert replay.body() == (b"" if replay.forgotten else came)
        assert replay.forgotten or replay.held or len(came) <= limit_bytes
