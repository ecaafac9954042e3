"""A network of one's own, whose packets are lost: for programs that run under `ALONE`. Needs iproute2 and nftables."""

import shutil
import subprocess
from typing import Literal

import pytest

ALONE = ("unshare", "--net", "--map-root-user")
TABLE = "inet losses"
# Each packet passes the hook once, after it was sent and before anybody gets it.
CHAIN = f"add chain {TABLE} input {{ type filter hook input priority 0; }}"

Lost = Literal["udp", "everything"]


def need_network() -> None:
    """Skips where nobody may make a network, or nothing can drop packets in it."""
    if shutil.which("nft") is None:
        pytest.skip("nftables is not installed (packaging/apt-test.txt)")
    trial = f"ip link set lo up && nft 'add table {TABLE}; {CHAIN}; {_rule('udp', 20)}'"
    made = subprocess.run([*ALONE, "sh", "-c", trial], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"this machine lets nobody make a network and drop packets in it: {made.stderr.strip()}")


def connect() -> None:
    """Let the loopback interface work."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def lose(what: Lost, percent: int = 100) -> None:
    """Drop so many of the packets at random, without a word to who sends them."""
    _nft(f"add table {TABLE}", CHAIN, _rule(what, percent))


def lose_nothing() -> None:
    _nft(f"delete table {TABLE}")


def _rule(what: Lost, percent: int) -> str:
    which = "meta l4proto udp " if what == "udp" else ""
    # nft refuses a comparison that always holds.
    part = f"numgen random mod 100 < {percent} " if percent < 100 else ""
    return f"add rule {TABLE} input {which}{part}drop"


def _nft(*commands: str) -> None:
    subprocess.run(["nft", "; ".join(commands)], check=True)
