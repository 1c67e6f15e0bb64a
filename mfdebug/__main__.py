"""`python -m mfdebug` and the `mfdebug` command."""

import sys

from mfdebug.cli import main

if __name__ == "__main__":
    sys.exit(main())
