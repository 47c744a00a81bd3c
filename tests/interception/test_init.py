"""`equilibrium-init` as a program: its arguments, what it prints, how it ends."""

import subprocess
import sys
from pathlib import Path

import pytest

from injector.redirect import backends, init
from tests.support import netns


def run(*arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("equilibrium-init")
    return subprocess.run(
        [str(program), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=None if path is None else {"PATH": path},
    )


def test_every_mistake_is_named_at_once() -> None:
    ended = run(
        "--outbound-port=0",
        "--inbound-port=x",
        "--proxy-uid=0",
        "--skip-inbound-ports=22,70000,9-1",
        "--skip-outbound-ports=a-b",
        "--skip-subnets=10.0.0.1/8,home",
        "--verbose",
        "extra",
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.splitlines() == [
        f"equilibrium-init: {line}"
        for line in (
            "'--verbose': no such argument; see --help",
            "'extra': no such argument; see --help",
            "--outbound-port=0: '0' is not a port; allowed: 1..65535",
            "--inbound-port=x: 'x' is not a port; allowed: 1..65535",
            "--proxy-uid=0: '0' is not a user id other than root's; allowed: 1..4294967294",
            (
                "--skip-inbound-ports=22,70000,9-1: '70000' is not a port; allowed: 1..65535; "
                "'9-1' ends before it begins; allowed: 1-9"
            ),
            "--skip-outbound-ports=a-b: 'a' is not a port; allowed: 1..65535",
            (
                "--skip-subnets=10.0.0.1/8,home: '10.0.0.1/8' has bits set beyond its length; allowed: 10.0.0.0/8; "
                "'home' is not a subnet; allowed: such as 10.0.0.0/8 or fd00::/8"
            ),
        )
    ]


def test_one_port_for_both_directions_is_a_mistake() -> None:
    ended = run("--inbound-port=15401")
    assert ended.returncode == 2
    assert "the same as --outbound-port" in ended.stderr


def test_nothing_to_skip_may_be_said_with_nothing() -> None:
    options, _ = init._parser().parse_known_args(["--skip-inbound-ports", "", "--skip-subnets="])
    plan = init.parse(options)
    assert (plan.skip_inbound, plan.skip_subnets) == ((), ())


def test_help_names_the_defaults() -> None:
    ended = run("--help")
    assert ended.returncode == 0
    for word in ("15401", "15406", "1773", "15490", "--remove", "--dry-run", "--skip-subnets"):
        assert word in ended.stdout


def test_a_dry_run_prints_both_families_commands_and_needs_no_rights(tmp_path: Path) -> None:
    ended = run("--dry-run", "--skip-outbound-ports=5000-5010", path=str(tmp_path))
    assert ended.returncode == 0
    lines = ended.stdout.splitlines()
    assert lines[0] == "iptables -w 5 -t nat -N EQUILIBRIUM_INBOUND"
    assert "ip6tables -w 5 -t nat -N EQUILIBRIUM_OUTBOUND" in lines
    assert len(lines) == 20


def test_without_iptables_it_fails_and_says_which_image_has_it(tmp_path: Path) -> None:
    ended = run(path=str(tmp_path))
    assert ended.returncode == 1
    assert (
        "iptables-nft: not installed; iptables: not installed; iptables-legacy: not installed" in ended.stderr
    )
    assert "use the image equilibrium-init" in ended.stderr


def test_an_iptables_that_cannot_be_run_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "iptables").write_text("not a program")
    (tmp_path / "iptables").chmod(0o755)
    ended = run(path=str(tmp_path))
    assert ended.returncode == 1
    assert "cannot be run: Exec format error" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.skipif(netns.missing() is not None, reason=str(netns.missing()))
@pytest.mark.parametrize("flavour", netns.BACKENDS)
def test_without_net_admin_it_fails_and_says_what_is_missing(flavour: str) -> None:
    with netns.node() as node:
        pod = node.pod()
        with pod.net.inside():
            program = str(Path(sys.executable).with_name("equilibrium-init"))
            ended = subprocess.run(
                [*netns.as_user(65534), program],
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
                env={"PATH": str(netns.only(flavour))},
            )
        assert ended.returncode == 1
        assert "NET_ADMIN and NET_RAW" in ended.stderr
        assert "equilibrium.io/intercept: none" in ended.stderr


def test_where_every_backend_fails_the_first_ones_trouble_is_spoken_of() -> None:
    message = (
        "iptables-nft: not installed; `iptables -S` ended with status 4: Permission denied (you must be root); "
        "`iptables-legacy -S` ended with status 4: Fatal: can't open lock file /run/xtables.lock"
    )
    assert backends.advice(message).startswith("this container may not change the pod's network")


@pytest.mark.parametrize(
    ("message", "what"),
    [
        ("Fatal: can't open lock file /run/xtables.lock: Read-only file system", "mount an emptyDir at /run"),
        ("Fatal: can't open lock file /run/xtables.lock: Permission denied", "mount an emptyDir at /run"),
        (
            "Another app is currently holding the xtables lock; still 0s 0us time ahead to have a chance",
            "run this again",
        ),
        ("Could not fetch rule set generation id: Permission denied (you must be root)", "NET_ADMIN"),
        (
            "can't initialize iptables table `nat': Table does not exist (do you need to insmod?)",
            "iptable_nat",
        ),
        ("iptables: No chain/target/match by that name.", "xt_REDIRECT"),
    ],
)
def test_what_iptables_says_is_answered_with_what_to_do(message: str, what: str) -> None:
    assert what in backends.advice(message)


def test_it_runs_on_the_standard_library_alone() -> None:
    """Its image is iptables and Python; whatever else it imported would have to be in there."""
    code = (
        "import sys, injector.redirect.init\n"
        "print(*sorted(n for n in sys.modules if n.partition('.')[0] in ('sidecar', 'injector')))"
    )
    ended = subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=Path.cwd(),
    )
    assert ended.stderr == ""
    assert set(ended.stdout.split()) == {
        "injector",
        "injector.redirect",
        "injector.redirect.backends",
        "injector.redirect.init",
        "injector.redirect.iptables",
        "sidecar",
        "sidecar.contract",
    }


def test_an_unknown_message_is_left_as_it_is() -> None:
    assert backends.advice("iptables: everything is strange") == ""
