"""The rules of the tree as functions from one source file to what is wrong in it."""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Final

FILE_LINES_MAX: Final = 400
FUNCTION_LINES_MAX: Final = 60
STAGES: Final = frozenset({"classification", "license_check", "hold_release", "desk"})
PURE_SERVICES: Final = frozenset({"classification", "license_check", "hold_release"})
PURE_LIBRARIES: Final = frozenset(
    {"rapidfuzz", "ahocorasick", "opencc", "pint", "chemparse", "iso3166"}
    | {"pydantic", "orjson", "yaml"}
)
RUNTIME_LIBRARIES: Final = frozenset(
    {"faust", "mode", "confluent_kafka", "redis", "prometheus_client"}
)
IMPURE_MODULES: Final = frozenset(
    {"os", "sys", "io", "socket", "time", "random", "secrets", "asyncio", "subprocess", "pathlib"}
    | {"logging", "threading", "multiprocessing", "concurrent", "tempfile", "shutil", "glob"}
    | {"urllib", "http", "ssl", "select", "selectors", "signal", "importlib", "ctypes", "sqlite3"}
)
IMPURE_CALLS: Final = frozenset(
    {"open", "print", "input", "eval", "exec", "__import__", "uuid1", "uuid4"}
    | {"now", "utcnow", "today"}
)
ARCHIVE_LIBRARIES: Final = frozenset({"pyarrow", "duckdb"})
WRITERS: Final = ("sink", "client", "pump", "worker")
"""Modules of the runtime that write to topics."""
MARKERS: Final = re.compile(r"\b(TODO|FIXME|XXX)\b")
SKIPPED_FOLDERS: Final = frozenset({".git", ".venv", ".local", "build", "dist", "node_modules"})


@dataclass(frozen=True)
class Source:
    """One file of the tree: where it lies, relative to the root, and its text."""

    path: PurePosixPath
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed Python."""
        return ast.parse(self.text)

    @property
    def in_runtime(self) -> bool:
        """Whether it belongs to the one package that does input and output."""
        return self.path.parts[:2] == ("services", "runtime")

    @property
    def pure(self) -> bool:
        """Whether it may only compute."""
        parts = self.path.parts
        inside = len(parts) > 2 and parts[0] == "services" and parts[1] in PURE_SERVICES
        return inside and self.path.name != "service.py"


Check = Callable[[Source], Iterator[str]]


def sources(root: Path, suffix: str) -> list[Source]:
    """Every file of a kind in the tree, without what is built, fetched or installed."""
    found = []
    for path in sorted(root.rglob(f"*{suffix}")):
        relative = PurePosixPath(path.relative_to(root).as_posix())
        if not any(_skipped(part) for part in relative.parts[:-1]):
            found.append(Source(relative, path.read_text(encoding="utf-8")))
    return found


def _skipped(folder: str) -> bool:
    return folder in SKIPPED_FOLDERS or folder.endswith((".egg-info", "_cache", "__pycache__"))


def imports(source: Source) -> Iterator[tuple[int, str]]:
    """Every module a file imports, also inside functions, with its line.

    `from a import b` counts as `a` and as `a.b`, which may be a module.
    """
    package = source.path.parts[:-1]
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*above, *([node.module] if node.module else [])))
            yield node.lineno, module
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def pure_imports(source: Source) -> Iterator[str]:
    """What computes imports only what computes."""
    if not source.pure:
        return
    own = f"services.{source.path.parts[1]}"
    for line, module in imports(source):
        top = module.partition(".")[0]
        if _below(module, f"{own}.service"):
            yield f"{line}: imports {module}, which is not pure"
        elif module == "services" or _below(module, own) or top in PURE_LIBRARIES | {"schemas"}:
            continue
        elif top in IMPURE_MODULES or top not in sys.stdlib_module_names:
            yield f"{line}: imports {module}; a pure module may not"


def pure_calls(source: Source) -> Iterator[str]:
    """What computes asks no clock, chance, file or terminal, and uses no floats."""
    if not source.pure:
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield f"{node.lineno}: the float {node.value}; use an int, Decimal or Fraction"
        elif isinstance(node, ast.Call):
            name = called(node)
            if name in IMPURE_CALLS:
                yield f"{node.lineno}: calls {name}(); the answer must come with the event"
            elif name == "float":
                yield f"{node.lineno}: calls float(); use Decimal"


def called(node: ast.Call) -> str:
    """The last part of what is called: `now` of `datetime.now()`."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def stages_apart(source: Source) -> Iterator[str]:
    """Stages meet only in `schemas`; and nothing but the command imports the command."""
    parts = source.path.parts
    if parts[0] != "services" or len(parts) < 3:
        return
    for line, module in imports(source):
        other = [*module.split("."), ""][1] if _below(module, "services") else ""
        if other == parts[1]:
            continue
        if (other in STAGES and parts[1] in STAGES) or other == "cli":
            yield f"{line}: imports {module}; services meet only in schemas"


def runtime_alone(source: Source) -> Iterator[str]:
    """Kafka, Redis, Faust and the metrics are touched by `services/runtime` alone."""
    if source.path.parts[0] not in {"services", "schemas", "policy"} or source.in_runtime:
        return
    for line, module in imports(source):
        if module.partition(".")[0] in RUNTIME_LIBRARIES:
            yield f"{line}: imports {module}, which belongs to services/runtime"


def archive_alone(source: Source) -> Iterator[str]:
    """Parquet and its queries are the business of `services/replay` alone."""
    parts = source.path.parts
    if parts[0] not in {"services", "schemas", "policy"} or parts[:2] == ("services", "replay"):
        return
    for line, module in imports(source):
        if module.partition(".")[0] in ARCHIVE_LIBRARIES:
            yield f"{line}: imports {module}, which belongs to services/replay"


def replay_reads(source: Source) -> Iterator[str]:
    """A replay has nothing to write with: it builds no sink, no producer, no pump."""
    if source.path.parts[:2] != ("services", "replay"):
        return
    for line, module in imports(source):
        if any(_below(module, f"services.runtime.{name}") for name in WRITERS):
            yield f"{line}: imports {module}; a replay only reads"


def schemas_below_all(source: Source) -> Iterator[str]:
    """The shared contract knows nobody who shares it."""
    if source.path.parts[0] != "schemas":
        return
    for line, module in imports(source):
        if module.partition(".")[0] in {"services", "infra", "tests"}:
            yield f"{line}: imports {module}; schemas may not"


def file_size(source: Source) -> Iterator[str]:
    """A file one can read in one go."""
    lines = len(source.text.splitlines())
    if lines > FILE_LINES_MAX:
        yield f"{lines} lines; at most {FILE_LINES_MAX}"


def function_size(source: Source) -> Iterator[str]:
    """A function one can see at once, docstring and decorators included."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            lines = (node.end_lineno or node.lineno) - first + 1
            if lines > FUNCTION_LINES_MAX:
                yield f"{node.lineno}: {node.name} has {lines} lines; at most {FUNCTION_LINES_MAX}"


def markers(source: Source) -> Iterator[str]:
    """What is left to do is written where it is planned, not in a comment."""
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        if token.type == tokenize.COMMENT and (found := MARKERS.search(token.string)):
            yield f"{token.start[0]}: {found[0]} in a comment"


def sleeps(source: Source) -> Iterator[str]:
    """A test waits for what it needs, with a deadline."""
    if source.path.parts[0] != "tests":
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "time.sleep":
            yield f"{node.lineno}: time.sleep(); wait for a condition, with a deadline"
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            names = {alias.name for alias in node.names}
            yield from (f"{node.lineno}: imports time.{name}" for name in names & {"sleep"})


def broad_excepts(source: Source) -> Iterator[int]:
    """The lines that catch every Exception."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler):
            caught = [] if node.type is None else ast.walk(node.type)
            names = {each.id for each in caught if isinstance(each, ast.Name)}
            if node.type is None or "Exception" in names:
                yield node.lineno


def catches_all(source: Source) -> Iterator[str]:
    """Only the runtime may catch what nobody foresaw, and it ends the process then."""
    if not source.in_runtime:
        for line in broad_excepts(source):
            yield f"{line}: catches every Exception; only services/runtime may, once"


def one_title(source: Source) -> Iterator[str]:
    """A document starts with its title and has no second one."""
    titles = list(_titles(source.text))
    if titles[:1] != [1]:
        yield "1: does not start with a title (`# …`)"
    for line in titles[1:]:
        yield f"{line}: a second title; use `##`"


def _titles(text: str) -> Iterator[int]:
    fenced = False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        elif not fenced and line.startswith("# "):
            yield number


def _below(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


PYTHON_CHECKS: Final[tuple[Check, ...]] = (
    pure_imports,
    pure_calls,
    stages_apart,
    runtime_alone,
    archive_alone,
    replay_reads,
    schemas_below_all,
    file_size,
    function_size,
    markers,
    sleeps,
    catches_all,
)
