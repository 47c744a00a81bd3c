"""Kubeconfigs in their common forms; everything else is refused with a way out."""

import base64
import json
import os
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from sidecar.errors import ConfigError
from sidecar.kube import kubeconfig
from sidecar.kube.access import Access

Json = dict[str, Any]


def config(user: Json | None = None, cluster: Json | None = None, name: str = "one", **context: str) -> Json:
    named = {"cluster": name, "user": name, **context}
    server = {"server": "https://10.0.0.1:6443", **(cluster or {})}
    return {
        "current-context": name,
        "clusters": [{"name": name, "cluster": server}],
        "users": [{"name": name, "user": user or {}}],
        "contexts": [{"name": name, "context": named}],
    }


def way(folder: Path, *configs: Json, context: str | None = None) -> kubeconfig.Way:
    files = []
    for number, each in enumerate(configs):
        files.append(folder / f"config-{number}")
        files[-1].write_text(yaml.safe_dump(each))
    (folder / "made").mkdir(exist_ok=True)
    return kubeconfig.read(files, context, folder / "made")


def mistakes(folder: Path, *configs: Json, context: str | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        way(folder, *configs, context=context)
    return caught.value.mistakes


def test_a_token_and_a_namespace(tmp_path: Path) -> None:
    found = way(tmp_path, config({"token": "t"}, namespace="shop"))
    assert found == kubeconfig.Way(Access("https://10.0.0.1:6443", token="t"), "shop")


def test_the_line_end_of_a_block_of_yaml_is_no_part_of_a_token(tmp_path: Path) -> None:
    assert way(tmp_path, config({"token": "t\n"})).access.token == "t"
    (said,) = mistakes(tmp_path, config({"token": "a\nb"}))
    assert said == "token: not one line of text; allowed: a bearer token"


def test_fields_that_are_no_text_are_no_traceback(tmp_path: Path) -> None:
    user: Json = {"tokenFile": 7, "client-certificate": 8, "client-key": 9}
    assert way(tmp_path, config(user)).access.token_file == str(tmp_path / "7")


def test_files_are_relative_to_the_kubeconfig(tmp_path: Path) -> None:
    user = {"client-certificate": "me.crt", "client-key": "/keys/me.key", "tokenFile": "token"}
    access = way(tmp_path, config(user, {"certificate-authority": "ca.crt"})).access
    assert access.ca_file == str(tmp_path / "ca.crt")
    assert access.client_cert == (str(tmp_path / "me.crt"), "/keys/me.key")
    assert access.token_file == str(tmp_path / "token")


def test_data_goes_to_files_nobody_else_can_read(tmp_path: Path) -> None:
    data = {key: base64.b64encode(key.encode()).decode() for key in ("ca", "cert", "key")}
    user = {"client-certificate-data": data["cert"], "client-key-data": data["key"], "client-key": "/ignored"}
    access = way(tmp_path, config(user, {"certificate-authority-data": data["ca"]})).access
    assert access.ca_file is not None
    assert access.client_cert is not None
    for file, content in zip((access.ca_file, *access.client_cert), ("ca", "cert", "key"), strict=True):
        assert Path(file).read_text() == content
        assert stat.S_IMODE(Path(file).stat().st_mode) == 0o600


def test_another_context_on_request(tmp_path: Path) -> None:
    both = config({"token": "a"}), config({"token": "b"}, name="two")
    assert way(tmp_path, *both).access.token == "a"
    assert way(tmp_path, *both, context="two").access.token == "b"
    assert mistakes(tmp_path, *both, context="three") == ["context 'three': not found; allowed: one, two"]


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl")
def test_files_are_merged_as_kubectl_merges_them(tmp_path: Path) -> None:
    first = config({"token": "first"}, namespace="n1") | {"current-context": ""}
    second = config({"token": "second"}, {"server": "https://second:1"}, namespace="n2")
    second["users"].append({"name": "more", "user": {"token": "x"}})
    found = way(tmp_path, first, second)
    files = ":".join(str(tmp_path / f"config-{number}") for number in (0, 1, 7))
    command = ["kubectl", "config", "view", "--raw", "--minify", "-o", "json"]
    ended = subprocess.run(
        command, env=os.environ | {"KUBECONFIG": files}, capture_output=True, text=True, check=True
    )
    theirs = json.loads(ended.stdout)
    assert found.access.token == theirs["users"][0]["user"]["token"] == "first"
    assert found.access.url == theirs["clusters"][0]["cluster"]["server"]
    assert found.namespace == theirs["contexts"][0]["context"]["namespace"] == "n1"


def test_where_kubectl_would_look() -> None:
    assert kubeconfig.paths("x", {"KUBECONFIG": "a:b"}) == [Path("x")]
    assert kubeconfig.paths(None, {"KUBECONFIG": "a::b"}) == [Path("a"), Path("b")]
    assert kubeconfig.paths(None, {"HOME": "/root"}) == [Path("/root/.kube/config")]


def test_an_empty_file_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "config-0").touch()
    assert kubeconfig._load(tmp_path / "config-0") == {}


def test_no_kubeconfig_at_all_says_what_else_there_is(tmp_path: Path) -> None:
    [mistake] = mistakes(tmp_path)
    assert mistake.startswith(
        "no context is given, and none is current; allowed: none: there is no kubeconfig; or run"
    )


def test_everything_that_is_not_supported_is_named_with_the_way_out(tmp_path: Path) -> None:
    user = {"exec": {"command": "aws"}, "username": "me", "as": "you"}
    found = mistakes(tmp_path, config(user, {"insecure-skip-tls-verify": True, "proxy-url": "http://p"}))
    words = ["proxy-url", "insecure-skip-tls-verify", "exec", "username", "as"]
    assert [next(word for word in words if f": {word} is not" in each) for each in found] == [
        "insecure-skip-tls-verify",
        "proxy-url",
        "exec",
        "username",
        "as",
    ]
    assert all("run `kubectl proxy` and give --server http://127.0.0.1:8001" in each for each in found)


def test_everything_that_is_missing_is_named(tmp_path: Path) -> None:
    broken = config()
    broken["contexts"][0]["context"] = {"cluster": "a", "user": "b"}
    assert mistakes(tmp_path, broken) == [
        "cluster 'a': not found; allowed: one",
        "user 'b': not found; allowed: one",
    ]
    wrong = config({"client-certificate": "x"}, {"server": "10.0.0.1", "certificate-authority-data": "%"})
    assert mistakes(tmp_path, wrong) == [
        "server '10.0.0.1': not a URL; allowed: https://HOST:PORT",
        "certificate-authority-data: not base64; allowed: PEM in base64",
        "client-certificate and client-key: one without the other; allowed: both, or neither",
    ]


@pytest.mark.parametrize("text", ["[]", "clusters: x", "clusters: [x]", "users: [{user: x}]", "a: [", "\x00"])
def test_what_is_no_kubeconfig_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config"
    file.write_text(text)
    with pytest.raises(ConfigError, match=str(file)):
        kubeconfig.read([file], None, tmp_path)
