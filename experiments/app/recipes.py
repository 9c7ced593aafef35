"""Recipes that the page trains by: presets of the project, on the folders that the page was given."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from experiments.app.options import ROOT, PageOptions, near
from experiments.app.runs import RunEntry, unique_names
from experiments.support import flags, presets
from wavenet_jax.config import DataConfig, RunConfig
from wavenet_jax.runs import to_flagfile

_SPEECH = ROOT / "examples" / "speech"
SYNTHETIC = "synthetic sounds"


@dataclass(frozen=True)
class Recipe:
    """A preset and how it is trained."""

    title: str
    name: str
    """Begins the names of its run directories."""
    help: str
    arguments: tuple[str, ...]
    """Flags of a training run, without its data."""

    def config(self, folders: tuple[str, ...], num_steps: int | None = None) -> RunConfig:
        """The whole run on some folders (none: synthetic sounds).

        Raises:
          ValueError: its preset cannot be read.
        """
        (config,) = flags.read([RunConfig], ["page", *self.arguments])
        data = dataclasses.replace(config.data, data_dir=folders)
        train = config.train if num_steps is None else dataclasses.replace(config.train, num_steps=num_steps)
        return dataclasses.replace(config, data=data, train=train)


def _preset(name: str) -> str:
    return f"--flagfile={presets.FOLDER / name}.flags"


RECIPES = (
    Recipe(
        "a first sound, about a minute",
        "first",
        "The base network for 250 steps: enough to hear that it learns.",
        (
            *(_preset("demo"), "--num_steps=250", "--warmup_steps=25", "--validate_every=50", "--save_every=50"),
            *("--log_every=5", "--validation_samples=100000", "--learning_rate=2e-2"),
        ),
    ),
    Recipe("the demonstration, some minutes", "demo", "The base network for 900 steps.", (_preset("demo"),)),
    Recipe(
        "the base network, half an hour",
        "base",
        "64 ms of context, 0.5 million parameters.",
        (_preset("base"), "--validate_every=500"),
    ),
    Recipe(
        "a vocoder, half an hour",
        "vocoder",
        "A small network behind linear prediction: it turns a recording's log-mel spectrum and pitch into sound.",
        (_preset("vocoder"), "--validate_every=500", "--num_steps=11000"),
    ),
    Recipe(
        "WaveNet as published, hours",
        "paper",
        "30 layers, 192 ms of context.",
        (
            *(_preset("paper"), "--batch_size=2", "--schedule=cosine", "--learning_rate=5e-3", "--warmup_steps=100"),
            *("--validate_every=500", "--num_steps=40000"),
        ),
    ),
    Recipe(
        "tiny, some seconds",
        "tiny",
        "Three layers at 4 kHz: shows that all parts work, and sounds like nothing.",
        (_preset("tiny"), "--num_steps=400", "--validate_every=100", "--save_every=100", "--log_every=10"),
    ),
)


def arguments(config: RunConfig) -> list[str]:
    """The flags of a run, without those that only say what is so by itself."""
    usual = set(to_flagfile(RunConfig()).splitlines())
    return [line for line in to_flagfile(config).splitlines() if line not in usual]


def available() -> list[Recipe]:
    """Returns the recipes whose presets can be read."""
    found = []
    for recipe in RECIPES:
        try:
            recipe.config(())
        except ValueError:
            continue
        found.append(recipe)
    return found


def sources(options: PageOptions, runs: list[RunEntry]) -> dict[str, DataConfig]:
    """Returns the data to listen to and to learn from, by name.

    They are the folders that the server was given, those of the runs, the speech that comes with the project, and
    synthetic sounds.
    """
    configs: dict[tuple[str, ...], DataConfig] = {}
    folders = [near(_SPEECH)] if _SPEECH.is_dir() else []
    for folder in [*options.data_dir, *folders]:
        configs.setdefault((str(Path(folder).resolve()),), DataConfig(data_dir=(folder,)))
    for run in runs:
        try:
            data = run.config().data
        except ValueError:
            continue
        if len(data.data_dir) == 1 and Path(data.data_dir[0]).is_dir():
            as_recorded = dataclasses.replace(data, pre_emphasis=None)
            configs.setdefault((str(Path(data.data_dir[0]).resolve()),), as_recorded)
    names = unique_names([folder for (folder,) in configs])
    return dict(zip(names, configs.values(), strict=True)) | {SYNTHETIC: DataConfig()}
