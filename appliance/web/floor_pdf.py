"""Durations, ways and heat of a period as a sheet to print. Numbers, lines and text; no picture."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from appliance.language import marked
from appliance.reports.rendering import typeset
from appliance.resources import find_resource
from appliance.storage.floor_plan import FloorPlan
from appliance.web.floor_view import (
    PLAN_HEIGHT,
    CameraHeat,
    CameraWays,
    HeatCell,
    PlanMark,
    WayRow,
    ZoneStays,
    draw_plan,
    short_labels,
)
from appliance.web.wording import gettext, this_language

NO_VISIT = marked("No visit has ended here in this time.")
NO_WAY = marked("Nobody was seen going from one zone to another in this time.")
ONLY_NOISE = marked("In this time nothing is more than the noise that anonymity adds; choose a longer one.")
NOT_BOTH = marked("This was not counted in both times, so they are not compared.")


def stays_facts(shown: Sequence[ZoneStays]) -> dict[str, Any]:
    return {"stays": [_stays(zone) for zone in shown]}


def _stays(zone: ZoneStays) -> dict[str, Any]:
    header = [
        gettext("Waiting time") if zone.is_queue else gettext("Time in the zone"),
        gettext("Visits"),
        *((gettext("Other time"), gettext("Change")) if zone.changes else (gettext("Part"),)),
    ]
    rows = [(label, told, words.before, words.change) for label, told, words in zone.changes] or zone.rows
    sentences = f"{zone.told}. {zone.sentence}".strip()
    if zone.before:
        sentences += " " + gettext("In the other time: %(sentence)s", sentence=zone.before)
    return {
        "name": f"{zone.zone} · {zone.camera}",
        "sentence": gettext(NO_VISIT) if zone.is_empty else f"{sentences} {zone.sentence_of_change}".strip(),
        "labels": short_labels(),
        "bars": [] if zone.is_empty else [(told.value, told.margin) for told in zone.drawn],
        "others": [told.value for told in zone.others],
        "top": zone.plot.top,
        "header": header,
        "rows": rows,
    }


def ways_facts(shown: Sequence[CameraWays]) -> dict[str, Any]:
    return {
        "ways": [
            {
                "name": ways.camera,
                "sentence": gettext(NO_WAY) if ways.is_empty else "",
                "corner": f"{gettext('From')} / {gettext('To')}",
                "zones": ways.zones,
                "rows": [] if ways.is_empty else [{"zone": row.zone, "cells": _way_cells(row)} for row in ways.rows],
            }
            for ways in shown
        ]
    }


def _way_cells(row: WayRow) -> list[tuple[str, int] | None]:
    """Beside another time each cell says the number then, and the change."""
    if not row.changes:
        return list(row.cells)
    return [
        None
        if cell is None or words is None
        else (f"{cell[0]}\n{gettext('then %(number)s', number=words.before)}\n{words.change}", cell[1])
        for cell, words in zip(row.cells, row.changes, strict=True)
    ]


def heat_facts(shown: Sequence[CameraHeat], cells: Sequence[HeatCell], plan: FloorPlan) -> dict[str, Any]:
    drawn = {
        "width": PLAN_HEIGHT * plan.proportion,
        "height": PLAN_HEIGHT,
        "cells": [_cell(each) for each in cells],
        "marks": [_mark(each) for each in draw_plan(plan)],
    }
    return {
        "plan": drawn if plan != FloorPlan() else None,
        "heat": [
            {
                "name": heat.camera,
                "sentence": "" if heat.is_known else gettext(ONLY_NOISE if heat.is_counted else NOT_BOTH),
                "cells": [_cell(each) for each in heat.cells if each.shade],
                "header": [
                    gettext("Where most changed"),
                    gettext("Time, all together"),
                    gettext("Other time"),
                    gettext("Change"),
                ]
                if heat.changes
                else [gettext("Where people stood longest"), gettext("Time, all together")],
                "rows": heat.changes or heat.hot,
            }
            for heat in shown
        ],
    }


def make_sheet(title: str, period: str, site: str, made: str, parts: dict[str, Any], now: datetime) -> bytes:
    """PDF/A-3b of `templates/floor.typ`. Raises `RenderingFailed`."""
    facts: dict[str, Any] = {
        "title": title,
        "period": period,
        "site": site,
        "made": made,
        "language": this_language().code,
        "texts": {"page": gettext(marked("Page {page} of {pages}"))},
        "notes": [gettext(marked("The ± beside a number is the 95 %% interval of the noise that anonymity adds."))],
        "stays": [],
        "ways": [],
        "heat": [],
        "plan": None,
        **parts,
    }
    return typeset(find_resource("templates", "floor.typ"), facts, {}, int(now.timestamp()))


def _cell(cell: HeatCell) -> dict[str, Any]:
    return {"points": [tuple(point) for point in cell.points], "shade": cell.shade, "less": cell.is_less}


def _mark(mark: PlanMark) -> dict[str, Any]:
    points = [tuple(point) for point in mark.points]
    return {"kind": mark.kind, "points": points, "text": mark.text, "x": mark.x, "y": mark.y}
