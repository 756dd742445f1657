"""Make the golden archive of this release: `python -m tests.golden.make`.

Once a release is out its archive is never made again: later releases must verify it as it is.
"""

import shutil
from pathlib import Path

from tests.support.archives import archived, years

FOLDER = Path(__file__).parent / "archive-0.1.0"


def main() -> None:
    """Write the archive anew."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    archived(FOLDER, years(8, 36, partitions=2))


if __name__ == "__main__":
    main()
