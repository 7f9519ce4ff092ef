"""Whether every row of the last runs has reached its floor; the exit status says so, and names are printed."""

import json
import sys

from benchmarks.report import RESULTS, Row


def main() -> int:
    if not RESULTS.exists():
        print("Nothing has been measured yet: run `make bench` first.")
        return 1
    rows = [Row(**row) for row in json.loads(RESULTS.read_text(encoding="utf-8"))]
    below = [row for row in rows if not row.is_reached]
    for row in below:
        figure = row.ours if row.ratio is None else row.ratio
        print(f"below its floor: {row.row}: {figure:g}, {'at most' if row.less else 'at least'} {row.floor:g}")
    print(f"{len(rows) - len(below)} of {len(rows)} rows reach their floor.")
    return 1 if below else 0


if __name__ == "__main__":
    sys.exit(main())
