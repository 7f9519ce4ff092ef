"""`python -m formulas.engine COMMAND`: reads standard input, writes standard output."""

import os
import sys

from formulas.engine.command import BAD_USE, answer
from formulas.engine.native import set_up


def converse() -> int:
    """Answer what standard input asks, and give the exit status; nobody is left with a traceback."""
    source = sys.stdin.buffer.read().decode("utf-8", errors="surrogateescape") if sys.stdin else ""
    output, status = answer(sys.argv[1:], source)
    if not sys.stdout:
        return BAD_USE
    try:
        sys.stdout.write(output + "\n")
        sys.stdout.flush()
    except OSError as error:
        # Nobody reads, or the disk is full: Python would try once more when it ends, and fail with many words.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.stderr.write(f"the answer could not be written: {error.strerror}\n")
        return BAD_USE
    return status


if __name__ == "__main__":
    if sys.argv[1:] == ["compile"]:
        set_up()
        sys.exit(0)
    sys.exit(converse())
