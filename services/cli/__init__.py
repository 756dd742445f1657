"""The `exportgate` command. One file a group of commands; nothing heavy is imported up front."""

from services.cli.app import main

__all__ = ["main"]
