"""The command ``penjing``: thin doors to the rooms, no logic of their own."""

import sys
import traceback


def main() -> None:
    """Run the command; an error of ours is one line and exit code 2, a traceback only under ``--debug``."""
    from penjing.cli.app import app
    from penjing.errors import PenjingError, explained_import

    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        try:
            app(arguments, prog_name="penjing")
        except ModuleNotFoundError as error:
            raise explained_import(error) from error
    except PenjingError as error:
        if debug:
            traceback.print_exc()
            raise SystemExit(2) from None
        sys.stderr.write(f"penjing: {error.message}\n")
        raise SystemExit(2) from None
    except OSError as error:
        if debug or error.filename is None:
            raise
        sys.stderr.write(
            f"penjing: {error.filename}: {error.strerror}. Check the path and its permissions.\n"
        )
        raise SystemExit(2) from None


__all__ = ["main"]
