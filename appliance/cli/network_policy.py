"""`veilsight network-policy`: which addresses each program may reach, written into the units' drop-ins."""

import argparse
from pathlib import Path

from appliance.settings import Paths, load_settings


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "network-policy", help="the addresses that systemd lets each program reach: show them, or write them"
    )
    parser.add_argument("--write", action="store_true", help="write the units' drop-ins and let systemd read them")
    parser.add_argument("--units", type=Path, metavar="DIRECTORY", help="where drop-ins lie (/etc/systemd/system)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.services import network_policy
    from appliance.services.guarding import CHANGED
    from appliance.storage import cameras
    from appliance.storage.database import reading
    from appliance.storage.site import open_site

    # Gone before the cameras are read: what changes meanwhile asks again.
    if options.write:
        (paths.run / CHANGED).unlink(missing_ok=True)
    with reading(open_site(paths).engine) as connection:
        policy = network_policy.policy_for(cameras.list_cameras(connection), load_settings(paths.settings_file))
    for host in policy.unknown:
        print(f"{host} can't be looked up now, so nothing reaches it; it is tried again each hour")
    if not options.write:
        for program, text in policy.drop_ins.items():
            print(f"# veilsight-{program}.service\n{text}")
        return 0
    changed = network_policy.write_policy(policy, options.units or network_policy.UNITS)
    if changed:
        network_policy.apply_policy()
    print(f"written: {', '.join(changed)}" if changed else "the drop-ins are as they should be")
    return 0
