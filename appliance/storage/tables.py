"""The database's tables, as SQLAlchemy Core sees them. `migrations/` makes and changes them.

No column can hold a picture, a track or a moment finer than a bucket of counts.
"""

from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    true,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import JSON, TypeDecorator

metadata = MetaData()
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Moment(TypeDecorator[datetime]):
    """A moment in UTC, to the second, stored as seconds since 1970."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        if value is not None and value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        return None if value is None else (value - EPOCH) // timedelta(seconds=1)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else datetime.fromtimestamp(value, UTC)


# Facts about the site that are made once: its identifier, the day it was set up.
site = Table(
    "site",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", String, nullable=False),
)

# What SQLite itself refuses, whatever the program tries: a time finer than a bucket, a number that is none, and texts
# long enough to hold more than names.
ONLY_BUCKETS = (
    "bucket_seconds BETWEEN 300 AND 3600 AND bucket_start % bucket_seconds = 0",
    "typeof(value) IN ('real', 'integer') AND typeof(variance) IN ('real', 'integer') AND variance >= 0",
    "kind IN ('', 'person', 'vehicle') AND mode IN ('differential', 'threshold', 'off')",
    "length(measure) <= 40 AND length(place) <= 130 AND length(direction) <= 20",
)

measurement = Table(
    "measurement",
    metadata,
    Column("bucket_start", Moment, primary_key=True),
    Column("camera", String, primary_key=True),
    Column("measure", String, primary_key=True),
    Column("place", String, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("direction", String, primary_key=True),
    Column("bucket_seconds", Integer, primary_key=True),
    # How the number was made anonymous (metrics/anonymity.py); epsilon is 0 where nothing was added to it.
    Column("mode", String, primary_key=True),
    Column("epsilon", Float, primary_key=True),
    Column("value", Float, nullable=False),
    # Of the noise in the value; 0 is exact.
    Column("variance", Float, nullable=False),
    *(CheckConstraint(rule) for rule in ONLY_BUCKETS),
    sqlite_with_rowid=False,
)

# The series that `measurement` has (`hourly_sums`), each with a number that stands for its names.
series = Table(
    "series",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("measure", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("direction", String, nullable=False),
    Column("camera", String, nullable=False),
    Column("place", String, nullable=False),
    Column("mode", String, nullable=False),
    UniqueConstraint("measure", "kind", "direction", "camera", "place", "mode"),
)


def _sums(name: str) -> Table:
    """What each series adds up to in some time that begins at `start`; `value` is the largest for maxima."""
    return Table(
        name,
        metadata,
        Column("series", Integer, primary_key=True, autoincrement=False),
        Column("start", Moment, primary_key=True, autoincrement=False),
        Column("value", Float, nullable=False),
        # Of the noise in the value, and the sum of the squares of the numbers' own variances.
        Column("variance", Float, nullable=False),
        Column("squares", Float, nullable=False),
        # For how long a zone was observed, in seconds.
        Column("observed", Float, nullable=False),
        sqlite_with_rowid=False,
    )


# Of single buckets and of the hours of UTC, always whole (`hourly_sums`); and of the site's days that are marked as
# whole (`daily_sums`), of the modes `differential` and `off`.
bucket_sum, hour_sum, day_sum = _sums("bucket_sum"), _sums("hour_sum"), _sums("day_sum")

# How the buckets of each camera and hour were made: the mode, its epsilon, and the longest in seconds.
hour_made = Table(
    "hour_made",
    metadata,
    Column("camera", String, primary_key=True),
    Column("start", Moment, primary_key=True),
    Column("mode", String, primary_key=True),
    Column("epsilon", Float, primary_key=True),
    Column("longest", Integer, nullable=False),
    sqlite_with_rowid=False,
)

# The days whose sums are complete: the modes of their numbers, each with its epsilon, and their longest bucket.
summed_day = Table(
    "summed_day",
    metadata,
    Column("start", Moment, primary_key=True, autoincrement=False),
    Column("end", Moment, nullable=False),
    Column("modes", JSON, nullable=False),
    Column("longest", Integer, nullable=False),
)

# The number of the part of a bucket that was stored last for each camera, so that none is ever stored twice.
stored_part = Table(
    "stored_part",
    metadata,
    Column("camera", String, primary_key=True),
    Column("number", Integer, nullable=False),
)

camera = Table(
    "camera",
    metadata,
    Column("name", String, primary_key=True),
    Column("source", String, nullable=False),
    Column("username", String, nullable=False),
    Column("password", String, nullable=False),
    Column("loop", Boolean, nullable=False),
    Column("realtime", Boolean, nullable=False),
    Column("lines", JSON, nullable=False),
    Column("zones", JSON, nullable=False),
    Column("created", Moment, nullable=False),
    Column("masks", JSON, nullable=False, server_default="[]"),
    # Pictures to analyse in a second; null is what the settings say.
    Column("rate", Float),
    Column("enabled", Boolean, nullable=False, server_default=true()),
    # How RTSP's pictures travel: tcp or udp.
    Column("transport", String, nullable=False, server_default="tcp"),
    # Regions whose people and vehicles are not counted, though they stay visible.
    Column("ignored", JSON, nullable=False, server_default="[]"),
    # How the camera looks at people: oblique or overhead.
    Column("mounting", String, nullable=False, server_default="oblique"),
    Column("heat_map", Boolean, nullable=False, server_default=false()),
    # Whether vehicles that cross its lines are counted by label too.
    Column("vehicle_labels", Boolean, nullable=False, server_default=false()),
)

# What SQLite itself refuses of a plan: a second one, and what is too large for a drawing or is no JSON.
ONLY_A_DRAWING = ("number = 1", "typeof(plan) = 'text' AND length(plan) <= 60000 AND json_valid(plan)")

# The floor plan that somebody drew (storage/floor_plan.py): lines, areas and names; no picture.
floor_plan = Table(
    "floor_plan",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("plan", Text, nullable=False),
    Column("changed", Moment, nullable=False),
    *(CheckConstraint(rule) for rule in ONLY_A_DRAWING),
)

# What people wrote about each camera for the record (storage/camera_records.py).
camera_record = Table(
    "camera_record",
    metadata,
    Column("camera", String, primary_key=True),
    Column("location", String, nullable=False),
    Column("field_of_view", String, nullable=False),
    Column("signs", String, nullable=False),
    # The day on which somebody last saw them, ISO 8601, or empty.
    Column("signs_seen", String, nullable=False),
    Column("changed", Moment, nullable=False),
)

# How far the count of a camera was from that of somebody who counted by eye: a part, no number of people.
counting_check = Table(
    "counting_check",
    metadata,
    Column("camera", String, primary_key=True),
    Column("checked", Moment, primary_key=True),
    Column("user", String, nullable=False),
    Column("seconds", Integer, nullable=False),
    Column("difference", Float, nullable=False),
)

# Alerts that wait to be sent: which limit, and whether it is reached; no count.
alert_waiting = Table(
    "alert_waiting",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("destination", String, nullable=False),
    Column("reached", Boolean, nullable=False),
    Column("queued", Moment, nullable=False),
)

user = Table(
    "user",
    metadata,
    Column("name", String, primary_key=True),
    Column("password_hash", String, nullable=False),
    Column("created", Moment, nullable=False),
    # What the user may do (storage/users.py); empty is nothing.
    Column("role", String, nullable=False, server_default=""),
    # Until when a password that somebody else made is good, for one log-in; null: the user's own.
    Column("password_expires", Moment),
    # Of time-based codes (storage/second_factor.py), and the step of the last that was used; empty: no second factor.
    Column("totp_secret", String, nullable=False, server_default=""),
    Column("totp_used", Integer, nullable=False, server_default="0"),
)

# The SHA-256 of each recovery code that was not used yet.
user_recovery = Table(
    "user_recovery",
    metadata,
    Column("user", String, primary_key=True),
    Column("code_hash", LargeBinary(32), primary_key=True),
)

# With which other programs ask the JSON API (storage/tokens.py): the SHA-256 of the secret, never the secret.
token = Table(
    "token",
    metadata,
    Column("name", String, primary_key=True),
    Column("role", String, nullable=False),
    Column("secret_hash", LargeBinary(32), nullable=False, unique=True),
    Column("created", Moment, nullable=False),
    Column("expires", Moment, nullable=False),
)

report = Table(
    "report",
    metadata,
    Column("name", String, primary_key=True),
    Column("first_day", String, nullable=False),
    Column("last_day", String, nullable=False),
    Column("built", Moment, nullable=False),
    Column("actor", String, nullable=False),
    Column("byte_count", Integer, nullable=False),
    Column("sha256", String, nullable=False),
    Column("checkpoint", Text, nullable=False),
    # The schedule that built it, empty for a person's; and what its last verification found, empty before that.
    Column("schedule", String, nullable=False, server_default=""),
    Column("state", String, nullable=False, server_default=""),
    Column("checked", Moment),
)

delivery = Table(
    "delivery",
    metadata,
    Column("report", String, primary_key=True),
    Column("destination", String, primary_key=True),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt", Moment),
    Column("delivered", Moment),
    Column("last_error", String, nullable=False),
)

# The newest test of each destination that was asked for on the page (storage/destination_trials.py).
destination_trial = Table(
    "destination_trial",
    metadata,
    Column("destination", String, primary_key=True),
    Column("asked", Moment, nullable=False),
    # Of the file that is sent, which the courier makes of the destination's name and this time; it can't sign.
    Column("signature", Text, nullable=False),
    # Null while it waits for the courier; `problem` is empty where the file arrived.
    Column("finished", Moment),
    Column("problem", String, nullable=False, server_default=""),
)

# What opens a destination (a password, private key or token), sealed for the courier alone.
destination_secret = Table(
    "destination_secret",
    metadata,
    Column("destination", String, primary_key=True),
    Column("nonce", LargeBinary, nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),
    Column("changed", Moment, nullable=False),
)

audit_entry = Table(
    "audit_entry",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("entry", Text, nullable=False),
    Column("leaf_hash", LargeBinary(32), nullable=False),
)

# Hashes of the complete subtrees above the leaves: level 1 joins two leaves, level 2 four, and so on.
audit_node = Table(
    "audit_node",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary(32), nullable=False),
    sqlite_with_rowid=False,
)

audit_checkpoint = Table(
    "audit_checkpoint",
    metadata,
    Column("size", Integer, primary_key=True, autoincrement=False),
    Column("signed", Moment, nullable=False),
    Column("note", Text, nullable=False),
)
