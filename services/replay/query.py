"""Questions to an archive in SQL: DuckDB over the segments that the manifest names."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import duckdb

from services.replay.errors import ArchiveError
from services.replay.manifest import Manifest

# What cannot be read is in the log too: it is NULL in the views, and does not fail them.
_RECORDS: Final = """
CREATE VIEW records AS
SELECT split_part(replace(filename, $root, ''), '/', 1) AS topic,
       split_part(replace(filename, $root, ''), '/', 2)::INTEGER AS partition,
       "offset", make_timestamp_ms("timestamp") AS logged_at, key, value,
       TRY(decode(list_filter(headers, lambda h: h.name = 'ce_id')[1].value)) AS id,
       TRY(decode(list_filter(headers, lambda h: h.name = 'ce_source')[1].value)) AS source,
       TRY(decode(list_filter(headers, lambda h: h.name = 'ce_type')[1].value)) AS type
FROM read_parquet($files, filename = true)
"""
VIEWS: Final = {
    "events": """
CREATE VIEW events AS
SELECT DISTINCT ON (topic, source, id) topic, partition, "offset", logged_at,
       TRY(decode(key)) AS key, type, source, id, TRY_CAST(TRY(decode(value)) AS JSON) AS event
FROM records WHERE type IS NOT NULL AND topic NOT LIKE '%.dlt'
ORDER BY topic, source, id, partition, "offset"
""",
    "decisions": """
CREATE VIEW decisions AS
SELECT key AS "order", TRY_CAST(event->>'seq' AS INTEGER) AS seq, event->>'decision' AS decision,
       TRY_CAST(event->>'revision' AS INTEGER) AS revision, logged_at,
       event->>'valid_until' AS valid_until,
       event->'reasons' AS reasons, event->'licenses' AS licenses, event->>'decision_id' AS id
FROM events WHERE topic = 'orders.decisions' AND event->>'decision' IS NOT NULL
""",
    "standing": """
CREATE VIEW standing AS
SELECT DISTINCT ON ("order") * FROM decisions ORDER BY "order", seq DESC
""",
    "decisions_by_day": """
CREATE VIEW decisions_by_day AS
SELECT logged_at::DATE AS day, decision, count(*) AS decisions, count(DISTINCT "order") AS orders
FROM decisions GROUP BY ALL ORDER BY day, decision
""",
    "holds_by_reason": """
CREATE VIEW holds_by_reason AS
SELECT reason->>'code' AS reason, coalesce(reason->>'regime', '') AS regime,
       count(DISTINCT "order") AS orders_ever,
       count(DISTINCT CASE WHEN stands THEN "order" END) AS orders_now
FROM (SELECT d."order", d.seq = s.seq AS stands,
             unnest(from_json(d.reasons, '["JSON"]')) AS reason
      FROM decisions d JOIN standing s USING ("order") WHERE d.decision = 'HELD')
GROUP BY ALL ORDER BY orders_ever DESC, reason, regime
""",
    "draw_down": """
CREATE VIEW draw_down AS
SELECT event->>'license_id' AS license, date_trunc('month', logged_at)::DATE AS month,
       count(*) FILTER (type LIKE '%.granted.v1' AND event->>'result' = 'granted') AS grants,
       count(*) FILTER (event->>'operation' = 'settle') AS settlements,
       count(*) FILTER (event->>'operation' = 'void') AS voids,
       count(*) FILTER (type LIKE '%.refused.v1') AS refusals,
       arg_max(after->>'quantity', told) AS quantity_left, arg_max(after->>'unit', told) AS unit,
       arg_max(after->>'value', told) AS value_left, arg_max(after->>'currency', told) AS currency
FROM (SELECT *, event->'balance_after' AS after,
             TRY_CAST(event->>'ledger_offset' AS BIGINT) AS told FROM events)
WHERE topic = 'orders.checks' AND told IS NOT NULL
GROUP BY ALL ORDER BY license, month
""",
}
"""Ready views, in the order they build on one another."""
READY: Final = {
    "decisions": "decisions_by_day", "holds": "holds_by_reason", "draw-down": "draw_down",
}  # fmt: skip


def ask(manifest: Manifest, sql: str) -> tuple[list[str], Sequence[tuple[Any, ...]]]:
    """Run a query over the views; give its columns and rows. Raises ArchiveError, saying why not.

    One SELECT, which can read the archive's files and nothing else: no other file, no network.
    """
    root = Path(manifest.root).resolve()
    files = [str(root / entry["path"]) for found in manifest.segments().values() for entry in found]
    if not files:
        raise ArchiveError(f"{manifest.root} has no records yet")
    connection = duckdb.connect(
        ":memory:", config={"autoinstall_known_extensions": False, "threads": 2}
    )
    try:
        statements = duckdb.extract_statements(sql)
        if [each.type for each in statements] != [duckdb.StatementType.SELECT]:
            raise ArchiveError("only one SELECT is answered: an archive is never written to")
        connection.execute(_bound(_RECORDS, files, f"{root}/"))
        for statement in VIEWS.values():
            connection.execute(statement)
        connection.execute("SET allowed_directories = [?]", [f"{root}/"])
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        connection.execute(sql)
        columns = [column[0] for column in connection.description or ()]
        return columns, connection.fetchall()
    except duckdb.Error as error:
        raise ArchiveError(f"the query failed: {error}") from error
    finally:
        connection.close()


def _bound(statement: str, files: list[str], root: str) -> str:
    """Put file names into a view, which takes no parameters."""
    listed = ", ".join(_quoted(file) for file in files)
    return statement.replace("$files", f"[{listed}]").replace("$root", _quoted(root))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
