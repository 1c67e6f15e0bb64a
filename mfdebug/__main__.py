"""`python -m mfdebug` and the `mfdebug` command."""

import signal
import sys

from mfdebug.signals import EndedBySignal, end_by


def main() -> int:
    """Run the command line; a signal ends it as a signal does, without a traceback."""
    try:
        from mfdebug.cli import main as command_line

        return command_line()
    except EndedBySignal as end:
        end_by(end.number)
    except KeyboardInterrupt:
        end_by(signal.SIGINT)


if __name__ == "__main__":
    sys.exit(main())
