"""`python -m formulas.engine COMMAND`: reads standard input, writes standard output."""

import sys

from formulas.engine.command import answer
from formulas.engine.native import set_up

if __name__ == "__main__":
    if sys.argv[1:] == ["compile"]:
        set_up()
        sys.exit(0)
    source = sys.stdin.buffer.read().decode("utf-8", errors="surrogateescape")
    output, status = answer(sys.argv[1:], source)
    sys.stdout.write(output + "\n")
    sys.exit(status)
