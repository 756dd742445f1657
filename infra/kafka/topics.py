"""Make the topics exist, as `schemas.topics` says they must be."""

import os
import time
from collections.abc import Collection, Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from schemas.topics import TOPICS, Topic

DEADLINE_S = 60
REQUEST_S = 10
POLL_S = 0.05
SAFE_REPLICATION = 3
"""From here on a write can insist on a second copy and still survive one broker's loss."""


class TopicsNotReady(RuntimeError):  # noqa: N818 - reads as what happened
    """The topics were not as asked for within the deadline."""


def create_topics(bootstrap: str, *, replication: int = 1, partitions: int | None = None) -> None:
    """Create every topic that is missing and wait until each partition has a leader.

    A topic that exists is left alone: the services compare its settings when they start.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap})
    present = admin.list_topics(timeout=REQUEST_S).topics
    missing = [topic for topic in TOPICS if topic.name not in present]
    if missing:
        wanted = [_new_topic(topic, replication, partitions) for topic in missing]
        _settle(admin.create_topics(wanted, request_timeout=REQUEST_S), _ALREADY_THERE)
    _wait_for_leaders(admin)
    _wait_for_answers(admin)


def delete_topics(bootstrap: str) -> None:
    """Delete every topic of ours and wait until the broker no longer knows them."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    names = [topic.name for topic in TOPICS]
    present = [name for name in names if name in admin.list_topics(timeout=REQUEST_S).topics]
    if present:
        _settle(admin.delete_topics(present, request_timeout=REQUEST_S), _ALREADY_GONE)
    end = time.monotonic() + DEADLINE_S
    while left := set(names) & set(admin.list_topics(timeout=REQUEST_S).topics):
        if time.monotonic() > end:
            raise TopicsNotReady(f"still there after {DEADLINE_S} s: {sorted(left)}")
        time.sleep(POLL_S)


def touch_topics(bootstrap: str) -> None:
    """Make the topics exist on the mock broker, which creates what it is asked about."""
    client = Producer({"bootstrap.servers": bootstrap})
    for topic in TOPICS:
        client.list_topics(topic.name, timeout=REQUEST_S)
    _wait_for_leaders(client)


def _new_topic(topic: Topic, replication: int, partitions: int | None) -> NewTopic:
    config = dict(topic.config)
    if replication >= SAFE_REPLICATION:
        config |= {"min.insync.replicas": "2", "unclean.leader.election.enable": "false"}
    return NewTopic(
        topic.name,
        num_partitions=partitions or topic.partitions,
        replication_factor=replication,
        config=config,
    )


_ALREADY_THERE = frozenset({KafkaError.TOPIC_ALREADY_EXISTS})
_ALREADY_GONE = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART})


def _settle(answers: Mapping[str, Any], harmless: Collection[int]) -> None:
    """Wait for each topic's answer; somebody else's equal wish granted first is no error."""
    for answer in answers.values():
        try:
            answer.result()
        except KafkaException as error:
            if error.args[0].code() not in harmless:
                raise


def _wait_for_leaders(client: AdminClient | Producer) -> None:
    end = time.monotonic() + DEADLINE_S
    while leaderless := _leaderless(client):
        if time.monotonic() > end:
            raise TopicsNotReady(f"without a leader after {DEADLINE_S} s: {leaderless}")
        time.sleep(POLL_S)


def _leaderless(client: AdminClient | Producer) -> list[str]:
    seen = client.list_topics(timeout=REQUEST_S).topics
    return [
        topic.name
        for topic in TOPICS
        if topic.name not in seen
        or not seen[topic.name].partitions
        or any(part.leader < 0 for part in seen[topic.name].partitions.values())
    ]


def _wait_for_answers(admin: AdminClient) -> None:
    end = time.monotonic() + DEADLINE_S
    while silent := silent_partitions(admin):
        if time.monotonic() > end:
            raise TopicsNotReady(f"do not answer after {DEADLINE_S} s: {silent}")
        time.sleep(POLL_S)


def silent_partitions(admin: AdminClient) -> list[str]:
    """Which partitions answer no request yet, and why.

    A leader is named a moment before the broker itself knows that it leads: so each is asked.
    """
    asked = {
        TopicPartition(name, number): OffsetSpec.latest()
        for name, topic in admin.list_topics(timeout=REQUEST_S).topics.items()
        for number in topic.partitions
    }
    if not asked:
        return []
    silent = []
    for place, answer in admin.list_offsets(asked, request_timeout=REQUEST_S).items():
        try:
            answer.result()
        except KafkaException as error:
            silent.append(f"{place.topic}/{place.partition}: {error}")
    return silent


def main() -> None:
    """Create the topics of the brokers in `EXPORTGATE_KAFKA_BOOTSTRAP` (a one-shot job)."""
    create_topics(
        os.environ["EXPORTGATE_KAFKA_BOOTSTRAP"],
        replication=int(os.environ.get("EXPORTGATE_REPLICATION", "1")),
    )


if __name__ == "__main__":
    main()
