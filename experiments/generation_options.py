"""What a generation is asked for, and how its samples are chosen."""

import itertools
import math
from dataclasses import dataclass

from wavenet_jax.config import Checked, RunConfig, option
from wavenet_jax.model import head_of
from wavenet_jax.sampling import Ancestral, Mode, Schedule, Strategy


@dataclass(frozen=True)
class GenerationOptions(Checked):
    """What is made."""

    seconds: float | None = option(
        None, "Length of what is made, in seconds; none: 2, or what the features last.", above=0
    )
    num_samples: int = option(1, "How many files to make at once; of each clip, where clips are given.", at_least=1)
    prime: tuple[str, ...] = option((), "Recording to continue; repeat for several, which are continued side by side.")
    prime_seconds: float | None = option(
        None, "Continue only so much of its beginning, in seconds; none: the whole recording.", above=0
    )
    include_prompt: bool = option(False, "Write what is continued, as the network hears it, in front of what is made.")
    temperature: float = option(1.0, "Below 1 safer and quieter, above 1 more adventurous and noisier.", above=0)
    temperature_at: tuple[str, ...] = option(
        (),
        "Temperature at a time of the sound, its prompt included, as SECONDS:TEMPERATURE, instead of --temperature; "
        "repeat for several, with straight lines between them.",
    )
    top_k: int | None = option(None, "Draw among so many of the most probable levels; none: all.", at_least=1)
    top_p: float | None = option(
        None, "Draw among the fewest levels that hold this share of the probability; none: all.", above=0, at_most=1
    )
    min_p: float | None = option(
        None,
        "Draw among levels at least this share as probable as the most probable; none: all.",
        at_least=0,
        at_most=1,
    )
    mode: bool = option(False, "Always take the most probable level; no draw.")
    seed: int = option(0, "Seed of the generation.", at_least=0, at_most=2**31 - 1)
    best_of: int = option(1, "Make so many takes of each file, and keep the most likely one.", at_least=1)
    load_session: str | None = option(
        None, "Session file to go on from, with what was told then; its randomness goes on too."
    )
    save_session: str | None = option(
        None, "File (.safetensors) for where the streams stand at the end, for --load_session."
    )
    devices: int | None = option(
        None,
        "Devices, or cores, that share the streams evenly; each number has its own result. None: as many as can.",
        at_least=1,
    )

    def check_together(self) -> None:
        for name in ("prime_seconds", "include_prompt"):
            if getattr(self, name) and not self.prime:
                raise ValueError(f"{name} needs a clip to continue; give --prime=CLIP, or leave {name} out")
        if self.load_session is not None:
            begun = [name for name in ("prime", "seed") if getattr(self, name)]
            if begun:
                raise ValueError(f"a session was begun already, so {begun[0]} means nothing with load_session")
        for name in ("load_session", "save_session"):
            if getattr(self, name) is not None and self.best_of > 1:
                raise ValueError(f"{name} is for streams that are all kept; leave out best_of, or {name}")
        given = [name for name in ("top_k", "top_p", "min_p") if getattr(self, name) is not None]
        given += ["temperature_at"] if self.temperature_at else []
        given += ["best_of"] if self.best_of > 1 else []
        if self.mode and given:
            raise ValueError(f"mode draws nothing, so {given[0]} means nothing with it; leave one of them out")


def strategy_of(options: GenerationOptions, run: RunConfig) -> Strategy:
    """How samples are chosen.

    Raises:
      ValueError: the network's head cannot, or a schedule makes no sense.
    """
    if options.mode:
        return Mode()
    truncation = {name: getattr(options, name) for name in ("top_k", "top_p", "min_p")}
    given = [name for name, value in truncation.items() if value is not None]
    if given and not head_of(run.model).truncates:
        raise ValueError(
            f"{given[0]} needs a head that gives probabilities of levels, not {run.model.head}; leave it out"
        )
    if not options.temperature_at:
        return Ancestral(options.temperature, **truncation)
    points = [_point(text) for text in options.temperature_at]
    if any(later[0] <= earlier[0] for earlier, later in itertools.pairwise(points)):
        raise ValueError(f"times of temperature_at must rise, got {', '.join(options.temperature_at)}")
    rate = run.model.sample_rate
    schedule = Schedule.through([(seconds * rate, temperature) for seconds, temperature in points])
    return Ancestral(schedule, **truncation)


def _point(text: str) -> tuple[float, float]:
    """Seconds and a temperature."""
    try:
        seconds, temperature = map(float, text.split(":"))
    except ValueError:
        seconds = temperature = math.nan
    if not (0 <= seconds < math.inf and 0 < temperature < math.inf):
        raise ValueError(
            f"temperature_at must be SECONDS:TEMPERATURE, as 0.5:0.8, with a temperature above 0, got {text!r}"
        )
    return seconds, temperature
