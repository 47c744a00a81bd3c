"""Which store, by the settings."""

from coordinator.store.interface import Store
from coordinator.store.memory import Memory


def opened(setting: str) -> Store:
    """`memory`, or the URL of a Redis. Nothing is connected yet. Raises ConfigError where its package is missing."""
    if setting == "memory":
        return Memory()
    try:
        from coordinator.store.redis import Redis  # 10 MB that a coordinator without one does not pay
    except ModuleNotFoundError as error:
        from sidecar.errors import ConfigError

        raise ConfigError(
            [f"EQUILIBRIUM_COORDINATOR_STORE: {error}; allowed: memory, or install equilibrium[redis]"]
        ) from None
    return Redis(setting)
