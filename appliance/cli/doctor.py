"""`veilsight doctor`: checks everything and says what to do."""

import argparse
import json

from appliance.settings import Paths


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("doctor", help="check everything and say what to do")
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.services.doctor import examine

    findings = examine(paths)
    if options.json:
        print(
            json.dumps([{"check": each.check, "state": each.state, "text": each.text} for each in findings], indent=2)
        )
    else:
        marks = {"fine": "ok  ", "note": "note", "wrong": "FAIL"}
        for each in findings:
            print(f"{marks[each.state]}  {each.check}: {each.text}")
    return 1 if any(each.state == "wrong" for each in findings) else 0
