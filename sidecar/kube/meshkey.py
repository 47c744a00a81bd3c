"""Proof of knowing the mesh key, for a client of ours that asks another program of the mesh (wire.md, `X-GT-Auth`)."""

import secrets
from collections.abc import Mapping

from sidecar import clock, contract
from sidecar.policy import auth


class Signer:
    """Signs requests in the name of a workload: an `Access.sign`."""

    def __init__(self, key: bytes, workload: str) -> None:
        self._key = key
        self._workload = workload

    def __repr__(self) -> str:
        return f"Signer({self._workload})"

    def __call__(self, method: str, path: str, body: bytes) -> Mapping[str, str]:
        """Fields for one request; each nonce is good once."""
        proof = auth.sign(
            self._key,
            method=method.encode(),
            path=path.encode(),
            body=body,
            workload=self._workload,
            now_unix_s=clock.wall_s(),
            nonce=secrets.token_urlsafe(12),
        )
        return {contract.CALLER: self._workload, contract.AUTH: proof.decode()}
