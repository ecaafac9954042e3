"""Each series' buckets by themselves, so that days by the quarter of an hour are read quickly.

The durations of vehicles' visits get hours, too: they can be asked for by the hour.
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

DAY = 86400
SUMS = r"""
INSERT INTO {table} (series, start, value, variance, squares, observed)
SELECT series.number, added.start, added.value, added.variance, added.squares, added.observed
FROM (
    SELECT {start} AS start, each.measure, each.kind, each.direction, each.camera, each.place, each.mode,
        CASE WHEN each.measure LIKE '%\_maximum' ESCAPE '\' THEN max(each.value) ELSE sum(each.value) END AS value,
        sum(each.variance) AS variance, sum(each.variance * each.variance) AS squares,
        coalesce(sum(whole.value), 0) AS observed
    FROM measurement AS each LEFT JOIN measurement AS whole ON each.measure = 'occupancy_seconds'
        AND whole.bucket_start = each.bucket_start AND whole.camera = each.camera
        AND whole.measure = 'observed_seconds' AND whole.bucket_seconds = each.bucket_seconds
        AND whole.mode = each.mode AND whole.epsilon = each.epsilon
    WHERE each.bucket_start >= :start AND each.bucket_start < :end AND {which}
    GROUP BY 1, 2, 3, 4, 5, 6, 7
) AS added CROSS JOIN series ON series.measure = added.measure AND series.kind = added.kind
    AND series.direction = added.direction AND series.camera = added.camera AND series.place = added.place
    AND series.mode = added.mode
"""
BUCKETS = SUMS.format(
    table="bucket_sum",
    start="each.bucket_start",
    which="(each.measure, each.kind) NOT IN (VALUES ('dwell', 'person'), ('heat_seconds', 'person'))",
)
HOURS = SUMS.format(
    table="hour_sum",
    start="each.bucket_start - each.bucket_start % 3600",
    which="each.measure = 'dwell' AND each.kind = 'vehicle'",
)


def upgrade() -> None:
    op.create_table(
        "bucket_sum",
        sa.Column("series", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("start", sa.Integer, primary_key=True, autoincrement=False),
        *(sa.Column(each, sa.Float, nullable=False) for each in ("value", "variance", "squares", "observed")),
        sqlite_with_rowid=False,
    )
    connection = op.get_bind()
    first = connection.exec_driver_sql("SELECT min(bucket_start) FROM measurement").scalar()
    last = connection.exec_driver_sql("SELECT max(bucket_start) FROM measurement").scalar()
    # A day at a time, so that nothing large has to be sorted.
    if first is not None and last is not None:
        for start in range(first - first % DAY, last + 1, DAY):
            for statement in (BUCKETS, HOURS):
                connection.exec_driver_sql(statement, {"start": start, "end": start + DAY})
