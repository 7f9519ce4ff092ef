"""What every reader must have in the end: each notification addressed to them, once, in order."""

from tests.chaos.population import Tables
from tests.chaos.readers import Crowd, Reader, until

WITHIN = 30.0


def missing(reader: Reader, tables: Tables) -> str:
    """In what `reader` differs from the tables; empty where in nothing."""
    for name in tables.whose[reader.person]:
        wanted = tables.told.get(name, [])[reader.began.get(name, 0) :]
        got = [told.title for told in reader.told.get(name, [])]
        if got != wanted:
            return f"{name} from {reader.began.get(name)}: {len(got)} of {len(wanted)}, closed with {reader.closes}"
    return ""


def check_complete(crowd: Crowd, tables: Tables, acknowledged: set[str], within: float = WITHIN) -> None:
    """Wait until everybody has everything; fails where something is missing, doubled, out of order or was reset."""
    titles = [title for rows in tables.told.values() for title in rows]
    assert acknowledged <= set(titles), "something was acknowledged and is not there"
    assert len(titles) == len(set(titles)), "something was written twice"

    def incomplete() -> list[str]:
        return [found for reader in crowd.readers if (found := missing(reader, tables))]

    until(lambda: not incomplete(), within, lambda: f"{len(incomplete())} readers lack something: {incomplete()[:3]}")
    assert not crowd.faults(), crowd.faults()[:5]
    for reader in crowd.readers:
        kept = tables.receipts.get(reader.person, {})
        lost = {name: seq for name, seq in reader.acknowledged.items() if kept.get(name, 0) < seq}
        assert not lost, f"{lost} was taken down as received, and {kept} is kept"
