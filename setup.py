"""Where packages go; all else stands in pyproject.toml.

`reference`, `suite` and `reports` are names too generic to lie beside other people's packages. So a wheel has one
package, `rmsuite`, with those three in a folder of it, `rmsuite/house`, from where they are run in processes of their
own. Only an editable install, which is for work on the house itself, has them importable too.
"""

from __future__ import annotations

from setuptools import find_packages, setup
from setuptools.command.editable_wheel import editable_wheel

ROOMS = find_packages(include=["reference*", "suite*", "reports*"])
OURS = {room.replace("suite.plugin", "rmsuite", 1): room for room in ROOMS if f"{room}.".startswith("suite.plugin.")}
HOUSE = {f"rmsuite.house.{room}": room for room in ROOMS if room not in OURS.values()}


def folders(packages: dict[str, str]) -> dict[str, str]:
    """Package -> its folder."""
    return {name: room.replace(".", "/") for name, room in packages.items()}


class Editable(editable_wheel):
    """The rooms under their own names, beside `rmsuite`."""

    def run(self) -> None:
        """Change the layout first."""
        self.distribution.packages = [*OURS, *ROOMS]
        self.distribution.package_dir = folders(OURS)
        super().run()


setup(packages=[*OURS, *HOUSE], package_dir=folders({**OURS, **HOUSE}), cmdclass={"editable_wheel": Editable})
