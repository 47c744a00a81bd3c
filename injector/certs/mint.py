"""Has certificates made, in a process of their own that lives for half a second.

`cryptography` would stay in our memory for good (8 MB, more than all the rest of our own code), and is needed once
in twenty days. Keys pass through pipes only.
"""

import asyncio
import subprocess
import sys
from typing import Any, Final

import orjson

from injector.certs.certificates import CertificateError, Pair
from injector.certs.keyring import Keyring, Made, Order, Terms

PATIENCE_S: Final = 30.0


async def make(order: Order, ring: Keyring, terms: Terms, now_s: float) -> Made:
    """What is ordered, under the ring's newest authority or under a new one. Raises CertificateError."""
    wanted = {
        "certificate": (ring.authorities[0] if ring.authorities else b"").decode("ascii", "replace"),
        "key": ring.key.decode("ascii", "replace"),
        "new_authority": bool(order.authority),
        "new_leaf": bool(order.leaf),
        "names": list(order.names),
        "now_s": now_s,
        "leaf_s": terms.leaf_s,
        "authority_s": terms.authority_s,
    }
    made = await asyncio.to_thread(_ran, orjson.dumps(wanted))
    return Made(_pair(made.get("authority")), _pair(made.get("leaf")))


def _ran(order: bytes) -> dict[str, Any]:
    """Blocking, and on a thread: begun, it is seen to its end, whoever lost interest meanwhile."""
    command = [sys.executable, "-m", "injector.certs.authority"]
    try:
        done = subprocess.run(command, input=order, capture_output=True, timeout=PATIENCE_S, check=True)  # noqa: S603
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise CertificateError(f"nothing was made, exit status {error.returncode}: {last}") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CertificateError(f"nothing was made: {error}") from None
    made: dict[str, Any] = orjson.loads(done.stdout)
    return made


def _pair(made: dict[str, str] | None) -> Pair | None:
    return None if made is None else Pair(made["certificate"].encode(), made["key"].encode())
