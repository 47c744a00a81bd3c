import dataclasses
import json
import subprocess
from pathlib import Path

import pytest

from loadtest.bench import __main__ as command
from loadtest.bench import arms, careful, configs, envoy, stage, upstreams

SITE = configs.Site("127.0.0.9:15401", ("127.0.0.1:8080", "127.0.0.2:8080"), Path("/tmp/x"))


def test_every_config_names_listener_and_endpoints() -> None:
    for text in (configs.haproxy(SITE), configs.nginx(SITE)):
        assert SITE.listen in text
        assert all(endpoint in text for endpoint in SITE.endpoints)


def test_envoy_config_is_json_with_every_endpoint() -> None:
    config = json.loads(envoy.config(SITE))["static_resources"]
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


def test_every_service_is_known_to_those_who_know_several() -> None:
    site = dataclasses.replace(SITE, services=3)
    for text in (envoy.config(site), configs.haproxy(site), configs.discovery(site.endpoints, 3)):
        assert all(host in text for host in ("bench-service", "bench-service-2", "bench-service-3"))


def test_careful_envoy_retries_elsewhere_and_ejects() -> None:
    config = json.loads(envoy.config(SITE, careful.TUNED))["static_resources"]
    assert config["clusters"][0]["outlier_detection"]["max_ejection_percent"] == 50
    manager = config["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    action = manager["route_config"]["virtual_hosts"][0]["routes"][0]["route"]
    assert action["timeout"] == "5s"
    assert action["retry_policy"]["num_retries"] == 2


def test_everybody_gives_a_request_as_long() -> None:
    for arm in careful.of(arms.ARMS):
        assert arm.launch is not None
        launch = arm.launch(SITE)
        assert "5s" in " ".join([*launch.env.values(), *launch.files.values()]), arm.name


def test_equilibrium_is_told_nothing_but_the_bound() -> None:
    ours = careful.of(arms.named(["equilibrium"]))[0]
    assert ours.launch is not None
    assert ours.launch(SITE).env == {
        **arms.equilibrium(SITE).env,
        "EQUILIBRIUM_TIMEOUTS": "first-byte=5s,total=5s",
    }


CHECKS = {
    "envoy": lambda argv: [argv[0], "--mode", "validate", "-c", argv[2], "--log-level", "error"],
    "haproxy": lambda argv: [argv[0], "-c", "-q", "-f", argv[-1]],
    "nginx": lambda argv: [*argv, "-t", "-q"],
}
CHECKED = [arm for arm in (*arms.ARMS, *careful.of(arms.ARMS)) if arm.name.partition("-")[0] in CHECKS]


@pytest.mark.parametrize("services", [1, 5])
@pytest.mark.parametrize("arm", CHECKED, ids=lambda arm: arm.title)
def test_the_program_itself_accepts_its_configuration(arm: arms.Arm, services: int, tmp_path: Path) -> None:
    if (why := arm.missing()) is not None:
        pytest.skip(why)
    assert arm.launch is not None
    launch = arm.launch(dataclasses.replace(SITE, directory=tmp_path, services=services))
    for name, text in launch.files.items():
        (tmp_path / name).write_text(text)
    argv = CHECKS[arm.name.partition("-")[0]](launch.argv)
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
