"""Who can reach what a server opens: this machine alone, unless somebody says otherwise."""

import re
from pathlib import Path

import pytest

from tests.server import LiveServer

pytestmark = [pytest.mark.live, pytest.mark.linux]

LISTENING = "0A"
# As the kernel writes 127.0.0.1, ::1 and ::ffff:127.0.0.1.
LOOPBACK = {"0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"}


def own_sockets(pid: int) -> set[str]:
    """The inodes of the sockets that a process has open."""
    links = []
    for open_file in Path(f"/proc/{pid}/fd").iterdir():
        try:
            links.append(str(open_file.readlink()))
        except FileNotFoundError:  # closed meanwhile
            continue
    return {found[1] for link in links if (found := re.fullmatch(r"socket:\[(\d+)\]", link))}


def listening(pid: int) -> list[str]:
    """The addresses, in hexadecimal, at which a process listens."""
    own, found = own_sockets(pid), []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == LISTENING and columns[9] in own:
                found.append(columns[1].partition(":")[0])
    return found


def test_by_default_only_this_machine_reaches_the_server(live: LiveServer) -> None:
    assert live.process
    addresses = listening(live.process.pid)
    assert addresses
    assert set(addresses) <= LOOPBACK
