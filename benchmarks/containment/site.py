"""The site that the proof runs on: cameras whose pictures carry the pattern where nobody may ever see it."""

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from appliance.services.setup import FirstStart, set_up
from appliance.settings import Paths, Settings, find_paths, load_settings
from appliance.storage import cameras, users
from appliance.storage.cameras import Camera, LineSetting, ZoneSetting
from appliance.storage.database import reading
from appliance.storage.site import open_site
from appliance.storage.tables import metadata
from benchmarks.containment.pattern import BAND, BLOCK, HEIGHT, WIDTH, Pattern, Picture, read_clip, write_clip

CLIP_FRAMES = 60
# Of the masked camera: how much of the picture is pattern, from the top left, and the mask over it.
MASKED_COLUMNS, MASKED_BANDS = 52, 18
MASK = (
    (0.0, 0.0),
    (MASKED_COLUMNS * BLOCK / WIDTH + 0.01, 0.0),
    (MASKED_COLUMNS * BLOCK / WIDTH + 0.01, MASKED_BANDS * BAND / HEIGHT + 0.01),
    (0.0, MASKED_BANDS * BAND / HEIGHT + 0.01),
)
LINE = LineSetting("middle", 0.5, 0.1, 0.5, 0.9)


@dataclass(frozen=True)
class ProofSite:
    """A site of its own in `folder`, and how its page is opened."""

    paths: Paths
    settings: Settings
    first_start: FirstStart
    environment: dict[str, str]
    destination: Path


def make_clips(folder: Path, pattern: Pattern, scene: Path) -> tuple[Path, Path]:
    """A clip that is all pattern, and the real scene with the pattern where the mask will be."""
    whole, masked = folder / "pattern.mp4", folder / "masked.mp4"
    people = read_clip(scene, CLIP_FRAMES)

    def scene_with_pattern(frame: int) -> Picture:
        picture = people[frame % len(people)].copy()
        height, width = MASKED_BANDS * BAND, MASKED_COLUMNS * BLOCK
        picture[:height, :width] = pattern.picture(frame)[:height, :width]
        return np.asarray(picture, np.uint8)

    write_clip(whole, CLIP_FRAMES, pattern.picture)
    write_clip(masked, CLIP_FRAMES, scene_with_pattern)
    return whole, masked


def make_site(folder: Path, models: Path, present: Sequence[Camera]) -> ProofSite:
    """Set a site up whose state, temporary files and destination all lie in `folder`."""
    state, destination, temporary = folder / "state", folder / "destination", folder / "tmp"
    for each in (state, destination, temporary):
        each.mkdir(parents=True)
    settings_file = state / "settings.toml"
    settings_file.write_text(
        f'[web]\nhost = "127.0.0.1"\nport = {free_port()}\n'
        f'[[destinations]]\nname = "share"\nfolder = "{destination}"\n',
        encoding="utf-8",
    )
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("VEILSIGHT_", "XDG_"))}
    environment = variables | {
        "VEILSIGHT_MODELS": str(models),
        "VEILSIGHT_STATE": str(state),
        "TMPDIR": str(temporary),
        "HOME": str(folder),
        # Nothing is compiled anew while it is watched.
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    paths = find_paths(environment)
    settings = load_settings(settings_file)
    first_start = set_up(paths, settings)
    site = open_site(paths)
    with site.engine.begin() as connection:
        for camera in present:
            cameras.add(connection, camera)
        # As if it had been changed at the first log-in: the viewer wants to see pictures.
        users.set_password(connection, first_start.user, first_start.password or "")
    site.engine.dispose()
    return ProofSite(paths, settings, first_start, environment, destination)


def camera(name: str, clip: Path, masked: bool = False) -> Camera:
    masks = (ZoneSetting("mask", MASK),) if masked else ()
    return Camera(name, str(clip), lines=(LINE,), loop=True, realtime=True, masks=masks)


def database_content(paths: Paths) -> bytes:
    """Every value of every row, as it is before it is encrypted."""
    site = open_site(paths)
    values: list[bytes] = []
    with reading(site.engine) as connection:
        for table in metadata.sorted_tables:
            for row in connection.exec_driver_sql(f'SELECT * FROM "{table.name}"'):  # noqa: S608 - our own tables
                values.extend(each if isinstance(each, bytes) else str(each).encode() for each in row)
    site.engine.dispose()
    return b"\n".join(values)


def yesterday() -> str:
    return (datetime.now(UTC) - timedelta(days=1)).date().isoformat()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
