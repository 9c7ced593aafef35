"""A generation as every door makes it, the program and the page: from options to waveforms, piece by piece.

Nothing here prints, reads flags or looks at a clock.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax
import numpy as np

from experiments.conditions import ConditionOptions, Told, side_by_side, told
from experiments.outputs import MOST_SAMPLES
from wavenet_jax.audio.codec import Grid
from wavenet_jax.audio.emphasis import Deemphasis, deemphasize
from wavenet_jax.config import Checked, RunConfig, option
from wavenet_jax.data import blocks, open_clip
from wavenet_jax.model import WaveNet, head_of
from wavenet_jax.sampling import Ancestral, Mode, Schedule, Strategy, stream, whole_frames
from wavenet_jax.typing import Params

_SECONDS = 2.0
_PIECES_PER_SECOND = 10


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

    def check_together(self) -> None:
        for name in ("prime_seconds", "include_prompt"):
            if getattr(self, name) and not self.prime:
                raise ValueError(f"{name} needs a clip to continue; give --prime=CLIP, or leave {name} out")
        given = [name for name in ("top_k", "top_p", "min_p") if getattr(self, name) is not None]
        given += ["temperature_at"] if self.temperature_at else []
        given += ["best_of"] if self.best_of > 1 else []
        if self.mode and given:
            raise ValueError(f"mode draws nothing, so {given[0]} means nothing with it; leave one of them out")


class Waveforms(NamedTuple):
    """The next piece of every stream, which it goes on with; empty once it has ended."""

    rows: Sequence[np.ndarray]
    """Float32 ``[T]`` of each stream; with the first piece comes the prompt in front, where it is included."""
    nats: Sequence[np.ndarray]
    """Log-likelihoods of the samples that were made, float32 ``[T]`` of each stream."""


class Generation:
    """Streams that are about to be made: the takes of the first file, then those of the second, and so on."""

    def __init__(
        self,
        run: RunConfig,
        params: Params,
        strategy: Strategy,
        plans: "Sequence[_Plan]",
        options: GenerationOptions,
        guidance: float | None,
    ) -> None:
        """Use ``prepare``."""
        self.rate = run.model.sample_rate
        """Samples per second."""
        self.takes = options.best_of
        """Takes of each file."""
        self.lengths = [plan.length + len(plan.prompt) * options.include_prompt for plan in plans]
        """Samples of each file."""
        self.originals = [plan.original for plan in plans]
        """For each file the waveform ``[T]`` that its features were taken from, as it would be heard, or None."""
        self._run, self._params, self._strategy, self._options = run, params, strategy, options
        self._plans = [plan for plan in plans for _ in range(self.takes)]
        self._guidance = guidance
        self._nats, self._samples = np.zeros((2, len(self._plans)))

    @property
    def streams(self) -> int:
        """Takes of all files."""
        return len(self._plans)

    @property
    def samples(self) -> int:
        """Samples that will be made of all streams together."""
        return sum(plan.length for plan in self._plans)

    @property
    def bits_per_sample(self) -> np.ndarray:
        """Of each stream ``[streams]``: the mean negative log-likelihood of what was made so far; NaN before that."""
        with np.errstate(invalid="ignore"):
            return -self._nats / self._samples / math.log(2)

    def best(self) -> list[int]:
        """The number of the most likely take of each file, by what was made so far."""
        return [int(np.argmin(takes)) for takes in self.bits_per_sample.reshape(-1, self.takes)]

    def pieces(self) -> Iterator[Waveforms]:
        """The waveforms as they are made, a tenth of a second at a time; compiles first."""
        model, plans = self._run.model, self._plans
        decode = _Decoder(self._run, len(plans))
        fronts = decode([plan.prompt for plan in plans])
        if not self._options.include_prompt:
            fronts = [front[:0] for front in fronts]
        pieces = stream(
            WaveNet(model),
            self._params,
            jax.random.key(self._options.seed),
            self._strategy,
            batch_size=self.streams,
            length=[plan.length for plan in plans],
            chunk=whole_frames(model, math.ceil(self.rate / _PIECES_PER_SECOND)),
            conditions=side_by_side([plan.told.conditions for plan in plans]),
            guidance=self._guidance,
            prompts=[plan.prompt for plan in plans] if self._options.prime else None,
            scored=True,
        )
        for piece in pieces:
            assert piece.nats is not None
            nats = [row[:length] for row, length in zip(piece.nats, piece.lengths, strict=True)]
            self._nats += [row.sum(dtype=np.float64) for row in nats]
            self._samples += piece.lengths
            rows = decode([row[:length] for row, length in zip(piece.codes, piece.lengths, strict=True)])
            yield Waveforms([np.concatenate(both) for both in zip(fronts, rows, strict=True)], nats)
            fronts = [front[:0] for front in fronts]


class _Decoder:
    """From codes to the waveforms of streams, with the pre-emphasis of the run's data undone."""

    def __init__(self, run: RunConfig, streams: int) -> None:
        self._grid = Grid.of(run.model)
        coefficient = run.data.pre_emphasis
        self._undo = None if coefficient is None else [Deemphasis(coefficient) for _ in range(streams)]

    def __call__(self, codes: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Float32 ``[T]`` of the next codes ``[T]`` of each stream."""
        rows = [self._grid.decode(row) for row in codes]
        return rows if self._undo is None else [undo(row) for undo, row in zip(self._undo, rows, strict=True)]


@dataclass(frozen=True)
class _Plan:
    """What becomes of one file."""

    told: Told
    prompt: np.ndarray  # codes [T]; none of them where nothing is continued
    length: int  # samples to be made
    original: np.ndarray | None


def file_count(options: GenerationOptions, conditions: ConditionOptions) -> int:
    """How many files there will be: ``num_samples`` for each clip that is continued or given a voice.

    Raises:
      ValueError: there are several clips of both, and not as many of one as of the other.
    """
    counts = {len(options.prime), len(conditions.mel_from)} - {0, 1}
    if len(counts) > 1:
        raise ValueError(
            f"prime and mel_from need as many clips, or one, got {len(options.prime)} and {len(conditions.mel_from)}"
        )
    return options.num_samples * max(counts, default=1)


def prepare(run: RunConfig, params: Params, options: GenerationOptions, conditions: ConditionOptions) -> Generation:
    """A generation with the network of a run.

    Raises:
      ValueError: the options do not fit each other, the network or the files that they name.
    """
    strategy = _strategy(options, run)
    clips = file_count(options, conditions) // options.num_samples
    tellings = told(conditions, run)
    prompts = [_prompt(path, run, options.prime_seconds) for path in options.prime] or [np.zeros(0, np.int32)]
    plans = [
        _plan(options, run, tellings[clip % len(tellings)], prompts[clip % len(prompts)])
        for clip in range(clips)
        for _ in range(options.num_samples)
    ]
    return Generation(run, params, strategy, plans, options, conditions.guidance)


def _strategy(options: GenerationOptions, run: RunConfig) -> Strategy:
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


def _prompt(path: str, run: RunConfig, seconds: float | None) -> np.ndarray:
    """Codes of the beginning of a recording; of whole frames, where the network is told features."""
    source, grid, hop = open_clip(path, run.data, run.model), Grid.of(run.model), run.model.features.hop_samples
    codes = np.concatenate([grid.encode(block) for block in blocks(source, 0)])
    if seconds is not None:
        codes = codes[: round(seconds * run.model.sample_rate)]
    if run.model.is_local:
        codes = codes[: len(codes) // hop * hop]
    if not len(codes):
        least = (hop if run.model.is_local else 1) / run.model.sample_rate
        raise ValueError(f"there is too little of {path} to continue; at least {least:g} s are needed")
    return codes


def _plan(options: GenerationOptions, run: RunConfig, telling: Told, prompt: np.ndarray) -> _Plan:
    rate = run.model.sample_rate
    length = _length(options, telling, len(prompt), rate)
    original = telling.original
    if original is not None:
        if run.data.pre_emphasis is not None:
            original = deemphasize(original, run.data.pre_emphasis)
        original = original[0 if options.include_prompt else len(prompt) : len(prompt) + length]
    return _Plan(telling, prompt, length, original)


def _length(options: GenerationOptions, telling: Told, prompt: int, rate: int) -> int:
    """Samples to be made of a file."""
    left = None if telling.samples is None else telling.samples - prompt
    if left is not None and left < 1:
        raise ValueError(
            f"the features last {(left + prompt) / rate:g} s, and the clip to continue {prompt / rate:g} s, so nothing "
            "is left to be made; lower --prime_seconds"
        )
    if options.seconds is None:
        return left or round(_SECONDS * rate)
    length = round(options.seconds * rate)
    longest = (MOST_SAMPLES - prompt * options.include_prompt) // rate if left is None else left / rate
    if not 1 <= length <= longest * rate:
        what = "" if left is None else ", which is how long the features last"
        what += " behind the clip to continue" if left is not None and prompt else ""
        raise ValueError(
            f"seconds must be between {1 / rate:g} and {longest:g} at {rate} Hz{what}, got {options.seconds:g}"
        )
    return length
