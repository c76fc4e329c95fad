"""Maps folders to installed packages; everything else is in pyproject.toml.

`reference`, `suite` and `reports` are names too generic to install beside other people's packages. A wheel therefore
has one package, `rmsuite`. It holds the plugin's modules (`suite/plugin` in a checkout) and, as subpackages,
`reference`, `suite` and `reports`. An editable install makes the three importable under their own names as well.
"""

from __future__ import annotations

from setuptools import find_packages, setup
from setuptools.command.editable_wheel import editable_wheel

PACKAGES = find_packages(include=["reference*", "suite*", "reports*"])
PLUGIN = {
    name: name.replace("suite.plugin", "rmsuite", 1)
    for name in PACKAGES
    if f"{name}.".startswith("suite.plugin.") and not name.startswith("suite.plugin.server")
}
INSTALLED = {PLUGIN.get(name, f"rmsuite.{name}"): name.replace(".", "/") for name in PACKAGES}


class Editable(editable_wheel):
    """An editable install, in which `reference`, `suite` and `reports` keep their own names."""

    def run(self) -> None:
        """Change the package layout, then build."""
        plugin = {installed: name.replace(".", "/") for name, installed in PLUGIN.items()}
        self.distribution.packages = [*plugin, "rmsuite.reference", *PACKAGES]
        self.distribution.package_dir = {**plugin, "rmsuite.reference": "reference"}
        super().run()


setup(packages=list(INSTALLED), package_dir=INSTALLED, cmdclass={"editable_wheel": Editable})
