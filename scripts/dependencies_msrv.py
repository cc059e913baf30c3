"""Reads `cargo metadata` and complains of dependencies of the library that need a newer compiler than $MSRV."""

import json
import os
import sys


def version(text):
    return tuple(int(part) for part in text.split(".")[:2])


def main():
    metadata = json.load(sys.stdin)
    promised = version(os.environ["MSRV"])
    packages = {package["id"]: package for package in metadata["packages"]}
    edges = {node["id"]: node["deps"] for node in metadata["resolve"]["nodes"]}
    reached, left = set(), [id for id, package in packages.items() if package["name"] == "lazy-limiter"]
    while left:
        here = left.pop()
        if here in reached:
            continue
        reached.add(here)
        # Neither what only tests need, nor what only build scripts of the workspace's other members do.
        left += [dep["pkg"] for dep in edges[here] if any(kind["kind"] != "dev" for kind in dep["dep_kinds"])]
    newer = [
        f"{package['name']} {package['version']} needs rust {package['rust_version']}"
        for package in (packages[id] for id in reached)
        if package["rust_version"] and version(package["rust_version"]) > promised
    ]
    if newer:
        sys.exit("\n".join(sorted(newer)))
    print(f"{len(reached) - 1} dependencies need no more than rust {os.environ['MSRV']}")


main()
