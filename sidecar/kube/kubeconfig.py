"""How a command of ours finds an API server: by its URL, a kubeconfig in its common forms, or as a pod does.

Of a kubeconfig: tokens and client certificates, as files or data.
What runs programs or talks to clouds (`exec`, `auth-provider`) is left to kubectl: `kubectl proxy` makes it plain.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from sidecar.errors import ConfigError
from sidecar.kube.access import MOUNT, Access, in_cluster

Json = dict[str, Any]

PROXY: Final = "run `kubectl proxy` and give --server http://127.0.0.1:8001"
_PARTS: Final = ("cluster", "user", "context")
_FOLDER: Final = ""
"""Where the kubeconfig lies, which paths in it are relative to; beside the keys kubectl knows."""
_NOT_OURS: Final = {
    "user": ("exec", "auth-provider", "username", "password", "as", "as-uid", "as-groups", "as-user-extra"),
    "cluster": ("insecure-skip-tls-verify", "tls-server-name", "proxy-url"),
}


@dataclass(frozen=True, slots=True)
class Way:
    """To a server, and the namespace meant when none is given."""

    access: Access
    namespace: str


def find(
    server: str | None, given: str | None, context: str | None, environ: Mapping[str, str], folder: Path
) -> Way:
    """A server's URL as it is; a kubeconfig where there is one; else as a pod. `folder`: as for `read`.

    Raises `ConfigError`.
    """
    if server is not None:
        return Way(Access(server), "default")
    files = paths(given, environ)
    chosen = given or context
    if not chosen and "KUBERNETES_SERVICE_HOST" in environ and not any(file.exists() for file in files):
        own = Path(MOUNT, "namespace")
        return Way(in_cluster(environ), own.read_text().strip() if own.exists() else "default")
    return read(files, context, folder)


def paths(given: str | None, environ: Mapping[str, str]) -> list[Path]:
    """Where kubectl would look: --kubeconfig, else $KUBECONFIG, else the file in the home directory."""
    if given is not None:
        return [Path(given)]
    listed = [Path(each) for each in environ.get("KUBECONFIG", "").split(":") if each]
    return listed or [Path(environ.get("HOME", "/"), ".kube", "config")]


def read(files: Sequence[Path], context: str | None, folder: Path) -> Way:
    """Of a context (None: the current one); data of certificates goes to files in `folder`.

    Raises `ConfigError` with everything that is missing or not supported.
    """
    merged = _merged(files)
    name = context or merged["current-context"]
    chosen = merged["contexts"].get(name)
    if chosen is None:
        what = f"context {name!r}: not found" if name else "no context is given, and none is current"
        raise ConfigError([f"{what}; allowed: {_names(merged['contexts'])}"])
    mistakes: list[str] = []
    parts = {part: _part(merged, part, chosen.get(part), mistakes) for part in ("cluster", "user")}
    access = None if mistakes else _access(parts["cluster"], parts["user"], folder, mistakes)
    if mistakes or access is None:
        raise ConfigError(mistakes)
    return Way(access, str(chosen.get("namespace") or "default"))


def _merged(files: Iterable[Path]) -> Json:
    """As kubectl merges: of two entries of one name the first counts. Missing files count as empty."""
    merged: Json = {"current-context": "", "clusters": {}, "users": {}, "contexts": {}}
    for file in files:
        content = _load(file)
        merged["current-context"] = merged["current-context"] or str(content.get("current-context") or "")
        for part in _PARTS:
            for entry in content.get(f"{part}s") or ():
                body = entry.get(part) or {}
                merged[f"{part}s"].setdefault(str(entry.get("name")), {**body, _FOLDER: str(file.parent)})
    return merged


def _load(file: Path) -> Json:
    try:
        content = yaml.safe_load(file.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError([f"{file}: {error}"]) from None
    content = {} if content is None else content
    if not isinstance(content, dict) or not all(
        _is_list_of(part, content.get(f"{part}s")) for part in _PARTS
    ):
        raise ConfigError([f"{file}: not a kubeconfig"])
    return content


def _is_list_of(part: str, entries: object) -> bool:
    if entries is None:
        return True
    return isinstance(entries, list) and all(
        isinstance(each, dict) and isinstance(each.get(part) or {}, dict) for each in entries
    )


def _part(merged: Json, part: str, name: object, mistakes: list[str]) -> Json:
    found = merged[f"{part}s"].get(str(name))
    if found is None:
        mistakes.append(f"{part} {name!r}: not found; allowed: {_names(merged[f'{part}s'])}")
        return {}
    mistakes += [
        f"{part} {name!r}: {key} is not supported; allowed: a token or a client certificate, or {PROXY}"
        for key in _NOT_OURS[part]
        if found.get(key)
    ]
    return dict(found)


def _access(cluster: Json, user: Json, folder: Path, mistakes: list[str]) -> Access | None:
    server = str(cluster.get("server") or "")
    if not server.startswith(("https://", "http://")):
        mistakes.append(f"server {server!r}: not a URL; allowed: https://HOST:PORT")
    ca = _file(cluster, "certificate-authority", folder, mistakes)
    certificate = _file(user, "client-certificate", folder, mistakes)
    key = _file(user, "client-key", folder, mistakes)
    if (certificate is None) != (key is None):
        mistakes.append("client-certificate and client-key: one without the other; allowed: both, or neither")
    token_file, token = user.get("tokenFile"), str(user.get("token") or "").strip()
    if not token.isprintable():
        mistakes.append("token: not one line of text; allowed: a bearer token")
    return Access(
        server,
        token_file=str(Path(user[_FOLDER], str(token_file))) if token_file else None,
        ca_file=ca,
        token=token or None,
        client_cert=(certificate, key) if certificate and key else None,
    )


def _file(holder: Json, key: str, folder: Path, mistakes: list[str]) -> str | None:
    """Its path, relative ones to the kubeconfig; data is written to a file, since that is what OpenSSL reads."""
    if data := holder.get(f"{key}-data"):
        file = folder / f"{key}.pem"
        try:
            content = base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError, TypeError):
            mistakes.append(f"{key}-data: not base64; allowed: PEM in base64")
            return None
        file.touch(mode=0o600)
        file.write_bytes(content)
        return str(file)
    return str(Path(holder[_FOLDER], str(holder[key]))) if holder.get(key) else None


def _names(entries: Mapping[str, Any]) -> str:
    return ", ".join(sorted(entries)) or f"none: there is no kubeconfig; or {PROXY}"
