"""What Explore shows of two periods of the floor: each number, the other time's, and what lies between them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from appliance.metrics.comparison import ABOUT_EQUAL, Change
from appliance.metrics.publishing import Published
from appliance.reports.exploration import Point as Drawn
from appliance.reports.floor import Stays, Ways, shade
from appliance.reports.floor_comparison import HeatChange, StaysChange, compare_ways, has_changed
from appliance.storage.floor_plan import FloorPlan, Placing
from appliance.web.counts import NBSP, NO_NUMBER, with_error
from appliance.web.floor_view import (
    ANYTIME,
    LONG_WAIT,
    MOST_HOT,
    CameraHeat,
    CameraWays,
    ChangeWords,
    HeatCell,
    ZoneStays,
    bin_labels,
    density_cells,
    grid_cell,
    in_time,
    place_in_picture,
    short_labels,
    show_stays,
    show_ways,
    told_time,
)
from appliance.web.last_week import percent
from appliance.web.plot import plot
from appliance.web.wording import gettext, ngettext
from appliance.web.words import number

MINUS = "\N{MINUS SIGN}"


def change_words(change: Change) -> ChangeWords:
    """Of a number of people or vehicles."""
    difference = change.difference
    before = with_error(change.before) if change.is_counted else NO_NUMBER
    if difference is None:
        return ChangeWords(before, NO_NUMBER, False)
    text = _signed(difference.value, number(abs(difference.value)))
    if difference.margin:
        text += f"{NBSP}±{NBSP}{number(difference.margin)}"
    return ChangeWords(before, text, change.is_clear)


def time_words(difference: Published) -> str:
    """Of seconds, such as +3 h 20 min ± 15 min."""
    text = _signed(difference.value, told_time(abs(difference.value)))
    return f"{text} ±{NBSP}{told_time(difference.margin)}" if difference.margin else text


def _signed(value: float, amount: str) -> str:
    return amount if round(value) == 0 else f"{'+' if value > 0 else MINUS}{amount}"


def show_stays_change(changed: StaysChange, is_queue: bool, kind: str) -> ZoneStays:
    """The zone as without a comparison, with the other time's numbers beside it."""
    now, before = (show_stays(each, is_queue, kind) for each in (changed.now, changed.before))
    points = [Drawn(ANYTIME, ANYTIME, each) for each in now.drawn]
    others = before.drawn if changed.before.is_counted else ()
    then = f"{before.told}. {before.sentence}".strip() if changed.before.is_counted else ""
    return replace(
        now,
        plot=plot(points, short_labels(), others),
        others=others,
        before=then,
        sentence_of_change=_compare_stays(changed, is_queue, kind),
        changes=tuple(
            (label, with_error(each.now), change_words(each))
            for label, each in zip(bin_labels(), changed.bins, strict=True)
        ),
        is_empty=now.is_empty and before.is_empty,
    )


def _compare_stays(changed: StaysChange, is_queue: bool, kind: str) -> str:
    """How the visits changed, and in a queue those that waited long, as far as that can be said."""
    sentence = _compare_visits(changed.whole, kind)
    if not is_queue or not changed.whole.difference:
        return sentence
    longer = changed.longer_than(LONG_WAIT)
    if not longer.is_clear or longer.difference is None:
        return sentence
    told = round(abs(longer.difference.value))
    if longer.difference.value > 0:
        more = ngettext(
            "%(num)s more waited for two minutes or longer.", "%(num)s more waited for two minutes or longer.", told
        )
    else:
        more = ngettext(
            "%(num)s fewer waited for two minutes or longer.", "%(num)s fewer waited for two minutes or longer.", told
        )
    return f"{sentence} {more}"


def _compare_visits(whole: Change, kind: str) -> str:
    difference, part = whole.difference, whole.part
    if not whole.is_counted:
        return gettext("This was not counted in both times, so they are not compared.")
    if difference is None:
        return gettext("Small numbers are withheld in one of the times, so they are not compared.")
    is_equal = difference.value < 0 if part is None else abs(part) < ABOUT_EQUAL
    if is_equal or not whole.is_clear:
        return gettext("No clear difference between the two periods.")
    if part is None:
        return gettext("More than in the other period.")
    told = percent(part)
    if kind == "vehicle":
        if part > 0:
            return gettext("%(percent)s more vehicles than in the other period.", percent=told)
        return gettext("%(percent)s fewer vehicles than in the other period.", percent=told)
    if part > 0:
        return gettext("%(percent)s more visits than in the other period.", percent=told)
    return gettext("%(percent)s fewer visits than in the other period.", percent=told)


def show_ways_change(now: Ways, before: Ways) -> CameraWays:
    """The table as without a comparison; each cell knows the other time's number and the change."""
    shown, changes = show_ways(now), compare_ways(now, before)
    rows = tuple(
        replace(row, changes=tuple(None if each is None else change_words(each) for each in line))
        for row, line in zip(shown.rows, changes, strict=True)
    )
    return replace(shown, rows=rows, is_empty=shown.is_empty and show_ways(before).is_empty)


def show_heat_change(changed: HeatChange, placing: Placing | None) -> CameraHeat:
    """Where people stood longer and where for a shorter time, in the frame of the camera's own picture."""
    numbers = list(_numbered(changed))
    most = max((abs(difference.value) for *_, difference in numbers), default=0.0)
    cells = tuple(
        HeatCell(
            grid_cell(column, row, changed.merged),
            shade(True, abs(difference.value), most),
            f"{place_in_picture(changed.merged, column, row)}: {time_words(difference)}",
            difference.value < 0,
        )
        for column, row, _, difference in numbers
    )
    strongest = sorted(numbers, key=lambda each: -abs(each[3].value))[: 2 * MOST_HOT]
    return CameraHeat(
        changed.camera,
        placing is not None,
        changed.is_known,
        changed.merged,
        cells,
        (),
        tuple(
            (place_in_picture(changed.merged, column, row), in_time(change.now), in_time(change.before), told)
            for column, row, change, difference in sorted(strongest, key=lambda each: -each[3].value)
            if (told := time_words(difference))
        ),
        changed.is_counted,
    )


def heat_change_on_plan(changes: Sequence[HeatChange], plan: FloorPlan) -> tuple[HeatCell, ...]:
    """What changed in the cells of every camera that is placed, where they lie on the plan."""
    return density_cells(
        (
            (
                changed.camera,
                (len(changed.rows[0]), len(changed.rows)),
                [(column, row, each.value, time_words(each)) for column, row, _, each in _numbered(changed)],
            )
            for changed in changes
        ),
        plan,
    )


def _numbered(changed: HeatChange) -> Iterator[tuple[int, int, Change, Published]]:
    """Column, row, change and difference of each cell that changed by more than noise."""
    for row, changes in enumerate(changed.rows):
        for column, change in enumerate(changes):
            difference = change.difference
            if difference is not None and has_changed(change):
                yield column, row, change, difference


def describe_hours(unequal: Mapping[str, tuple[float, float]]) -> list[str]:
    """A sentence for each camera that did not watch for about as long in both periods."""
    return [
        gettext(
            "%(camera)s watched for %(now)s h in this time and for %(before)s h in the other: a difference may come "
            "from that.",
            camera=camera,
            now=number(now),
            before=number(before),
        )
        for camera, (now, before) in unequal.items()
    ]


def stays_of_both(now: Sequence[Stays], before: Sequence[Stays]) -> list[StaysChange]:
    """Both are of the same zones in the same order."""
    return [StaysChange(first, second) for first, second in zip(now, before, strict=True)]
