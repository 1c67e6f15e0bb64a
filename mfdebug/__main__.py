"""`python -m mfdebug` and the `mfdebug` command."""

import os
import signal
import sys


def main() -> int:
    """Run the command line; a signal ends it as a signal does, without a traceback."""
    from mfdebug.signals import EndedBySignal, end_by

    try:
        from mfdebug.cli.main import main as command_line

        return command_line()
    except EndedBySignal as end:
        end_by(end.number)
    except KeyboardInterrupt:
        end_by(signal.SIGINT)


def _leave_out_the_working_folder() -> None:
    """Import nothing of ours from where a program has modules of its own, a miniflow.py say.

    `python -m` puts the working folder in front of all others.
    """
    ours = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if sys.path and os.path.abspath(sys.path[0]) != ours:
        del sys.path[0]


if __name__ == "__main__":
    _leave_out_the_working_folder()
    sys.exit(main())
