import json
from pathlib import Path

import pytest

from loadtest.bench import __main__ as command
from loadtest.bench import arms, configs, run, stage, upstreams

SITE = configs.Site("127.0.0.9:15401", ("127.0.0.1:8080", "127.0.0.2:8080"), Path("/tmp/x"))


def test_every_config_names_listener_and_endpoints() -> None:
    for text in (configs.haproxy(SITE), configs.nginx(SITE)):
        assert SITE.listen in text
        assert all(endpoint in text for endpoint in SITE.endpoints)


def test_envoy_config_is_json_with_every_endpoint() -> None:
    config = json.loads(configs.envoy(SITE))["static_resources"]
    assert len(config["clusters"][0]["load_assignment"]["endpoints"][0]["lb_endpoints"]) == 2
    assert config["clusters"][0]["lb_policy"] == "LEAST_REQUEST"


def test_our_own_discovery_file_is_what_the_wire_page_says() -> None:
    service = json.loads(configs.discovery(SITE.endpoints))["services"][0]
    assert service == {"host": "bench-service", "port": 8080, "endpoints": list(SITE.endpoints)}


def test_everything_listens_on_loopback() -> None:
    assert all(address.startswith("127.") for address in upstreams.addresses("127.99.7", 100))
    shown = command.show_configs(list(arms.ARMS))
    assert "0.0.0.0" not in shown
    assert all(f"# {arm.name}\n" in shown for arm in arms.ARMS if arm.launch)


def test_unknown_arm_is_refused() -> None:
    with pytest.raises(KeyError):
        arms.named(["envoy", "traefik"])


@pytest.mark.parametrize(
    ("available", "expected"), [([0], (None, None)), ([2, 5], (2, 5)), ([0, 1, 2], (0, 1))]
)
def test_cores_are_split_only_where_there_are_two(
    available: list[int], expected: tuple[int | None, int | None]
) -> None:
    assert stage.cores(available) == expected


def test_quick_fits_into_four_minutes() -> None:
    assert run.Settings(arms.ARMS, repetitions=3, seconds=2.0).duration_s() < 240
