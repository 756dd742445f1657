"""The `exportgate` command. One file a group of commands; nothing heavy is imported up front."""


def main() -> None:
    """Run the command line."""
    from services.cli.app import main as run

    run()
