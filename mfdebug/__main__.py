"""`python -m mfdebug` and the `mfdebug` command."""

import os
import signal
import sys


def main() -> int:
    """Run the command line; an interrupt while it still loads ends it without a traceback."""
    try:
        from mfdebug.cli import main as command_line

        return command_line()
    except KeyboardInterrupt:
        # By the signal itself, so that a shell's loop around it ends too.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())
