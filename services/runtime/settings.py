"""Settings from the environment (`EXPORTGATE_*`), checked before anything starts."""

from datetime import timedelta
from functools import lru_cache
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """One field a setting; `exportgate config show` prints them with their sources."""

    model_config = SettingsConfigDict(env_prefix="EXPORTGATE_", frozen=True, extra="ignore")

    kafka_bootstrap: str = Field("127.0.0.1:19092", description="brokers, host:port,…")
    redis_url: SecretStr = Field(
        SecretStr("redis://127.0.0.1:16379/0"), description="where folds are remembered"
    )
    broker_kind: Literal["kafka", "embedded"] = Field(
        "kafka",
        description="embedded: librdkafka's mock cluster, which answers no questions",
    )
    time_basis: Literal["log", "event"] = Field(
        "log", description="event: demo, tests and back-filling only; written into every decision"
    )
    max_event_age: timedelta = Field(
        timedelta(hours=72), description="an older order event is held (TIME_IMPLAUSIBLE)"
    )
    snapshot_every: timedelta = Field(
        timedelta(seconds=60), description="how often the folds write snapshots; 0: never"
    )
    require_screening: bool = Field(
        default=True, description="a party without a clear screening holds (PARTY_UNSCREENED)"
    )
    cn: Literal["reported", "gazetted", "both"] = Field(
        "reported", description="which reading of the Chinese lists; who ships from China: both"
    )
    canary_every_s: int = Field(
        0, ge=0, description="seconds between synthetic orders through the pipeline; 0: none"
    )
    http_host: str = Field("127.0.0.1", description="where /livez, /readyz and /metrics listen")
    http_port: int = Field(0, description="0 chooses a free port")
    instance: str = Field("", description="name of this process in logs and client ids")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    crash_point: str = Field(
        "", description="tests: kill the process at this named point (stage:point:count)"
    )


@lru_cache
def settings() -> Settings:
    """Read the environment once."""
    return Settings()
