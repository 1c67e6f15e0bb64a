"""`python -m mfdebug` and the `mfdebug` command."""

import gc
import os
import signal
import sys


def main() -> int:
    """Run the command line; if a signal ends it, exit by that signal, without a traceback."""
    from mfdebug.loading import loading

    with loading():
        from mfdebug.signals import EndedBySignal, end_by

        try:
            from mfdebug.cli.main import main as command_line

            return command_line()
        except EndedBySignal as end:
            end_by(end.number)
        except KeyboardInterrupt:
            end_by(signal.SIGINT)
        finally:
            # The memory is freed with the process; looking for garbage at exit took 80 ms.
            gc.freeze()


def _remove_working_directory() -> None:
    """Remove the working directory, which may have a miniflow.py of its own, from `sys.path`.

    `python -m` inserts the working directory at the front.
    """
    ours = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if sys.path and os.path.abspath(sys.path[0]) != ours:
        del sys.path[0]


if __name__ == "__main__":
    _remove_working_directory()
    sys.exit(main())
