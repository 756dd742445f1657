"""What differs, and of which order: the folds asked once more where they did not agree."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from schemas.topics import LICENSES
from services.replay.errors import Finding
from services.replay.manifest import Place
from services.replay.reading import Archive, Headers
from services.replay.rederive import NAMED_MAX, differences, plain_of
from services.runtime.codec import Raw, Send

Captured = dict[int, list[Send]]
"""By offset of the cause: what the fold says there."""
Capture = Callable[[Archive, int, frozenset[int]], Captured]
EXPLAINED_MAX: Final = 200
"""More divergences than this are named without saying what differs."""


def explained(
    findings: list[Finding], ledger: Capture, gate: Capture, archive: Archive
) -> list[Finding]:
    """Say of folds that differ which order it is and what differs."""
    wanted: dict[Place, set[int]] = defaultdict(set)
    chosen = [each for each in findings if each.cause is not None][:EXPLAINED_MAX]
    for finding in chosen:
        place, offset = place_of(finding.cause or "")
        wanted[place].add(offset)
    said: dict[Place, Captured] = {}
    for place, offsets in wanted.items():
        capture = ledger if place[0] == LICENSES.name else gate
        said[place] = capture(archive, place[1], frozenset(offsets))
    known = {id(each) for each in chosen}
    return [_explained(each, said, archive) if id(each) in known else each for each in findings]


def place_of(text: str) -> tuple[Place, int]:
    """Split `topic/partition/offset`."""
    rest, _, offset = text.rpartition("/")
    topic, _, partition = rest.rpartition("/")
    return (topic, int(partition)), int(offset)


def _explained(finding: Finding, said: dict[Place, Captured], archive: Archive) -> Finding:
    place, offset = place_of(finding.cause or "")
    sends = said.get(place, {}).get(offset, [])
    recorded = None if finding.record == finding.cause else archive.raw_at(finding.record or "")
    if recorded is None:
        keys = {(send.key or b"").decode(errors="replace") for send in sends}
        return replace(finding, order=min(keys, default=finding.order))
    order = (recorded.key or b"").decode(errors="replace")
    return replace(finding, order=order, text=f"{finding.text}: {_words(recorded, sends)}")


def kind_of(headers: Headers) -> str:
    """A record's type in short: `reservation.granted`."""
    name = next((value for name, value in headers if name == "ce_type"), None) or b""
    return ".".join(name.decode(errors="replace").split(".")[1:3])


def _words(recorded: Raw, sends: list[Send]) -> str:
    """What differs from the most alike of what the fold says there."""
    alike = [send for send in sends if send.topic == recorded.topic and send.key == recorded.key]
    if not alike:
        return "the fold says nothing of it there"
    found = [list(differences(plain_of(recorded.value), plain_of(send.value))) for send in alike]
    kind = kind_of(recorded.headers)
    said = {kind_of(send.headers): plain_of(send.value) for send in alike}
    if kind not in said:
        others = [f"{name} {value.get('reason', '')}".strip() for name, value in said.items()]
        return f"recorded {kind}, the fold says {' and '.join(others)}"
    words = min(found, key=len) or ["the headers differ"]
    return "; ".join(words[:NAMED_MAX])
