"""Which store: a URL that Redis' own client would stumble over is a mistake of configuration, and is named as one."""

import pytest

from coordinator.store import choice
from coordinator.variables import parse_store
from sidecar.parsing import ParseError


@pytest.mark.parametrize("place", ["h:6379x/0", "[::1/0", "a:b:c/0", "h:99999/0"])
def test_a_url_without_a_host_and_port_is_refused_and_its_password_not_quoted(place: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_store(f"redis://:s3cret@{place}")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("place", ["redis:6379/0", "10.0.0.1", "[::1]:6379/2"])
def test_what_is_taken_can_be_opened(place: str) -> None:
    assert repr(choice.opened(parse_store(f"redis://:s3cret@{place}"))) == "Redis()"
