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
    ZoneStays,
    draw_plan,
    short_labels,
)
from appliance.web.wording import gettext, this_language

NO_VISIT = marked("No visit has ended here in this time.")
NO_WAY = marked("Nobody was seen going from one zone to another in this time.")
ONLY_NOISE = marked("In this time nothing is more than the noise that anonymity adds; choose a longer one.")


def stays_facts(shown: Sequence[ZoneStays]) -> dict[str, Any]:
    return {
        "stays": [
            {
                "name": f"{zone.zone} · {zone.camera}",
                "sentence": gettext(NO_VISIT) if zone.is_empty else f"{zone.told}. {zone.sentence}",
                "labels": short_labels(),
                "bars": [] if zone.is_empty else [(told.value, told.margin) for told in zone.drawn],
                "top": zone.plot.top,
                "header": [
                    gettext("Waiting time") if zone.is_queue else gettext("Time in the zone"),
                    gettext("Visits"),
                    gettext("Part"),
                ],
                "rows": zone.rows,
            }
            for zone in shown
        ]
    }


def ways_facts(shown: Sequence[CameraWays]) -> dict[str, Any]:
    return {
        "ways": [
            {
                "name": ways.camera,
                "sentence": gettext(NO_WAY) if ways.is_empty else "",
                "corner": f"{gettext('From')} / {gettext('To')}",
                "zones": ways.zones,
                "rows": [] if ways.is_empty else [{"zone": row.zone, "cells": row.cells} for row in ways.rows],
            }
            for ways in shown
        ]
    }


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
                "sentence": "" if heat.is_known else gettext(ONLY_NOISE),
                "cells": [_cell(each) for each in heat.cells if each.shade],
                "header": [gettext("Where people stood longest"), gettext("Time, all together")],
                "rows": heat.hot,
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
    return {"points": [tuple(point) for point in cell.points], "shade": cell.shade}


def _mark(mark: PlanMark) -> dict[str, Any]:
    points = [tuple(point) for point in mark.points]
    return {"kind": mark.kind, "points": points, "text": mark.text, "x": mark.x, "y": mark.y}
