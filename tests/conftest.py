"""What every test shares: uvloop, as in production."""

import asyncio
from collections.abc import Callable

import pytest
import uvloop


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """One loop for all: the one the sidecar runs on."""
    return {"uvloop": uvloop.new_event_loop}
