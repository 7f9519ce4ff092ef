"""The live readers of a stream in companies: what many hear in the same words is said once and written straight out."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

from kernel.realtime.frames import Dialect, Message
from kernel.realtime.hub import SLICE
from kernel.realtime.outlets import Outlet

logger = logging.getLogger(__name__)

# So many companies more than their readers fill are left alone.
ROOM_FOR_LATECOMERS = 4


class Reader(ABC):
    """One socket's place in one stream; while it is in a `lane`, its position is the lane's."""

    __slots__ = ("_position", "is_live", "lane")

    def __init__(self, position: int) -> None:
        self._position = position
        self.is_live = False
        self.lane: Lane | None = None

    @property
    def position(self) -> int:
        """The last `seq` that was looked at."""
        return self.lane.position if self.lane else self._position

    @position.setter
    def position(self, seq: int) -> None:
        self._position = seq

    @property
    @abstractmethod
    def dialect(self) -> Dialect | None:
        """That in which it hears every row; none for one that chooses."""

    @property
    @abstractmethod
    def outlet(self) -> Outlet: ...

    @abstractmethod
    def take(self, seq: int, message: Message) -> None:
        """Send what is later than `position`, which moves on."""

    async def room(self) -> None:
        """Wait while the socket's queue is full."""
        await self.outlet.room()


class Lane:
    """Up to `SLICE` readers at one position who hear all in the same dialect, by connections of the same class."""

    __slots__ = ("_dialect", "_kind", "_outlets", "position")

    def __init__(self, reader: Reader, dialect: Dialect) -> None:
        self.position = reader.position
        self._dialect = dialect
        self._kind = type(reader.outlet)
        self._outlets: dict[Reader, Outlet] = {}
        self.add(reader)

    def __len__(self) -> int:
        return len(self._outlets)

    def __iter__(self) -> Iterator[Reader]:
        return iter(tuple(self._outlets))

    def fits(self, reader: Reader) -> bool:
        return (
            type(self._dialect) is type(reader.dialect)
            and self._kind is type(reader.outlet)
            and reader.position == self.position
            and len(self._outlets) < SLICE
        )

    def add(self, reader: Reader) -> None:
        self._outlets[reader] = reader.outlet
        reader.lane = self

    def remove(self, reader: Reader) -> bool:
        """Let `reader` go on by itself; whether it was in here."""
        if self._outlets.pop(reader, None) is None:
            return False
        reader.lane = None
        reader.position = self.position
        return True

    def take(self, seq: int, message: Message) -> None:
        """Send what is later than `position`, which moves on."""
        if seq <= self.position:
            return
        self.position = seq
        if text := message.in_dialect(self._dialect):
            self._kind.write_to_all(tuple(self._outlets.values()), text)


class Choosers:
    """Up to `SLICE` readers of which each has a filter of its own."""

    __slots__ = ("_readers",)

    def __init__(self, reader: Reader) -> None:
        self._readers: dict[Reader, None] = {reader: None}

    def __len__(self) -> int:
        return len(self._readers)

    def __iter__(self) -> Iterator[Reader]:
        return iter(tuple(self._readers))

    def fits(self, reader: Reader) -> bool:
        return reader.dialect is None and len(self._readers) < SLICE

    def add(self, reader: Reader) -> None:
        self._readers[reader] = None

    def remove(self, reader: Reader) -> bool:
        if reader not in self._readers:
            return False
        del self._readers[reader]
        return True

    def take(self, seq: int, message: Message) -> None:
        for reader in tuple(self._readers):
            try:
                reader.take(seq, message)
            except Exception:  # one reader's fault must not keep the row from the others
                logger.exception("a reader failed on a row")


class Companies:
    """All live readers of one stream."""

    def __init__(self) -> None:
        self._companies: list[Lane | Choosers] = []
        self._has_moved = False

    def __bool__(self) -> bool:
        return bool(self._companies)

    def __len__(self) -> int:
        return sum(map(len, self._companies))

    def add(self, reader: Reader) -> None:
        self._has_moved = True
        for company in self._companies:
            if company.fits(reader):
                company.add(reader)
                return
        dialect = reader.dialect
        self._companies.append(Choosers(reader) if dialect is None else Lane(reader, dialect))

    def remove(self, reader: Reader) -> None:
        for company in self._companies:
            if company.remove(reader):
                if not company:
                    self._companies.remove(company)
                return

    def take(self, seq: int, message: Message) -> None:
        """Hand a row to everybody at once; not for more than `SLICE`."""
        for company in tuple(self._companies):
            company.take(seq, message)

    async def take_in_turns(self, rows: Sequence[tuple[int, Message]]) -> None:
        """All rows to one company, then to the next: what each reader gets within a beat is one write."""
        self._has_moved = False
        for company in tuple(self._companies):
            for row in rows:
                company.take(*row)
            if len(self._companies) > 1:
                await asyncio.sleep(0)
        if self._has_moved:
            # Somebody may have gone over from a company that had not been served to one that had.
            for row in rows:
                self.take(*row)

    def gather(self) -> None:
        """Bring together those who came one by one while rows went out, and stand at the same position by now."""
        readers = [reader for company in self._companies for reader in company]
        if len(self._companies) > len(readers) // SLICE + ROOM_FOR_LATECOMERS:
            self._companies.clear()
            for reader in readers:
                if reader.lane:
                    reader.lane.remove(reader)
                self.add(reader)
