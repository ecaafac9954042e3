"""A file on an SFTP server whose host key is known beforehand."""

import asyncio
import contextlib
import secrets

from appliance.audit.carriers.taking import SECONDS, NotTaken, importing_quietly, is_pem, needed
from appliance.destinations import Destination

with importing_quietly():
    import asyncssh

# A slow line takes as long as it needs for some megabytes, and not for ever.
TRANSFER_SECONDS = 300.0


def put(destination: Destination, name: str, payload: bytes, secret: bytes | None) -> None:
    """Write a file under another name and rename it. The secret is a password, or a private key in OpenSSH's form.

    Raises `NotTaken` and `OSError`.
    """
    opened = needed(secret, "password or private key")
    try:
        asyncio.run(asyncio.wait_for(_put(destination, name, payload, opened), TRANSFER_SECONDS))
    except asyncssh.HostKeyNotVerifiable as error:
        raise NotTaken(
            "its host key is not the one in the settings: another server answers, or it has a new key; ask who runs it"
        ) from error
    except asyncssh.PermissionDenied as error:
        raise NotTaken("it does not accept the user with this password or key") from error
    except asyncssh.SFTPError as error:
        raise NotTaken(f"it did not store the file: {_one_line(error.reason)}; is its disk full?") from error
    except (asyncssh.KeyExchangeFailed, asyncssh.ConnectionLost, ConnectionResetError) as error:
        raise NotTaken(
            "it ended the connection; if it does so at once, it has no host key of the kind in the settings"
        ) from error
    except asyncssh.Error as error:
        raise NotTaken(f"the connection ended: {_one_line(error.reason)}") from error


async def _put(destination: Destination, name: str, payload: bytes, secret: bytes) -> None:
    host, port = destination.host or ("", 0)
    pinned = _host_key(destination)
    # Neither the user's own configuration nor an agent is asked.
    options = asyncssh.SSHClientConnectionOptions(
        config=None,
        known_hosts=([pinned], [], []),
        username=destination.user,
        client_keys=[_private_key(secret)] if is_pem(secret) else None,
        password=None if is_pem(secret) else secret.decode("utf-8"),
        agent_path=None,
        gss_host=None,
        connect_timeout=SECONDS,
        login_timeout=SECONDS,
        keepalive_interval=SECONDS,
        keepalive_count_max=2,
    )
    async with asyncssh.connect(host, port, options=options) as connection, connection.start_sftp_client() as client:
        await _write(client, _folder(destination), name, payload)


async def _write(client: asyncssh.SFTPClient, folder: str, name: str, payload: bytes) -> None:
    partial, target = f"{folder}.{name}.{secrets.token_hex(4)}", folder + name
    try:
        async with client.open(partial, "wb") as file:
            await file.write(payload)
            # An extension of OpenSSH's: said to be delivered is what is on the disk.
            with contextlib.suppress(asyncssh.SFTPOpUnsupported):
                await file.fsync()
        try:
            await client.posix_rename(partial, target)
        except asyncssh.SFTPOpUnsupported:
            with contextlib.suppress(asyncssh.SFTPNoSuchFile):
                await client.remove(target)
            await client.rename(partial, target)
    except asyncssh.SFTPError:
        with contextlib.suppress(asyncssh.Error):
            await client.remove(partial)
        raise


def _folder(destination: Destination) -> str:
    """The remote folder with a slash at its end; empty for the user's home."""
    path = destination.parts.path.rstrip("/")
    if path in ("", "/~"):
        return ""
    return (path.removeprefix("/~/") if path.startswith("/~/") else path) + "/"


def _host_key(destination: Destination) -> asyncssh.SSHKey:
    try:
        return asyncssh.import_public_key(destination.host_key)
    except asyncssh.KeyImportError as error:
        raise NotTaken("the host_key in the settings is no key in OpenSSH's form") from error


def _private_key(secret: bytes) -> asyncssh.SSHKey:
    try:
        return asyncssh.import_private_key(secret)
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        raise NotTaken("its private key can't be read; it must be in OpenSSH's form and without passphrase") from error


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]
