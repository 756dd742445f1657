"""Who the broker is, and whether its topics are as the log must be (`design` §4)."""

from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from schemas.topics import BY_NAME, Topic
from services.runtime.errors import Unusable

TIMEOUT_S: Final = 8.0
_MANY_BROKERS: Final = 3


@dataclass(frozen=True, slots=True)
class Cluster:
    """What identifies a log: the cluster, and each topic's id and partition count."""

    cluster_id: str
    topic_ids: dict[str, str]
    partitions: dict[str, int]
    brokers: int


def connect(bootstrap: str, topics: list[Topic], *, embedded: bool) -> Cluster:
    """Look the cluster up and check every topic's settings. Raises Unusable, naming what is off."""
    admin = AdminClient(
        {"bootstrap.servers": bootstrap, "log_level": 2, "socket.timeout.ms": 6_000}
    )
    try:
        metadata = admin.list_topics(timeout=TIMEOUT_S)
    except KafkaException as error:
        raise Unusable(f"no broker answers at {bootstrap}: {error}") from error
    missing = [topic.name for topic in topics if topic.name not in metadata.topics]
    if missing:
        raise Unusable(f"topics are missing: {', '.join(missing)} (create them: `make up`)")
    partitions = {topic.name: len(metadata.topics[topic.name].partitions) for topic in topics}
    if embedded:
        return Cluster("embedded", {topic.name: topic.name for topic in topics}, partitions, 1)
    _check_partitions(topics, partitions)
    _check_settings(admin, topics, brokers=len(metadata.brokers))
    return Cluster(
        metadata.cluster_id or "unknown", _topic_ids(admin, topics), partitions,
        len(metadata.brokers),
    )  # fmt: skip


def _topic_ids(admin: AdminClient, topics: list[Topic]) -> dict[str, str]:
    described = admin.describe_topics(TopicCollection([topic.name for topic in topics]))
    return {name: str(future.result(TIMEOUT_S).topic_id) for name, future in described.items()}


def _check_partitions(topics: list[Topic], partitions: dict[str, int]) -> None:
    for topic in topics:
        if partitions[topic.name] != topic.partitions:
            raise Unusable(
                f"{topic.name} has {partitions[topic.name]} partitions instead of "
                f"{topic.partitions}: one order's events would not stay in one order"
            )


def _check_settings(admin: AdminClient, topics: list[Topic], *, brokers: int) -> None:
    resources = [ConfigResource(ResourceType.TOPIC, topic.name) for topic in topics]
    try:
        described: dict[str, dict[str, Any]] = {
            resource.name: future.result(TIMEOUT_S)
            for resource, future in admin.describe_configs(resources).items()
        }
    except KafkaException as error:
        raise Unusable(f"the topics' settings cannot be read: {error}") from error
    wrong = [
        f"{name}: {setting} is {actual!r}, must be {wanted!r}"
        for name, found in described.items()
        for setting, wanted in _wanted(BY_NAME[name], brokers).items()
        if (actual := found[setting].value) != wanted
    ]
    if wrong:
        raise Unusable("the log would not be kept: " + "; ".join(wrong))


def _wanted(topic: Topic, brokers: int) -> dict[str, str]:
    if brokers < _MANY_BROKERS:
        return topic.config
    durable = {"min.insync.replicas": "2", "unclean.leader.election.enable": "false"}
    return {**topic.config, **durable}
