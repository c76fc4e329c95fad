"""The program of the server process, started by path:

    python -I suite/plugin/server/program.py [--path FOLDER]...

It needs CPython 3.11 with NumPy, safetensors and packaging, which may be in the given folders.
"""  # noqa: D415

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def main() -> None:
    """Extend the search path, import the server and run it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--path", action="append", default=[], help="a folder with packages")
    sys.path += parser.parse_args().path
    sys.path.insert(0, str(ROOT))
    from suite.plugin.server.server import serve

    sys.path.remove(str(ROOT))  # the packages stay importable; the other modules in this folder do not
    serve()


if __name__ == "__main__":
    main()
