"""A generation as every door makes it, the program and the page: from options to waveforms, piece by piece.

Nothing here prints, reads flags or looks at a clock.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax
import numpy as np

from experiments.conditions import ConditionOptions, told
from wavenet_jax.audio.codec import Grid
from wavenet_jax.audio.emphasis import deemphasize
from wavenet_jax.config import Checked, RunConfig, option
from wavenet_jax.model import WaveNet, head_of
from wavenet_jax.sampling import Ancestral, Mode, Strategy, stream, whole_frames
from wavenet_jax.typing import Conditions, Params

MOST_SAMPLES = 2**31 - 1024
"""Of a WAV file, whose header counts bytes in 32 bits."""

_SECONDS = 2.0
_PIECES_PER_SECOND = 10


@dataclass(frozen=True)
class GenerationOptions(Checked):
    """What is made."""

    seconds: float | None = option(None, "Length of each file, in seconds; none: 2, or that of the features.", above=0)
    num_samples: int = option(1, "How many files to make at once.", at_least=1)
    temperature: float = option(1.0, "Below 1 safer and quieter, above 1 more adventurous and noisier.", above=0)
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


class Waveforms(NamedTuple):
    """The next piece of every stream."""

    rows: Sequence[np.ndarray]
    """Of each stream the float32 waveform ``[<= T]`` that it goes on with; empty once it has ended."""


class Generation:
    """Streams that are about to be made."""

    def __init__(
        self,
        run: RunConfig,
        params: Params,
        strategy: Strategy,
        lengths: Sequence[int],
        conditions: Conditions,
        guidance: float | None,
        seed: int,
        originals: Sequence[np.ndarray | None],
    ) -> None:
        """Use ``prepare``."""
        self.rate = run.model.sample_rate
        """Samples per second."""
        self.lengths = lengths
        """Samples of each stream."""
        self.originals = originals
        """For each stream the waveform ``[T]`` that its features were taken from, as it would be heard, or None."""
        self._run, self._params, self._strategy = run, params, strategy
        self._conditions, self._guidance, self._seed = conditions, guidance, seed

    @property
    def streams(self) -> int:
        """How many there are."""
        return len(self.lengths)

    def pieces(self) -> Iterator[Waveforms]:
        """The waveforms as they are made, some tenth of a second at a time; compiles first."""
        run = self._run
        pieces = stream(
            WaveNet(run.model),
            self._params,
            jax.random.key(self._seed),
            self._strategy,
            batch_size=self.streams,
            length=max(self.lengths),
            chunk=whole_frames(run.model, math.ceil(self.rate / _PIECES_PER_SECOND)),
            conditions=self._conditions,
            guidance=self._guidance,
        )
        grid, coefficient = Grid.of(run.model), run.data.pre_emphasis
        latest = np.zeros(self.streams)
        made = 0
        for codes in pieces:
            waveforms = grid.decode(codes)
            if coefficient is not None:
                rows = zip(waveforms, latest, strict=True)
                waveforms = np.stack([deemphasize(waveform, coefficient, previous) for waveform, previous in rows])
                latest = waveforms[:, -1]
            yield Waveforms([row[: max(0, n - made)] for row, n in zip(waveforms, self.lengths, strict=True)])
            made += codes.shape[1]


def prepare(run: RunConfig, params: Params, options: GenerationOptions, conditions: ConditionOptions) -> Generation:
    """A generation with the network of a run.

    Raises:
      ValueError: the options do not fit each other, the network or the files that they name.
    """
    strategy = _strategy(options, run)
    known = told(conditions, run, options.num_samples)
    length = _length(options.seconds, known.samples, run.model.sample_rate)
    original = known.original
    if original is not None:
        original = original[:length]
        if run.data.pre_emphasis is not None:
            original = deemphasize(original, run.data.pre_emphasis)
    return Generation(
        run,
        params,
        strategy,
        [length] * options.num_samples,
        known.conditions,
        conditions.guidance,
        options.seed,
        [original] * options.num_samples,
    )


def _strategy(options: GenerationOptions, run: RunConfig) -> Strategy:
    truncation = {name: getattr(options, name) for name in ("top_k", "top_p", "min_p")}
    given = [name for name, value in truncation.items() if value is not None]
    if given and not head_of(run.model).truncates:
        raise ValueError(
            f"{given[0]} needs a head that gives probabilities of levels, not {run.model.head}; leave it out"
        )
    if not options.mode:
        return Ancestral(options.temperature, **truncation)
    if given:
        raise ValueError(f"mode draws nothing, so {given[0]} means nothing with it; leave one of them out")
    return Mode()


def _length(seconds: float | None, told: int | None, rate: int) -> int:
    """Samples of each file."""
    if seconds is None:
        return told or round(_SECONDS * rate)
    length = round(seconds * rate)
    longest = MOST_SAMPLES // rate if told is None else told / rate
    if not 1 <= length <= longest * rate:
        what = "" if told is None else ", which is how long the features last"
        raise ValueError(f"seconds must be between {1 / rate:g} and {longest:g} at {rate} Hz{what}, got {seconds:g}")
    return length
