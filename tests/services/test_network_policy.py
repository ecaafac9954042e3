"""What systemd lets each program reach, from the site's cameras and settings."""

from pathlib import Path

import pytest

from appliance.services.network_policy import policy_for, write_policy
from appliance.settings import Destination, Settings, Web
from appliance.storage.cameras import Camera

KNOWN = {"door.example.org": ("192.0.2.20", "2001:db8::20"), "hooks.example.org": ("198.51.100.7",)}
SETTINGS = Settings(
    web=Web(port=9443),
    destinations=(
        Destination("head-office", folder=Path("/mnt/reports")),
        Destination("pager", url="https://hooks.example.org/store-7"),
    ),
)


@pytest.fixture
def resolver(tmp_path: Path) -> Path:
    path = tmp_path / "resolv.conf"
    path.write_text("search example.org\nnameserver 192.0.2.53\n", encoding="utf-8")
    return path


def camera(name: str, source: str) -> Camera:
    return Camera(name=name, source=source)


def allowed(text: str) -> list[str]:
    return [line.removeprefix("IPAddressAllow=") for line in text.splitlines() if line.startswith("IPAddressAllow=")]


def test_each_program_may_reach_its_own_addresses_and_no_others(resolver: Path) -> None:
    cameras = (camera("a", "rtsp://192.0.2.10/stream"), camera("b", "/dev/video0"))
    policy = policy_for(cameras, SETTINGS, resolver, lambda name: KNOWN.get(name, ()))
    # The empty one takes back what stood there before.
    assert allowed(policy.drop_ins["engine"]) == ["", "192.0.2.10"]
    assert allowed(policy.drop_ins["courier"]) == ["", "192.0.2.53", "198.51.100.7"]
    assert allowed(policy.drop_ins["web"]) == []
    assert "SocketBindAllow=tcp:9443\n" in policy.drop_ins["web"]
    assert policy.unknown == ()


def test_a_name_opens_its_addresses_and_the_name_servers_and_one_that_is_unknown_is_told(resolver: Path) -> None:
    cameras = (camera("a", "rtsp://door.example.org/stream"), camera("b", "rtsp://gone.example.org/stream"))
    policy = policy_for(cameras, Settings(), resolver, lambda name: KNOWN.get(name, ()))
    assert allowed(policy.drop_ins["engine"]) == ["", "192.0.2.20", "192.0.2.53", "2001:db8::20"]
    assert policy.unknown == ("gone.example.org",)


def test_only_what_differs_is_written(tmp_path: Path, resolver: Path) -> None:
    before = policy_for((), SETTINGS, resolver, lambda name: KNOWN.get(name, ()))
    assert write_policy(before, tmp_path) == (
        "veilsight-engine.service",
        "veilsight-courier.service",
        "veilsight-web.service",
    )
    after = policy_for((camera("a", "rtsp://192.0.2.10/"),), SETTINGS, resolver, lambda name: KNOWN.get(name, ()))
    assert write_policy(after, tmp_path) == ("veilsight-engine.service",)
    drop_in = tmp_path / "veilsight-engine.service.d" / "50-network.conf"
    assert drop_in.read_text(encoding="utf-8") == after.drop_ins["engine"]
