"""Whose requests a page on loopback answers: the reader's, and no other page's."""

import pytest

from dashboards.live import access

OURS = {"Host": "127.0.0.1:15480"}


@pytest.mark.parametrize(
    "host", ["127.0.0.1:15480", "localhost:1234", "localhost", "[::1]:15480", "10.0.0.7:15480", "LOCALHOST"]
)
def test_an_address_or_localhost_may_be_asked(host: str) -> None:
    assert access.refusal({"Host": host}, opened=False) == ""


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:15480", "", "127.0.0.1.evil.example", "[x]:1"]
)
def test_a_name_that_may_be_rebound_is_refused(host: str) -> None:
    assert "Host" in access.refusal({"Host": host}, opened=True)


def test_a_page_of_another_origin_is_refused_and_our_own_is_not() -> None:
    assert access.refusal(OURS | {"Origin": "http://127.0.0.1:15480"}, opened=False) == ""
    for origin in ("http://evil.example", "null", "http://127.0.0.1:9", "https://127.0.0.1:15480"):
        assert access.refusal(OURS | {"Origin": origin}, opened=True)


def test_a_link_may_be_followed_to_the_page_but_not_to_its_figures() -> None:
    followed = OURS | {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert access.refusal(followed, opened=True) == ""
    assert access.refusal(followed, opened=False)


def test_another_site_may_not_hold_a_stream_open() -> None:
    image = OURS | {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    assert access.refusal(image, opened=False)
    assert access.refusal(image, opened=True)


@pytest.mark.parametrize(
    ("remote", "near"),
    [("127.0.0.1", True), ("::1", True), ("::ffff:127.0.0.9", True), ("10.0.0.1", False), (None, False)],
)
def test_loopback_is_told_by_the_peers_address(remote: str | None, near: bool) -> None:
    assert access.is_loopback(remote) is near
