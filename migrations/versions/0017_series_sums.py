"""Each series' sum of an hour, beside that of a day; a number stands for a series' names.

The hours are added up here, a day at a time, so that nothing large has to be sorted. Of days the program does that
again (`reports.daily`), and reads their hours until then.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

DAY = 86400
SERIES = """
INSERT OR IGNORE INTO series (measure, kind, direction, camera, place, mode)
SELECT DISTINCT measure, kind, direction, camera, place, mode FROM measurement
WHERE bucket_start >= :start AND bucket_start < :end
"""
HOURS = r"""
INSERT INTO hour_sum (series, start, value, variance, squares, observed)
SELECT series.number, added.start, added.value, added.variance, added.squares, added.observed
FROM (
    SELECT each.bucket_start - each.bucket_start % 3600 AS start,
        each.measure, each.kind, each.direction, each.camera, each.place, each.mode,
        CASE WHEN each.measure LIKE '%\_maximum' ESCAPE '\' THEN max(each.value) ELSE sum(each.value) END AS value,
        sum(each.variance) AS variance, sum(each.variance * each.variance) AS squares,
        coalesce(sum(whole.value), 0) AS observed
    FROM measurement AS each LEFT JOIN measurement AS whole ON each.measure = 'occupancy_seconds'
        AND whole.bucket_start = each.bucket_start AND whole.camera = each.camera
        AND whole.measure = 'observed_seconds' AND whole.bucket_seconds = each.bucket_seconds
        AND whole.mode = each.mode AND whole.epsilon = each.epsilon
    WHERE each.bucket_start >= :start AND each.bucket_start < :end AND each.measure NOT IN ('dwell', 'heat_seconds')
    GROUP BY 1, 2, 3, 4, 5, 6, 7
) AS added CROSS JOIN series ON series.measure = added.measure AND series.kind = added.kind
    AND series.direction = added.direction AND series.camera = added.camera AND series.place = added.place
    AND series.mode = added.mode
"""
MADE = """
INSERT INTO hour_made (camera, start, mode, epsilon, longest)
SELECT camera, bucket_start - bucket_start % 3600, mode, epsilon, max(bucket_seconds) FROM measurement
WHERE bucket_start >= :start AND bucket_start < :end
GROUP BY 1, 2, 3, 4
"""


def upgrade() -> None:
    op.create_table(
        "series",
        sa.Column("number", sa.Integer, primary_key=True),
        *(
            sa.Column(name, sa.String, nullable=False)
            for name in ("measure", "kind", "direction", "camera", "place", "mode")
        ),
        sa.UniqueConstraint("measure", "kind", "direction", "camera", "place", "mode"),
    )
    op.create_table(
        "hour_made",
        sa.Column("camera", sa.String, primary_key=True),
        sa.Column("start", sa.Integer, primary_key=True),
        sa.Column("mode", sa.String, primary_key=True),
        sa.Column("epsilon", sa.Float, primary_key=True),
        sa.Column("longest", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.drop_table("day_sum")
    op.execute("DELETE FROM summed_day")
    for name in ("hour_sum", "day_sum"):
        op.create_table(
            name,
            sa.Column("series", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("start", sa.Integer, primary_key=True, autoincrement=False),
            *(sa.Column(each, sa.Float, nullable=False) for each in ("value", "variance", "squares", "observed")),
            sqlite_with_rowid=False,
        )
    add_up(op.get_bind())


def add_up(connection: sa.Connection) -> None:
    first = connection.exec_driver_sql("SELECT min(bucket_start) FROM measurement").scalar()
    last = connection.exec_driver_sql("SELECT max(bucket_start) FROM measurement").scalar()
    if first is None or last is None:
        return
    for start in range(first - first % DAY, last + 1, DAY):
        for statement in (SERIES, HOURS, MADE):
            connection.exec_driver_sql(statement, {"start": start, "end": start + DAY})
