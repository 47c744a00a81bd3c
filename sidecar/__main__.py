"""`equilibrium-sidecar`: configured by the environment only; `--help` lists every variable."""

import asyncio
import logging
import os
import sys

import uvloop

from sidecar.errors import ConfigError
from sidecar.proxy.listener import ListenError
from sidecar.settings import Settings, from_env, help_text


def main() -> None:
    """Exit codes: 0 stopped on request, 1 could not start, 2 configuration mistakes."""
    arguments = sys.argv[1:]
    if arguments in (["--help"], ["-h"]):
        print(help_text())
        return
    if arguments:
        sys.exit(f"equilibrium-sidecar takes no arguments ({arguments[0]!r}); see --help")
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="equilibrium-sidecar %(levelname)s %(message)s"
    )
    sys.exit(_run())


def _run() -> int:
    try:
        settings = from_env(os.environ)
        uvloop.run(_serve(settings))
    except ConfigError as error:
        for mistake in error.mistakes:
            print(f"equilibrium-sidecar: {mistake}", file=sys.stderr)
        return 2
    except ListenError as error:
        print(f"equilibrium-sidecar: {error}", file=sys.stderr)
        return 1
    return 0


async def _serve(settings: Settings) -> None:
    # aiohttp builds a TLS context at import, which reads the system's CA bundle: 2.5 MB of the memory budget in
    # a process that opens no TLS connection by default. Clients that need one bring their own CA file.
    os.environ.setdefault("SSL_CERT_FILE", os.devnull)
    if settings.discovery.kind != "dns":
        sys.modules["aiodns"] = None  # type: ignore[assignment]  # aiohttp would load c-ares unasked: 1.3 MB
    from sidecar.app import Sidecar  # --help and configuration mistakes need none of it

    await Sidecar(settings, asyncio.get_running_loop()).run()


if __name__ == "__main__":
    main()
