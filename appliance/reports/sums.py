"""Stored counts added up as they may be shown: noise keeps its variance, small numbers are withheld.

In the mode `threshold` the hours of each site day are suppressed as one table, whatever period is asked for, so that
two reports never disagree on what is withheld. Other modes are added up by the database, from the sums of days where
there are any.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select

from appliance.metrics.measures import MEASURES
from appliance.metrics.publishing import LATE, Published, hour_is_over, suppress, suppress_bins, suppress_parts
from appliance.metrics.uncertainty import Noise
from appliance.reports.daily import TOTALS, Marks, joined, modes_of, read_marks
from appliance.reports.period import Interval, Period
from appliance.storage.tables import day_sum, measurement
from appliance.storage.tables import series as series_table

Key = tuple[str, str, str, str, str]
"""Camera, measure, place, kind, direction."""
Place = tuple[str, str, str]
"""Camera, zone, kind."""

HOUR = timedelta(hours=1)
COLUMNS = (
    measurement.c.camera,
    measurement.c.measure,
    measurement.c.place,
    measurement.c.kind,
    measurement.c.direction,
)


@dataclass
class Sums:
    """What may be shown of some time. `zone_seconds`: for how long each zone was observed whose numbers are in it."""

    numbers: dict[Key, Published] = field(default_factory=dict)
    zone_seconds: dict[Place, float] = field(default_factory=lambda: defaultdict(float))

    def get(self, *key: str) -> Published | None:
        """The number of a camera, measure, place, kind and direction; None where none is released."""
        camera, measure, place, kind, direction = key
        return self.numbers.get((camera, measure, place, kind, direction))

    def add(self, other: "Sums") -> None:
        for key, number in other.numbers.items():
            self.numbers[key] = _join(key[1], self.numbers.get(key), number)
        for place, seconds in other.zone_seconds.items():
            self.zone_seconds[place] += seconds


def read_sums(
    connection: Connection, period: Period, intervals: Iterable[Interval], now: datetime, k: int
) -> tuple[list[Sums], Sums]:
    """What may be shown of each interval of the period, and of the whole of it."""
    marks = read_marks(connection, period)
    days = list(suppressed_days(connection, period, now, k)) if has_thresholds(connection, period, marks) else []
    of_intervals, whole = [], Sums()
    for interval in intervals:
        sums = Sums()
        for part in _parts(connection, interval, marks):
            sums.add(part)
        whole.add(sums)
        for day in days:
            sums.add(day.within(interval))
        of_intervals.append(sums)
    for day in days:
        whole.add(day.whole)
    return of_intervals, whole


def _join(measure: str, first: Published | None, second: Published) -> Published:
    if first is None:
        return second
    if measure.endswith("_maximum"):
        return max(first, second, key=lambda each: each.value)
    return first + second


def _within(start: datetime, end: datetime) -> tuple[Any, ...]:
    return measurement.c.bucket_start >= start, measurement.c.bucket_start < end


def has_thresholds(connection: Connection, period: Period, marks: Marks | None = None) -> bool:
    """Whether any of the period was stored in the mode `threshold`. `marks` are the period's, where they are known."""
    return any(mode == "threshold" for mode, _ in modes_of(connection, period, marks))


def _parts(connection: Connection, interval: Interval, marks: Marks) -> Iterator[Sums]:
    """What the interval is made of: whole days that are added up, and the buckets of the rest."""
    days = [day for day in marks.days if interval.start <= day[0] and day[1] <= interval.end]
    known = joined(day for day in days if day in marks.known)
    for start, end in known:
        yield _of_days(connection, start, end)
    edges = [interval.start, *itertools.chain.from_iterable(known), interval.end]
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        if start < end:
            yield _added_up(connection, start, end)


def _of_days(connection: Connection, start: datetime, end: datetime) -> Sums:
    """The same as `_added_up` of days that are added up."""
    columns = [series_table.c[column.name] for column in COLUMNS]
    value, observed = day_sum.c.value, day_sum.c.observed
    sums = (func.sum(value), func.max(value), func.sum(day_sum.c.variance), func.sum(day_sum.c.squares))
    query = select(*columns, *sums, func.sum(observed)).join_from(
        series_table, day_sum, series_table.c.number == day_sum.c.series
    )
    of_totals = series_table.c.measure.in_([each.name for each in TOTALS])
    query = query.where(day_sum.c.start >= start, day_sum.c.start < end, ~of_totals).group_by(*columns)
    found = Sums()
    for *key, total, largest, variances, squares, seconds in connection.execute(query):
        value_of = largest if key[1].endswith("_maximum") else total
        found.numbers[_key(key)] = Published(value_of, Noise(variances, squares))
        if seconds:
            camera, _, place, kind, _ = key
            found.zone_seconds[camera, place, kind] = seconds
    return found


def _added_up(connection: Connection, start: datetime, end: datetime) -> Sums:
    """The modes `differential` and `off`; measures named `*_maximum` by their maximum."""
    value, variance = measurement.c.value, measurement.c.variance
    sums = (func.sum(value), func.max(value), func.sum(variance), func.sum(variance * variance))
    query = select(*COLUMNS, *sums).where(*_within(start, end), measurement.c.mode != "threshold").group_by(*COLUMNS)
    found = Sums()
    for *key, total, largest, variances, squares in connection.execute(query):
        value_of = largest if key[1].endswith("_maximum") else total
        found.numbers[_key(key)] = Published(value_of, Noise(variances, squares))
    found.zone_seconds.update(_zone_seconds(connection, start, end, measurement.c.mode != "threshold"))
    return found


def _zone_seconds(connection: Connection, start: datetime, end: datetime, which: Any) -> dict[Place, float]:
    """For how long each camera's zone and kind was observed: a zone may be younger than its camera."""
    whole = measurement.alias("whole")
    bucket = ("camera", "bucket_start", "bucket_seconds", "mode", "epsilon")
    same = [whole.c[name] == measurement.c[name] for name in bucket]
    columns = (measurement.c.camera, measurement.c.place, measurement.c.kind)
    query = select(*columns, func.sum(whole.c.value)).where(
        *same,
        *_within(start, end),
        which,
        measurement.c.measure == "occupancy_seconds",
        whole.c.measure == "observed_seconds",
    )
    rows = connection.execute(query.group_by(*columns))
    return {(camera, place, kind): seconds for camera, place, kind, seconds in rows}


@dataclass
class _Day:
    """A site day of the mode `threshold`: what may be shown of its hours and of the whole."""

    start: datetime
    end: datetime
    hours: dict[int, Sums] = field(default_factory=lambda: defaultdict(Sums))
    whole: Sums = field(default_factory=Sums)

    def within(self, interval: Interval) -> Sums:
        return self.between(interval.start, interval.end)

    def between(self, start: datetime, end: datetime) -> Sums:
        """The day itself where it lies in the interval, its hour where the interval is one, else nothing."""
        if start <= self.start and self.end <= end:
            return self.whole
        if self.start <= start and end <= self.end:
            return self.hours[int((start - self.start) / HOUR)]
        return Sums()


def suppressed_days(connection: Connection, period: Period, now: datetime, k: int) -> Iterable[_Day]:
    """What may be shown of each site day of the period that was stored in the mode `threshold`."""
    for interval in period.each_day():
        day = _Day(interval.start, interval.end)
        series = _by_hour(connection, day)
        _suppress_counts(day, series, now, k)
        _suppress_histograms(day, series, now, k)
        _add_what_is_counted(connection, day, series, k)
        yield day


def _by_hour(connection: Connection, day: _Day) -> Mapping[Key, Mapping[int, float]]:
    start, value = measurement.c.bucket_start, measurement.c.value
    query = select(*COLUMNS, start, func.sum(value)).group_by(*COLUMNS, start)
    series: dict[Key, dict[int, float]] = defaultdict(dict)
    for *key, begins, amount in connection.execute(
        query.where(*_within(day.start, day.end), measurement.c.mode == "threshold")
    ):
        hour, hours = int((begins - day.start) / HOUR), series[_key(key)]
        before = hours.get(hour, 0.0)
        hours[hour] = max(before, amount) if key[1].endswith("_maximum") else before + amount
    return series


def _suppress_counts(day: _Day, series: Mapping[Key, Mapping[int, float]], now: datetime, k: int) -> None:
    """Counts of visits decide for themselves; hours that are not over are withheld."""
    is_over = day.end + LATE <= now
    for key, hours in series.items():
        measure = MEASURES.get(key[1])
        if measure is None or measure.counted_by or measure.about_camera or measure.split:
            continue
        over = [hour for hour in sorted(hours) if hour_is_over(day.start + HOUR * hour, now)]
        shown, whole = suppress([hours[hour] for hour in over], k, is_over)
        day.whole.numbers[key] = whole if len(over) == len(hours) else whole + Published(withheld=True)
        for hour, number in zip(over, shown, strict=True):
            day.hours[hour].numbers[key] = number
        for hour in set(hours) - set(over):
            day.hours[hour].numbers[key] = Published(withheld=True)


def _suppress_histograms(day: _Day, series: Mapping[Key, Mapping[int, float]], now: datetime, k: int) -> None:
    """Told of whole days alone, when they are over, unless what the bins add up to is withheld.

    Bins that are all shown tell their sum: of a day whose total is withheld, that would give its small hours away.
    """
    splits = {name: measure.split for name, measure in MEASURES.items() if measure.split is not None}
    for camera, name, place, kind in {key[:4] for key in series if key[1] in splits}:
        split = splits[name]
        rule = suppress_parts if split.few else suppress_bins
        for direction, names in split.bins.items():
            keys = [(camera, name, place, kind, each) for each in names]
            bins = [sum(series[key].values()) if key in series else 0.0 for key in keys]
            whole = day.whole.get(camera, split.of, place, kind, direction)
            is_told = day.end + LATE <= now and not (whole and whole.withheld)
            shown = rule(bins, k) if is_told else [Published(withheld=True) for _ in bins]
            day.whole.numbers.update(zip(keys, shown, strict=True))


def _add_what_is_counted(connection: Connection, day: _Day, series: Mapping[Key, Mapping[int, float]], k: int) -> None:
    """Times and maxima of a zone are told of days whose visits are told whole; what is about the camera always is."""
    seconds = _zone_seconds(connection, day.start, day.end, measurement.c.mode == "threshold")
    for key, hours in series.items():
        camera, name, place, kind, _ = key
        measure = MEASURES.get(name)
        if measure is None:
            continue
        if measure.about_camera:
            day.whole.numbers[key] = Published(sum(hours.values()))
            for hour, value in hours.items():
                day.hours[hour].numbers[key] = Published(value)
        elif measure.counted_by:
            visits = day.whole.get(camera, measure.counted_by, place, kind, "")
            if visits is None or visits.withheld:
                continue
            if not name.endswith("_maximum"):
                day.whole.numbers[key] = Published(sum(hours.values()))
                day.whole.zone_seconds[camera, place, kind] = seconds.get((camera, place, kind), 0.0)
            elif max(hours.values()) >= k:
                day.whole.numbers[key] = Published(max(hours.values()))


def _key(values: Sequence[str]) -> Key:
    camera, measure, place, kind, direction = values
    return camera, measure, place, kind, direction
