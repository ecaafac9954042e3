"""The site's own days and their hours."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Day:
    """One day of the site: `start` and `end` in UTC. It has 23 or 25 hours when the clocks change."""

    date: date
    start: datetime
    end: datetime
    zone: ZoneInfo

    @property
    def hours(self) -> tuple[datetime, ...]:
        """Beginnings of the day's hours, in UTC."""
        count = round((self.end - self.start) / HOUR)
        return tuple(self.start + HOUR * number for number in range(count))

    def label(self, hour: datetime) -> str:
        return f"{hour.astimezone(self.zone):%H}:00"


def day_of(now: datetime, zone: ZoneInfo) -> Day:
    """The site's day that holds the moment `now`."""
    today = now.astimezone(zone).date()
    start, end = (datetime.combine(each, time.min, zone) for each in (today, today + timedelta(days=1)))
    utc = now.tzinfo
    return Day(today, start.astimezone(utc), end.astimezone(utc), zone)
