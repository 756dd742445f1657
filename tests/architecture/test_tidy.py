"""The tree keeps its own rules; and each rule is shown to catch what it is for."""

from pathlib import Path, PurePosixPath

import pytest

from tests.architecture import checks
from tests.architecture.checks import Check, Source

ROOT = Path(__file__).resolve().parents[2]
PURE = "services/license_check/coverage.py"
SERVICE = "services/license_check/service.py"
LONG_FUNCTION = "def long():\n" + "    x = 1\n" * checks.FUNCTION_LINES_MAX
DO_LATER = "TO" + "DO"


@pytest.mark.parametrize("check", checks.PYTHON_CHECKS, ids=lambda check: check.__name__)
def test_every_python_file_keeps_the_rule(check: Check) -> None:
    wrong = [f"{each.path}:{what}" for each in python_files() for what in check(each)]

    assert not wrong, f"{check.__doc__}\n" + "\n".join(wrong)


def test_every_document_has_one_title() -> None:
    documents = checks.sources(ROOT, ".md")
    wrong = [f"{each.path}:{what}" for each in documents for what in checks.one_title(each)]

    assert not wrong, "\n".join(wrong)


def test_the_runtime_catches_every_exception_at_most_once() -> None:
    assert len(broad_in_runtime(python_files())) <= 1


def test_the_tree_is_seen() -> None:
    seen = {str(each.path) for each in python_files()}

    assert {"schemas/topics.py", "tests/architecture/test_tidy.py"} <= seen
    assert not [path for path in seen if ".venv" in path or ".local" in path]


BAD: list[tuple[Check, str, str]] = [
    (checks.pure_imports, PURE, "import os"),
    (checks.pure_imports, PURE, "import os.path"),
    (checks.pure_imports, PURE, "from pathlib import Path"),
    (checks.pure_imports, PURE, "def late():\n    import random"),
    (checks.pure_imports, PURE, "import requests"),
    (checks.pure_imports, PURE, "from services.runtime import settings"),
    (checks.pure_imports, PURE, "from services.hold_release import gate"),
    (checks.pure_imports, PURE, "from services.license_check import service"),
    (checks.pure_imports, PURE, "from . import service"),
    (checks.pure_imports, PURE, "from ..runtime import settings"),
    (checks.pure_imports, "services/hold_release/new.py", "import asyncio"),
    (checks.pure_imports, "services/classification/policy.py", "import io"),
    (checks.pure_calls, PURE, "from datetime import datetime\nx = datetime.now()"),
    (checks.pure_calls, PURE, "import datetime\nx = datetime.date.today()"),
    (checks.pure_calls, PURE, "import uuid\nx = uuid.uuid4()"),
    (checks.pure_calls, PURE, "x = open('file')"),
    (checks.pure_calls, PURE, "x = 0.5"),
    (checks.pure_calls, PURE, "x = 1e3"),
    (checks.pure_calls, PURE, "x = float('1')"),
    (checks.stages_apart, SERVICE, "from services.hold_release import gate"),
    (checks.stages_apart, SERVICE, "from services import hold_release"),
    (checks.stages_apart, SERVICE, "import services.desk.pages"),
    (checks.stages_apart, "services/runtime/worker.py", "from services.cli import app"),
    (checks.runtime_alone, SERVICE, "import confluent_kafka"),
    (checks.runtime_alone, SERVICE, "from redis.asyncio import Redis"),
    (checks.runtime_alone, "services/cli/app.py", "def late():\n    import faust"),
    (checks.runtime_alone, "services/desk/pages.py", "import prometheus_client"),
    (checks.runtime_alone, "schemas/topics.py", "from mode import Service"),
    (checks.archive_alone, "services/cli/archive.py", "import pyarrow.parquet"),
    (checks.replay_reads, "services/replay/verify.py", "from services.runtime.sink import Sink"),
    (checks.replay_reads, "services/replay/new.py", "from services.runtime import client"),
    (checks.archive_alone, "services/runtime/log.py", "import duckdb"),
    (checks.schemas_below_all, "schemas/topics.py", "from services.runtime import settings"),
    (checks.schemas_below_all, "schemas/topics.py", "import infra.kafka.topics"),
    (checks.file_size, SERVICE, "x = 1\n" * (checks.FILE_LINES_MAX + 1)),
    (checks.function_size, SERVICE, LONG_FUNCTION),
    (checks.function_size, "tests/unit/test_x.py", f"async {LONG_FUNCTION}"),
    (checks.function_size, SERVICE, "@wrap\n" + LONG_FUNCTION.replace("    x = 1\n", "", 1)),
    (checks.markers, SERVICE, f"x = 1  # {DO_LATER}: later"),
    (checks.markers, "tests/unit/test_x.py", f"# {'FIX' + 'ME'}"),
    (checks.markers, "infra/x.py", f"# {'X' * 3} why"),
    (checks.sleeps, "tests/unit/test_x.py", "import time\ntime.sleep(1)"),
    (checks.sleeps, "tests/unit/test_x.py", "from time import sleep"),
    (checks.catches_all, SERVICE, "try:\n    x()\nexcept Exception:\n    pass"),
    (
        checks.catches_all,
        "tests/unit/test_x.py",
        "try:\n    x()\nexcept (OSError, Exception):\n    y()",
    ),
    (checks.catches_all, "infra/x.py", "try:\n    x()\nexcept:\n    pass"),
    (checks.one_title, "README.md", "exportgate"),
    (checks.one_title, "README.md", "\n# exportgate"),
    (checks.one_title, "README.md", "## exportgate"),
    (checks.one_title, "README.md", "# exportgate\n\n# Again"),
    (checks.one_title, "README.md", ""),
]


@pytest.mark.parametrize(("check", "path", "text"), BAD)
def test_a_rule_catches_what_it_is_for(check: Check, path: str, text: str) -> None:
    assert list(check(source(path, text)))


GOOD: list[tuple[Check, str, str]] = [
    (checks.pure_imports, PURE, "import uuid\nfrom decimal import Decimal\nimport schemas"),
    (checks.pure_imports, PURE, "from services.license_check.units import mass\nimport pint"),
    (checks.pure_imports, PURE, "from . import units"),
    (checks.pure_imports, SERVICE, "import os\nfrom services.runtime import worker"),
    (checks.pure_calls, PURE, "import uuid\nx = uuid.uuid5(uuid.NAMESPACE_URL, 'a'), 1, 10**3"),
    (checks.pure_calls, SERVICE, "x = 0.5"),
    (checks.stages_apart, SERVICE, "from services.license_check import ledger"),
    (checks.stages_apart, "services/replay/verify.py", "from services.hold_release import gate"),
    (checks.stages_apart, "services/cli/app.py", "from services.hold_release import gate"),
    (checks.runtime_alone, "services/runtime/source.py", "import confluent_kafka"),
    (checks.runtime_alone, "infra/kafka/topics.py", "import confluent_kafka"),
    (checks.archive_alone, "services/replay/segments.py", "import pyarrow as pa"),
    (checks.replay_reads, "services/replay/log.py", "from services.runtime.source import Reader"),
    (checks.file_size, SERVICE, "x = 1\n" * checks.FILE_LINES_MAX),
    (checks.markers, SERVICE, f"x = '{DO_LATER}'  # a word in a text"),
    (checks.sleeps, "infra/x.py", "import time\ntime.sleep(1)"),
    (checks.catches_all, SERVICE, "try:\n    x()\nexcept ValueError:\n    pass"),
    (checks.one_title, "README.md", "# exportgate\n\n```sh\n# a comment\n```\n## More"),
]


@pytest.mark.parametrize(("check", "path", "text"), GOOD)
def test_a_rule_lets_pass_what_it_is_not_for(check: Check, path: str, text: str) -> None:
    assert not list(check(source(path, text)))


def test_a_second_broad_except_in_the_runtime_is_counted() -> None:
    broad = "try:\n    x()\nexcept Exception:\n    y()\n"
    files = [source("services/runtime/a.py", broad), source("services/runtime/b.py", broad)]

    assert not list(checks.catches_all(files[0]))
    assert broad_in_runtime(files) == ["services/runtime/a.py:3", "services/runtime/b.py:3"]


def python_files() -> list[Source]:
    """All Python in the tree."""
    return checks.sources(ROOT, ".py")


def broad_in_runtime(files: list[Source]) -> list[str]:
    """Where the runtime catches every Exception."""
    return [
        f"{each.path}:{line}"
        for each in files
        if each.in_runtime
        for line in checks.broad_excepts(each)
    ]


def source(path: str, text: str) -> Source:
    """A file that is not there."""
    return Source(PurePosixPath(path), text)
