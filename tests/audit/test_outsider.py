"""An outsider with Go's own transparency-log library accepts what the log gives away, and refuses what was changed.

The library is golang.org/x/mod/sumdb (Debian: golang-golang-x-mod-dev), which checks Go's checksum database.
"""

import base64
import json
import os
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from appliance.audit import checkpoint, log, proof
from appliance.storage.database import reading
from appliance.storage.site import Site

SOURCE = Path(__file__).parent / "outsider" / "verify.go"
LIBRARIES = Path("/usr/share/gocode")

Outsider = Callable[[list[dict[str, Any]]], list[str]]


@pytest.fixture(scope="module")
def outsider(tmp_path_factory: pytest.TempPathFactory) -> Outsider:
    if not shutil.which("go") or not (LIBRARIES / "src/golang.org/x/mod/sumdb").is_dir():
        pytest.skip("Go and golang-golang-x-mod-dev are not installed")
    folder = tmp_path_factory.mktemp("outsider")
    environment = os.environ | {"GO111MODULE": "off", "GOPATH": str(LIBRARIES), "GOCACHE": str(folder / "cache")}
    program = folder / "verify"
    subprocess.run(["go", "build", "-o", program, SOURCE], env=environment, check=True, timeout=240)

    def ask(requests: list[dict[str, Any]]) -> list[str]:
        text = "\n".join(json.dumps(request) for request in requests)
        answer = subprocess.run([program], input=text, capture_output=True, text=True, check=True, timeout=60)
        return answer.stdout.splitlines()

    return ask


def verifier(site: Site) -> str:
    """The site's public key as signed notes write it: name, identifier, and the key with its type."""
    raw = site.public_key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    identifier = checkpoint.key_identifier(site.origin, site.public_key).hex()
    return f"{site.origin}+{identifier}+{base64.b64encode(checkpoint.ED25519 + raw).decode()}"


@pytest.fixture
def notes(site: Site, key: Ed25519PrivateKey, write: Callable[[int], None]) -> list[str]:
    """Checkpoints of a log that grew in odd steps, the newest over 108 entries."""
    made: list[str] = []
    for count in (0, 1, 2, 7, 30, 68):
        write(count)
        with site.engine.begin() as connection:
            made.append(checkpoint.make_checkpoint(connection, key, site.origin))
    return made[1:]


def inclusion(site: Site, note: str, number: int) -> dict[str, Any]:
    with reading(site.engine) as connection:
        size = checkpoint.read(note, site.public_key).size
        lines = proof.prove_entry(connection, number, note, size).partition("\n\n")[0].split("\n")
        entry = log.entry_text(connection, number)
    return {"Verifier": verifier(site), "New": note, "Entry": entry, "Index": number, "Path": lines[3:]}


def growth(site: Site, old: str, new: str) -> dict[str, Any]:
    with reading(site.engine) as connection:
        checkpoints = checkpoint.read(old, site.public_key), checkpoint.read(new, site.public_key)
        text = proof.growth_text(old, proof.prove_growth(connection, *checkpoints), new)
    content = json.loads(text)
    return {"Verifier": verifier(site), "Old": content["old"], "New": content["new"], "Path": content["path"]}


def test_every_proof_is_accepted(site: Site, notes: list[str], outsider: Outsider) -> None:
    requests = [
        inclusion(site, note, number) for note in notes for number in range(checkpoint.read(note, site.public_key).size)
    ]
    requests += [growth(site, old, new) for at, old in enumerate(notes) for new in notes[at:]]
    assert len(requests) > 150
    assert set(outsider(requests)) == {"ok"}


def test_what_was_changed_is_refused(site: Site, notes: list[str], outsider: Outsider) -> None:
    included, grown = inclusion(site, notes[-1], 41), growth(site, notes[2], notes[-1])
    forged = base64.b64encode(random.Random(1).randbytes(32)).decode()  # noqa: S311 - any other hash will do
    other = checkpoint.sign(checkpoint.Checkpoint(site.origin, 108, bytes(32)), Ed25519PrivateKey.generate())
    changed = [
        included | {"Entry": included["Entry"] + " "},
        included | {"Index": 42},
        included | {"Path": included["Path"][:-1]},
        included | {"Path": [forged, *included["Path"][1:]]},
        included | {"New": included["New"].replace("\n108\n", "\n107\n")},
        included | {"New": other},
        grown | {"Path": [forged, *grown["Path"][1:]]},
        grown | {"Path": grown["Path"][:-1]},
        grown | {"Old": notes[3]},
    ]
    answers = outsider([included, grown, *changed])
    assert answers[:2] == ["ok", "ok"]
    assert "ok" not in answers[2:]
