"""Strict reading of YAML: every scalar a string, then typed; errors name file and line."""

from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

_Loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
M = TypeVar("M", bound=BaseModel)


class PolicyError(Exception):
    """A pack or lexicon that must not be used, with where it is wrong."""

    def __init__(self, source: str, line: int, message: str) -> None:
        super().__init__(f"{source}:{line}: {message}")
        self.source = source
        self.line = line
        self.message = message


Clause = tuple[tuple[str, bool], ...]
"""Facts that must hold (True) or must not (False), together."""


def parse_clause(value: object) -> object:
    """Read `a & b & !c`."""
    if not isinstance(value, str):
        return value
    parts = [part.strip() for part in value.split("&")]
    return tuple((part.lstrip("! "), not part.startswith("!")) for part in parts)


Lines = dict[tuple[str | int, ...], int]


def load_tree(text: str, source: str) -> tuple[Any, Lines]:
    """Read YAML into plain data with the line of every node; a key given twice is refused."""
    lines: Lines = {}
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise PolicyError(source, mark.line + 1 if mark else 1, str(error)) from error
    except RecursionError as error:
        raise PolicyError(source, 1, "the file is nested too deeply") from error
    if node is None:
        raise PolicyError(source, 1, "the file is empty")
    try:
        return _plain(node, (), lines, source), lines
    except RecursionError as error:
        raise PolicyError(source, 1, "the file is nested too deeply, or in itself") from error


def _plain(node: Any, path: tuple[str | int, ...], lines: Lines, source: str) -> Any:
    line = node.start_mark.line + 1
    lines[path] = line
    if isinstance(node, yaml.ScalarNode):
        return node.value
    if isinstance(node, yaml.SequenceNode):
        return [_plain(child, (*path, i), lines, source) for i, child in enumerate(node.value)]
    found: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise PolicyError(source, key.start_mark.line + 1, "a key must be plain text")
        if key.value in found:
            raise PolicyError(source, key.start_mark.line + 1, f"key {key.value!r} is given twice")
        found[key.value] = _plain(value, (*path, key.value), lines, source)
        lines[(*path, key.value)] = key.start_mark.line + 1
    return found


def line_of(lines: Lines, path: tuple[str | int, ...]) -> int:
    """Give the line of the nearest node that exists on a path."""
    for end in range(len(path), -1, -1):
        if path[:end] in lines:
            return lines[path[:end]]
    return 1


def load_model(text: str, source: str, model: type[M]) -> M:
    """Read YAML into a strict model."""
    tree, lines = load_tree(text, source)
    return validate(tree, lines, source, model)


def validate(tree: Any, lines: Lines, source: str, model: type[M]) -> M:
    """Type a tree; the first error is raised with its line."""
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise PolicyError(
            source, line_of(lines, first["loc"]), f"{where}: {first['msg']}"
        ) from error
