"""Options of a generation: what it makes, and how its samples are chosen."""

import itertools
import math
from dataclasses import dataclass

from wavenet_jax.config import Checked, RunConfig, option
from wavenet_jax.engine import FORMATS
from wavenet_jax.model import TRUNCATIONS, head_of
from wavenet_jax.sampling import ENGINES, Ancestral, Mode, Schedule, Strategy

MOST_PASSES = 20
"""The most passes of mel equalisation, a few of which are enough."""


@dataclass(frozen=True)
class GenerationOptions(Checked):
    """Length, prompts and randomness of what is generated."""

    seconds: float | None = option(
        None, "Length to generate, in seconds; none: 2, or the length of the features.", above=0
    )
    num_samples: int = option(1, "Number of files to generate at once; with recordings, for each of them.", at_least=1)
    prime: tuple[str, ...] = option(
        (), "Recording to continue; repeat for several, which are continued side by side.", path=True
    )
    prime_seconds: float | None = option(
        None, "Continue only the first part of the recording, of this length in seconds; none: all of it.", above=0
    )
    include_prompt: bool = option(
        False, "Write the prompt, quantised to the network's levels, before what is generated."
    )
    temperature: float = option(
        1.0, "Sampling temperature: below 1 safer and quieter, above 1 more adventurous and noisier.", above=0
    )
    temperature_at: tuple[str, ...] = option(
        (),
        "Temperature at a time of the sound, its prompt included, as SECONDS:TEMPERATURE, instead of "
        "temperature; repeat for several, interpolated linearly.",
    )
    unvoiced_temperature: float | None = option(
        None, "Temperature where the features f0 say that there is no pitch; none: as elsewhere.", above=0
    )
    top_k: int | None = option(None, "Sample only from the k most probable levels; none: all.", at_least=1)
    top_p: float | None = option(
        None,
        "Sample only from the smallest set of levels that holds this share of the probability; none: all.",
        above=0,
        at_most=1,
    )
    min_p: float | None = option(
        None,
        "Sample only from levels at least this fraction as probable as the most probable one; none: all.",
        at_least=0,
        at_most=1,
    )
    mode: bool = option(False, "Always take the most probable level instead of sampling.")
    seed: int = option(0, "Random seed.", at_least=0, at_most=2**31 - 1)
    best_of: int = option(1, "Generate this many takes of each file and keep the most likely one.", at_least=1)
    mel_equalization: int = option(
        0,
        "Passes that bring the log-mel of a copy closer to its features, by a gain for each band of each frame; each "
        "one delays sound by about a window (fft_size). 0: none.",
        at_least=0,
        at_most=MOST_PASSES,
    )
    load_session: str | None = option(None, "Session file to resume, with its randomness.", path=True)
    save_session: str | None = option(
        None, "File (.safetensors) to save the final state of the streams in, for load_session.", path=True
    )
    devices: int | None = option(
        None,
        "Devices (on a CPU, cores) that share the streams evenly; the scan's samples depend on their number. "
        "None: as many as possible.",
        at_least=1,
    )

    engine: str = option(
        "auto",
        "Sampler: native (C++, on CPUs), scan (JAX, on every device), or auto (native where it can run).",
        choices=ENGINES,
    )
    weights: str = option(
        "float32",
        "Number format of the weights; the others need the native engine, and int8 is the fastest.",
        choices=FORMATS,
    )

    def check_together(self) -> None:
        if self.engine == "scan" and self.weights != "float32":
            raise ValueError(f"weights={self.weights} needs the native engine, got engine=scan; leave one of them out")
        for name in ("prime_seconds", "include_prompt"):
            if getattr(self, name) and not self.prime:
                raise ValueError(f"{name} needs a clip to continue; give prime=CLIP, or leave {name} out")
        if self.load_session is not None:
            begun = [name for name in ("prime", "seed") if getattr(self, name)]
            if begun:
                raise ValueError(f"{begun[0]} has no effect with load_session, which has its own; leave it out")
        for name in ("load_session", "save_session"):
            if getattr(self, name) is not None and self.best_of > 1:
                raise ValueError(f"{name} needs streams that are all kept, unlike best_of; leave one of them out")
            if getattr(self, name) is not None and self.mel_equalization:
                raise ValueError(
                    f"{name} keeps nothing of what mel_equalization holds back, so there would be a gap; leave one of "
                    "them out"
                )
        given = [name for name in TRUNCATIONS if getattr(self, name) is not None]
        given += ["temperature_at"] if self.temperature_at else []
        given += ["unvoiced_temperature"] if self.unvoiced_temperature else []
        given += ["best_of"] if self.best_of > 1 else []
        if self.mode and given:
            raise ValueError(f"mode does not sample, so {given[0]} has no effect; leave one of them out")


def strategy_of(options: GenerationOptions, run: RunConfig) -> Strategy:
    """Returns the strategy that chooses the samples.

    Raises:
      ValueError: the network's head does not support it, or the times of a schedule do not rise.
    """
    if options.mode:
        return Mode()
    values = {name: getattr(options, name) for name in TRUNCATIONS}
    truncation = {name: value for name, value in values.items() if value is not None}
    if truncation and not head_of(run.model).truncates:
        raise ValueError(
            f"{next(iter(truncation))} needs a head that gives probabilities of levels, not {run.model.head}; "
            "leave it out"
        )
    if options.unvoiced_temperature is not None and "f0" not in run.model.features.local_features:
        raise ValueError("unvoiced_temperature needs a network conditioned on pitch (local_features=f0); leave it out")
    if not options.temperature_at:
        return Ancestral(options.temperature, truncation, options.unvoiced_temperature)
    points = [_point(text) for text in options.temperature_at]
    if any(later[0] <= earlier[0] for earlier, later in itertools.pairwise(points)):
        raise ValueError(f"times of temperature_at must rise, got {', '.join(options.temperature_at)}")
    rate = run.model.sample_rate
    schedule = Schedule.through([(seconds * rate, temperature) for seconds, temperature in points])
    return Ancestral(schedule, truncation, options.unvoiced_temperature)


def _point(text: str) -> tuple[float, float]:
    """Parses seconds and a temperature."""
    try:
        seconds, temperature = map(float, text.split(":"))
    except ValueError:
        seconds = temperature = math.nan
    if not (0 <= seconds < math.inf and 0 < temperature < math.inf):
        raise ValueError(
            f"temperature_at must be SECONDS:TEMPERATURE, like 0.5:0.8, with a temperature above 0, got {text!r}"
        )
    return seconds, temperature
