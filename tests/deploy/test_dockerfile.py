import fnmatch
import re
import subprocess
import sys
import tomllib

import pytest

from sidecar import contract
from tests.deploy import dockerfile, manifests

FILE = dockerfile.read(manifests.DEPLOY / "Dockerfile")
PROJECT = tomllib.loads((manifests.ROOT / "pyproject.toml").read_text())
IMAGES = ("sidecar", "injector", "coordinator", "init", "urbanmove")
OURS = IMAGES[:4]


def user(image: str) -> str:
    return FILE.said(image, "USER")[0]


def test_there_is_one_target_for_each_image_and_no_other() -> None:
    assert set(FILE.finals()) == set(IMAGES)


def test_manifests_use_images_that_are_built_and_the_version_of_the_project() -> None:
    named = set()
    for folder in manifests.FOLDERS:
        named |= set(re.findall(r"equilibrium-(\w+):(\d+\.[\w.]+)", manifests.text(folder)))
    assert named == {(image, PROJECT["project"]["version"]) for image in IMAGES}


@pytest.mark.parametrize("image", OURS)
def test_each_runs_a_console_script_that_the_project_installs(image: str) -> None:
    (script,) = dockerfile.execed(FILE.said(image, "ENTRYPOINT")[0])
    assert script == f"equilibrium-{image}"
    assert script in PROJECT["project"]["scripts"]


def test_the_example_runs_a_module_that_exists() -> None:
    python, flag, module = dockerfile.execed(FILE.said("urbanmove", "ENTRYPOINT")[0])
    assert (python, flag) == ("python", "-m")
    assert (manifests.ROOT / module.replace(".", "/") / "__main__.py").exists()


def test_the_sidecar_runs_as_the_uid_that_is_not_intercepted() -> None:
    assert user("sidecar") == f"{contract.PROXY_UID}:{contract.PROXY_UID}"


def test_the_others_run_as_their_manifests_say() -> None:
    folders = {
        "injector": manifests.BASE,
        "coordinator": manifests.COORDINATOR,
        "urbanmove": manifests.EXAMPLE,
    }
    for image, folder in folders.items():
        uids = {
            str(pod["spec"]["securityContext"]["runAsUser"])
            for _, pod in manifests.templates(manifests.rendered(folder))
        }
        assert {user(image).partition(":")[0]} == uids
        assert uids != {"0"}


def test_only_the_init_container_is_root_and_only_it_has_iptables() -> None:
    assert [image for image in IMAGES if user(image).startswith("0")] == ["init"]
    have = [image for image in IMAGES if any("iptables" in value for value in FILE.said(image, "RUN"))]
    assert have == ["init"]


def test_ports_are_those_of_the_contract() -> None:
    sidecar = [contract.OUTBOUND_PORT, contract.INBOUND_PORT, contract.ADMIN_PORT]
    assert FILE.said("sidecar", "EXPOSE") == [" ".join(map(str, sidecar))]
    for image, folder in (("injector", manifests.BASE), ("coordinator", manifests.COORDINATOR)):
        deployment = manifests.one(manifests.installed(folder), "Deployment")
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        ports = [each["containerPort"] for each in container["ports"]]
        assert FILE.said(image, "EXPOSE") == [" ".join(map(str, ports))]


@pytest.mark.parametrize("image", IMAGES)
def test_nothing_that_builds_or_installs_packages_is_in_an_image(image: str) -> None:
    for stage in FILE.lineage(image):
        assert stage.name != "build"
        for words in dockerfile.commands(stage):
            assert not {"gcc", "make", "build-essential", "python3-dev"} & set(words)
            assert "pip" not in words or "uninstall" in words
    assert any("uninstall -q -y" in value and "pip" in value for value in FILE.said(image, "RUN"))


@pytest.mark.parametrize("image", IMAGES)
def test_a_read_only_root_file_system_is_enough(image: str) -> None:
    environ = dict(pair.split("=", 1) for value in FILE.said(image, "ENV") for pair in value.split())
    assert environ["PYTHONDONTWRITEBYTECODE"] == "1"
    assert FILE.said(image, "HEALTHCHECK") == ["NONE"]
    sources = [source for stage in FILE.lineage(image) for source, _, _ in dockerfile.copies(stage)]
    assert any("compileall" in value for source in sources for value in FILE.stages[source].values("RUN"))


def test_every_file_that_is_copied_exists_and_is_in_the_build_context() -> None:
    for stage in FILE.stages.values():
        for source, paths, _ in dockerfile.copies(stage):
            if source:
                assert source in FILE.stages
                continue
            for path in paths:
                assert (manifests.ROOT / path).exists(), path


def test_the_wheel_has_every_package_of_the_project() -> None:
    copied = {path for _, paths, _ in dockerfile.copies(FILE.stages["build"]) for path in paths}
    roots = {name.rstrip("*") for name in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]}
    assert roots <= copied
    assert {
        "pyproject.toml",
        "constraints.txt",
        "setup.py",
        PROJECT["project"]["readme"],
        *PROJECT["project"]["license-files"],
    } <= copied


def test_no_address_of_a_package_index_and_no_secret_is_in_it() -> None:
    text = (manifests.DEPLOY / "Dockerfile").read_text()
    assert not re.search(r"https?://|index-url|PIP_INDEX|find-links|trusted-host|(?i:password|token)", text)


def pip_calls() -> list[list[str]]:
    """Every call of pip but the one that removes it, from its command on."""
    found = []
    for stage in FILE.stages.values():
        for words in dockerfile.commands(stage):
            if words[0] == "pip":
                words = words[3:] if words[1] == "--python" else words[1:]
                found.append(words)
    return found


def test_every_package_is_checked_against_a_hash_and_none_is_compiled_or_resolved() -> None:
    calls = pip_calls()
    assert len(calls) == 9
    for words in calls:
        assert "--no-deps" in words
        ours = words[0] == "wheel" or words[-1] == "/wheels/*.whl"
        assert ours or ("--require-hashes" in words and words[words.index("--only-binary") + 1] == ":all:")


def test_bytecode_is_made_once_and_never_checked_again() -> None:
    # pip's own bytecode would look fresh to compileall, which would then leave it as it is: checked at every import
    for name in ("sidecar-files", "injector-files", "coordinator-files", "init-files"):
        (made,) = FILE.stages[name].values("RUN")
        assert made.count(" install ") == made.count("--no-compile")
        assert made.endswith("compileall -q --invalidation-mode unchecked-hash /opt/equilibrium/lib")


@pytest.mark.parametrize("command", ["install", "wheel"])
def test_pip_knows_the_options_it_is_given(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", command, "--help"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    given = {word for words in pip_calls() if words[0] == command for word in words if word.startswith("-")}
    assert given
    assert {word for word in given if not re.search(rf"(^|\s){word}\b", done.stdout)} == set()


def test_an_interpreted_wheel_fails_the_build() -> None:
    (pattern,) = (words[-1] for words in dockerfile.commands(FILE.stages["build"]) if words[0] == "ls")
    version = PROJECT["project"]["version"]
    for arch in ("x86_64", "aarch64"):
        assert fnmatch.fnmatchcase(f"/wheels/equilibrium-{version}-cp311-cp311-linux_{arch}.whl", pattern)
    assert not fnmatch.fnmatchcase(f"/wheels/equilibrium-{version}-py3-none-any.whl", pattern)


def test_the_python_is_one_the_project_runs_on() -> None:
    found = re.fullmatch(r"python:(\d+)\.(\d+)-slim-\w+", FILE.arguments["PYTHON"])
    assert found is not None
    assert (int(found[1]), int(found[2])) >= (3, 11)
    assert PROJECT["project"]["requires-python"] == ">=3.11"


def test_equilibrium_init_needs_nothing_but_the_standard_library() -> None:
    # -S: no site-packages, which is what its image has
    code = f"import sys; sys.path.insert(0, {str(manifests.ROOT)!r}); import injector.redirect.init"
    done = subprocess.run(
        [sys.executable, "-S", "-I", "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
