"""How the servers of these tests are set up: a market that stands still, and their own backends or none."""

from dataclasses import dataclass
from pathlib import Path

from tests.chaos.backends import PrivatePostgres, PrivateRedis
from tests.chaos.population import Population
from tests.chaos.readers import Reader
from tests.server import LiveServer

QUIET = {"REPLAY_INTERVAL": "3600", "BAR_BROADCASTER_ENABLED": "false", "BROADCASTS_PER_MINUTE": "1000000"}
# Also where the suite itself runs on PostgreSQL and Redis.
EMBEDDED = {**QUIET, "DATABASE_URL": "", "REDIS_URL": ""}


def on_backends(postgres: PrivatePostgres, redis: PrivateRedis | None = None) -> dict[str, str]:
    return {**QUIET, "DATABASE_URL": postgres.url, "REDIS_URL": redis.url if redis else ""}


@dataclass(frozen=True)
class Site:
    """A server and those who live there."""

    server: LiveServer
    people: Population

    @property
    def pid(self) -> int:
        assert self.server.process
        return self.server.process.pid

    def readers(self, count: int) -> list[Reader]:
        return readers(self.people, count, [self.server.port])

    def megabytes(self) -> float:
        """Resident memory of the server."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def readers(people: Population, count: int, ports: list[int]) -> list[Reader]:
    """So many, of all people and on all ports in turn."""
    found = []
    for number in range(count):
        person, token = people.people[number % len(people.people)]
        turn = number // len(people.people) % len(ports)
        found.append(Reader(person, token, ports[turn:] + ports[:turn]))
    return found
