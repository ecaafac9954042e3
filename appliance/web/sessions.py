"""Who is logged in: sessions kept in this process's memory, named by random identifiers that only the browser holds.

Nothing about a session is written to disk, so a restart of the web program logs everybody out.
"""

import hmac
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal

from appliance.camera_search import Found
from appliance.storage.users import Role

# OWASP Session Management: an absolute and an idle limit. A screen that shows Today keeps its session in use.
LIFETIME = timedelta(hours=12)
IDLE = timedelta(hours=2)
# How long a right password waits for its second factor.
CODE_WAIT = timedelta(minutes=5)
MOST_SESSIONS = 500

Tone = Literal["good", "warn", "bad"]
Awaits = Literal["", "code", "password"]


@dataclass(frozen=True)
class Message:
    """One sentence shown at the top of the next page."""

    tone: Tone
    text: str


@dataclass
class Session:
    """One logged-in browser. `csrf` must come back with every change it asks for; `key` tells sessions apart.

    `role` is what the user was allowed when last seen to exist, at `checked`; `refused` are endpoints that it did not
    include. `stamp` is that of the password and second factor with which it was opened. `awaits` is what is missing: a
    code before anything opens, or a password of one's own. `secret` is a second factor's that is being set up. `found`
    are the cameras of the last search, None before the first.
    """

    user: str
    role: Role
    stamp: str
    key: str
    csrf: str
    opened: datetime
    last_used: datetime
    checked: datetime
    messages: list[Message] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    address: str = ""
    awaits: Awaits = ""
    secret: str = ""
    found: tuple[Found, ...] | None = None

    def say(self, tone: Tone, text: str) -> None:
        self.messages.append(Message(tone, text))

    def take_messages(self) -> list[Message]:
        messages, self.messages = self.messages, []
        return messages


def new_token() -> str:
    """256 random bits as text."""
    return secrets.token_urlsafe(32)


def same(first: str, second: str) -> bool:
    """Compare two secrets in constant time."""
    return hmac.compare_digest(first.encode(), second.encode())


class SessionStore:
    """The open sessions, by the SHA-256 of their identifier. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: dict[bytes, Session] = {}

    def open(
        self, user: str, role: Role, now: datetime, stamp: str = "", address: str = "", awaits: Awaits = ""
    ) -> tuple[str, Session]:
        """A new session and the identifier to put in the browser's cookie. Without a stamp it is never compared."""
        identifier = new_token()
        session = Session(user, role, stamp, new_token(), new_token(), now, now, now, address=address, awaits=awaits)
        with self._lock:
            self._remove_expired(now)
            while len(self._sessions) >= MOST_SESSIONS:
                self._sessions.pop(min(self._sessions, key=lambda key: self._sessions[key].last_used))
            self._sessions[_key(identifier)] = session
        return identifier, session

    def find(self, identifier: str, now: datetime) -> Session | None:
        """The session of this identifier, marked as used now; None if there is none or its time is over."""
        with self._lock:
            session = self._sessions.get(_key(identifier))
            if session is None or _is_expired(session, now):
                self._sessions.pop(_key(identifier), None)
                return None
            session.last_used = now
            return session

    def close(self, identifier: str) -> None:
        with self._lock:
            self._sessions.pop(_key(identifier), None)

    def of_user(self, user: str, now: datetime) -> list[Session]:
        """The user's open sessions, the newest first."""
        with self._lock:
            found = [each for each in self._sessions.values() if each.user == user and not _is_expired(each, now)]
        return sorted(found, key=lambda session: session.opened, reverse=True)

    def close_all_of(self, user: str, but: Session | None = None) -> int:
        """End every session of a user, for instance because the user has been removed; how many there were."""
        return self._close(lambda session: session.user == user and session is not but)

    def close_one_of(self, user: str, key: str) -> int:
        """End the user's session that has this key."""
        return self._close(lambda session: session.user == user and same(session.key, key))

    def _close(self, chosen: Callable[[Session], bool]) -> int:
        with self._lock:
            keys = [key for key, session in self._sessions.items() if chosen(session)]
            for key in keys:
                del self._sessions[key]
        return len(keys)

    def _remove_expired(self, now: datetime) -> None:
        for key in [key for key, session in self._sessions.items() if _is_expired(session, now)]:
            del self._sessions[key]


def _key(identifier: str) -> bytes:
    return sha256(identifier.encode()).digest()


def _is_expired(session: Session, now: datetime) -> bool:
    if session.awaits == "code" and now - session.opened >= CODE_WAIT:
        return True
    return now - session.opened >= LIFETIME or now - session.last_used >= IDLE
