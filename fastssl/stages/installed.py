"""Stages that other packages bring, by the entry point group `fastssl.stages`.

Covers: finding them without importing anything, importing the entry or the defaults of one, and one line on what is
wrong with a package. Does not cover: built-in stages, classes of settings (`registry.py`). Torch-free itself; whether a
package is depends on what its module imports.
"""

from __future__ import annotations

import importlib
import re
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from fastssl.config.train import TrainConfig, TrainingSettings
from fastssl.errors import ConfigError
from fastssl.stages.entry import StageEntry

GROUP = "fastssl.stages"

_NAME = re.compile(r"[a-z][a-z0-9_-]*")


@dataclass(frozen=True, kw_only=True)
class InstalledStage:
    """A stage of another package, not yet imported.

    Args:
        name: of the stage.
        packages: that bring one of this name, with their versions; one can be used only where it is alone.
        module: that has the `StageEntry` as STAGE.
    """

    name: str
    packages: tuple[str, ...]
    module: str

    def entry(self) -> StageEntry:
        """Import what the package says of its stage.

        Returns:
            Its `StageEntry`.

        Raises:
            ConfigError: several packages have a stage of this name, the module cannot be imported, or it has no sound
                entry.
        """
        if len(self.packages) > 1:
            raise ConfigError([f"stage={self.name!r}: of {' and '.join(self.packages)}; uninstall all but one"])
        found = getattr(self._imported(self.module), "STAGE", None)
        if not isinstance(found, StageEntry):
            raise self._broken(f"{self.module} has no STAGE that is a StageEntry")
        wrong = _fault_of(found, self.name)
        if wrong:
            raise self._broken(wrong)
        return found

    def defaults(self) -> Any:
        """Import the defaults of the stage, and make them.

        Returns:
            Its `StageDefaults`.

        Raises:
            ConfigError: as of `entry`, or the class cannot be imported or made.
        """
        place = self.entry().defaults
        module, _, attribute = place.partition(":")
        found = getattr(self._imported(module), attribute, None)
        if found is None:
            raise self._broken(f"{module} has no {attribute}")
        try:
            return found()
        except Exception as error:
            raise self._broken(f"{place}: {_line_of(error)}") from error

    def _imported(self, module: str) -> Any:
        try:
            return importlib.import_module(module)
        except (Exception, SystemExit) as error:
            raise self._broken(_line_of(error)) from error

    def _broken(self, why: str) -> ConfigError:
        return ConfigError([f"stage={self.name!r}: package {self.packages[0]} cannot be used: {why}"])


@dataclass(frozen=True, kw_only=True)
class InstalledStages:
    """What the packages of this environment bring.

    Args:
        stages: by name, in the order of their names.
        refused: one line for each entry point that is left out, for warnings.
    """

    stages: dict[str, InstalledStage]
    refused: tuple[str, ...]


def find_installed(taken: Collection[str]) -> InstalledStages:
    """Find the stages of other packages; imports none of them.

    Args:
        taken: names that fastssl has itself, and that no package can replace.

    Returns:
        The stages, and what is left out.
    """
    found, refused = defaultdict(list), []
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        if point.name in taken:
            refused.append(f"stage {point.name!r} of package {_package_of(point)} is left out: fastssl has that name")
        elif not _NAME.fullmatch(point.name):
            refused.append(
                f"stage {point.name!r} of package {_package_of(point)} is left out: "
                "a name is of small letters, digits, - and _, from a letter on"
            )
        else:
            found[point.name].append(point)
    stages = {
        name: InstalledStage(name=name, packages=tuple(map(_package_of, points)), module=points[0].value)
        for name, points in found.items()
    }
    return InstalledStages(stages=stages, refused=tuple(refused))


def _package_of(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist and point.dist.name else "of unknown name"


def _fault_of(entry: StageEntry, name: str) -> str:
    """What is wrong with an entry; "" for nothing."""
    if not _is_class(entry.config, TrainConfig):
        return "the config of its STAGE is no subclass of fastssl.config.train.TrainConfig"
    if not (_is_class(entry.settings, entry.config) and _is_class(entry.settings, TrainingSettings)):
        return "the settings of its STAGE are no subclass of TrainingSettings and of its config"
    for kind in (entry.config, entry.settings):
        given = kind.model_fields["stage"].default
        if given != name:
            return f"{kind.__name__}.stage is {given!r}, and its entry point is called {name!r}"
    try:
        entry.next_command.format(run="run")
    except (AttributeError, IndexError, KeyError, ValueError):
        return f"the next_command of its STAGE is {entry.next_command!r}; {{run}} alone may be filled in"
    return ""


def _is_class(found: Any, base: type) -> bool:
    return isinstance(found, type) and issubclass(found, base)


def _line_of(error: BaseException) -> str:
    """An error as one line."""
    said = str(error).strip().splitlines()
    return f"{type(error).__name__}: {said[0]}" if said else type(error).__name__
