"""The command line: `exportgate --help`. Exit codes: 0 done, 1 bad input, 2 usage, 3 unusable."""

import sys
from typing import Annotated, Any

import structlog
import typer
from pydantic import ValidationError

from services.classification.source import PolicyError
from services.runtime.errors import Unavailable, Unusable
from services.runtime.settings import settings

EXIT_USAGE = 2
EXIT_UNUSABLE = 3
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The gate between an order book and the loading dock: classify, check, release or hold.",
)


@app.callback()
def _group() -> None:
    """Keep `run` a command of its own, however few commands there are."""


@app.command()
def run(
    service: Annotated[str, typer.Argument(help="classification, license-check or hold-release")],
) -> None:
    """Run one service until stopped (SIGTERM: finishes its batch, remembers, commits, leaves)."""
    from services.runtime.app import runtime
    from services.runtime.worker import host

    wiring = _wiring(service)
    started = runtime(service, wiring.TOPICS, settings())
    host(service, lambda: wiring.pumps(started), settings())


def _wiring(service: str) -> Any:
    from importlib import import_module

    modules = {
        "classification": "services.classification.service",
        "license-check": "services.license_check.service",
        "hold-release": "services.hold_release.service",
    }
    if service not in modules:
        raise typer.BadParameter(f"{service!r} is none of {', '.join(modules)}")
    return import_module(modules[service])


def _register() -> None:
    """Put the groups of commands together."""
    from services.cli import (
        activation,
        archive,
        check,
        config,
        demo,
        holds,
        license_acts,
        orders,
        prices,
        products,
        prove,
        rates,
        status,
        verify,
        what_if,
    )  # fmt: skip

    app.command()(check.check)
    app.command()(demo.demo)
    app.command()(verify.verify)
    app.command()(prove.prove)
    app.command("what-if")(what_if.what_if)
    app.command("proof-check")(prove.proof_check)
    app.add_typer(archive.app, name="archive")
    app.add_typer(orders.app, name="orders")
    app.add_typer(license_acts.register(), name="licenses")
    app.add_typer(products.app, name="products")
    app.add_typer(rates.app, name="rates")
    app.add_typer(holds.app, name="holds")
    app.add_typer(activation.register(), name="policy")
    app.add_typer(prices.app, name="prices")
    app.command()(status.status)
    app.add_typer(config.config, name="config")
    app.add_typer(config.valve, name="valve")


def configure_logs(level: str) -> None:
    """Write logs as JSON lines on stderr, in UTC."""
    import logging

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level)),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def main() -> None:
    """Run the command; turn what a dependency did wrong into exit code 3 and one sentence."""
    try:
        configure_logs(settings().log_level)
    except ValidationError as error:
        for fault in error.errors():
            variable = f"EXPORTGATE_{str(fault['loc'][0]).upper()}"
            sys.stderr.write(f"exportgate: {variable}={fault['input']!r}: {fault['msg']}\n")
        sys.exit(EXIT_USAGE)
    _register()
    try:
        app()
    except (Unusable, Unavailable) as error:
        sys.stderr.write(f"exportgate: {error}\n")
        sys.exit(EXIT_UNUSABLE)
    except PolicyError as error:
        sys.stderr.write(f"exportgate: pack unusable: {error}\n")
        sys.exit(EXIT_UNUSABLE)
