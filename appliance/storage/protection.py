"""What opens the site, in words for the page and for `veilsight doctor`."""

from dataclasses import dataclass

from appliance.language import marked
from appliance.settings import Paths
from appliance.storage.vault import read_vault

OPENED_BY = {
    "credential": marked(
        "The keys open with a systemd credential of this machine, sealed to its TPM where it has one."
    ),
    "passphrase": marked("The keys open with a passphrase that somebody types at each start."),
    "key-file": marked(
        "The keys open with a key file that lies beside them: whoever copies this disk reads the database. That is for "
        "trying out; run `veilsight db protect credential` as root, or `veilsight db protect passphrase`."
    ),
    None: marked("The keys lie in the clear, as an earlier version kept them; run `veilsight setup`."),
}


@dataclass(frozen=True)
class ProtectionWords:
    """`is_weak` where who holds the disk holds the key."""

    is_weak: bool
    text: str
    has_recovery_code: bool


def describe_protection(paths: Paths) -> ProtectionWords:
    """Raises `KeyUnusable` where the vault is damaged."""
    if not paths.vault.exists():
        return ProtectionWords(True, OPENED_BY[None], False)
    vault = read_vault(paths.vault)
    return ProtectionWords(
        vault.protection not in ("credential", "passphrase"), OPENED_BY[vault.protection], vault.has_recovery_code
    )
