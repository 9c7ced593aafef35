"""A generation as every door makes it, the program and the page: from options to waveforms, piece by piece.

Nothing here prints, reads flags or looks at a clock.
"""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax
import numpy as np

from experiments.conditions import ConditionOptions, Told, side_by_side, told
from experiments.decoding import Begun, Decoder, keep, restore
from experiments.generation_options import GenerationOptions, strategy_of
from experiments.outputs import MOST_SAMPLES
from wavenet_jax.audio.codec import Grid
from wavenet_jax.audio.emphasis import deemphasize
from wavenet_jax.config import RunConfig, WaveNetConfig
from wavenet_jax.data import blocks, open_clip
from wavenet_jax.model import WaveNet
from wavenet_jax.sampling import Guard, Redrawn, Strategy, Stream, ranked, sharing, stream, whole_frames
from wavenet_jax.typing import Params

_SECONDS = 2.0
_PIECES_PER_SECOND = 10
_NO_SILENCE_DB = -1_000.0


class Waveforms(NamedTuple):
    """The next piece of every stream, which it goes on with; empty once it has ended."""

    rows: Sequence[np.ndarray]
    """Float32 ``[T]`` of each stream; with the first piece comes the prompt in front, where it is included."""
    nats: Sequence[np.ndarray]
    """Log-likelihoods of the samples that were made, float32 ``[T]`` of each stream."""
    redrawn: tuple[Redrawn, ...]
    """What the guard did since the piece before."""


def samples_of_a_piece(model: WaveNetConfig) -> int:
    """How many samples of each stream are given out, and listened to by the guard, at a time."""
    return whole_frames(model, math.ceil(model.sample_rate / _PIECES_PER_SECOND))


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
        guard: Guard | None,
        begun: Begun | None,
        devices: Sequence[jax.Device],
    ) -> None:
        """Use ``prepare``."""
        self.devices = devices
        """Which share the streams."""
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
        self._guidance, self._guard, self._begun = guidance, guard, begun
        self._decode = Decoder(run, len(self._plans), begun and begun.latest)
        self._chunk = samples_of_a_piece(run.model)
        self._stream: Stream | None = None
        self._collapsed = np.zeros(len(self._plans), bool)
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
    def in_hand(self) -> int:
        """Samples of all streams together that are made by now: what was given out, and what the guard holds back."""
        held = 0 if self._guard is None else self._guard.chunks_held_back(self.rate, self._chunk) * self._chunk
        lengths = [plan.length for plan in self._plans]
        return sum(min(int(given) + held, length) for given, length in zip(self._samples, lengths, strict=True))

    @property
    def bits_per_sample(self) -> np.ndarray:
        """Of each stream ``[streams]``: the mean negative log-likelihood of what was made so far; NaN before that."""
        with np.errstate(invalid="ignore"):
            return -self._nats / self._samples / math.log(2)

    def best(self) -> list[int]:
        """The number of the best take of each file, as ``ranked`` has it, by what was made so far."""
        bits, collapsed = (values.reshape(-1, self.takes) for values in (self.bits_per_sample, self._collapsed))
        return [ranked(*takes)[0] for takes in zip(bits, collapsed, strict=True)]

    def seconds_of(self, event: Redrawn) -> float:
        """Where in its file something was drawn again."""
        return (event.start + len(self._plans[event.stream].prompt) * self._options.include_prompt) / self.rate

    def save(self, path: str) -> None:
        """Writes where the streams stand after the newest piece; see ``restore``."""
        assert self._stream is not None, "there is no piece yet"
        keep(path, self._stream.snapshot(), self._run, self._decode)

    def pieces(self) -> Iterator[Waveforms]:
        """The waveforms as they are made, a tenth of a second at a time; compiles first."""
        model, plans, decode = self._run.model, self._plans, self._decode
        fronts = [np.zeros(0, np.float32)] * len(plans)
        if self._options.prime:
            fronts = decode([plan.prompt for plan in plans])
        if not self._options.include_prompt:
            fronts = [front[:0] for front in fronts]
        self._stream = stream(
            WaveNet(model),
            self._params,
            jax.random.key(self._options.seed),
            self._strategy,
            batch_size=self.streams,
            length=[plan.length for plan in plans],
            chunk=self._chunk,
            conditions=side_by_side([plan.told.conditions for plan in plans]),
            guidance=self._guidance,
            prompts=[plan.prompt for plan in plans] if self._options.prime else None,
            session=self._begun and self._begun.session,
            scored=True,
            guard=self._guard,
            devices=self.devices,
        )
        for piece in self._stream:
            assert piece.nats is not None
            nats = [row[:length] for row, length in zip(piece.nats, piece.lengths, strict=True)]
            self._nats += [row.sum(dtype=np.float64) for row in nats]
            self._samples += piece.lengths
            rows = decode([row[:length] for row, length in zip(piece.codes, piece.lengths, strict=True)])
            self._collapsed[[event.stream for event in piece.redrawn if event.accepted]] = True
            yield Waveforms([np.concatenate(both) for both in zip(fronts, rows, strict=True)], nats, piece.redrawn)
            fronts = [front[:0] for front in fronts]


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


def prepare(
    run: RunConfig,
    params: Params,
    options: GenerationOptions,
    conditions: ConditionOptions,
    guard: Guard | None = None,
) -> Generation:
    """A generation with the network of a run; ``guard`` has what it listens for drawn again, where there are draws.

    Raises:
      ValueError: the options do not fit each other, the network, the devices or the files that they name.
    """
    strategy = strategy_of(options, run)
    files = file_count(options, conditions)
    devices = _devices(options.devices, files * options.best_of)
    begun = None if options.load_session is None else restore(options.load_session, run, files)
    tellings = told(conditions, run)
    prompts = [_prompt(path, run, options.prime_seconds) for path in options.prime] or [np.zeros(0, np.int32)]
    plans = []
    for file in range(files):
        clip = file // options.num_samples
        prompt = prompts[clip % len(prompts)]
        start = len(prompt) if begun is None else int(begun.session.time[file])
        plans.append(_plan(options, run, tellings[clip % len(tellings)], prompt, start))
    if options.save_session is not None:
        _check_end(run, [plan.length for plan in plans])
    if options.mode:
        guard = None
    if guard is not None and run.model.is_local:
        # Features may well say silence; only noise is not what they said.
        guard = dataclasses.replace(guard, silence_db=_NO_SILENCE_DB, silence_seconds=guard.noise_seconds)
    return Generation(run, params, strategy, plans, options, conditions.guidance, guard, begun, devices)


def _devices(count: int | None, streams: int) -> list[jax.Device]:
    """The devices that share the streams: so many, or as many as can.

    Raises:
      ValueError: there are not so many, or they cannot share evenly.
    """
    devices = sharing(jax.local_devices(), streams, count)
    if streams % len(devices):
        raise ValueError(
            f"{count} devices cannot share {streams} streams evenly; change --num_samples, or leave --devices out"
        )
    return devices


def _check_end(run: RunConfig, lengths: Sequence[int]) -> None:
    """Raises ``ValueError`` where a session could not be saved behind so many samples."""
    if len(set(lengths)) > 1:
        raise ValueError("save_session needs streams that are made equally long; give --seconds")
    if whole_frames(run.model, lengths[0]) != lengths[0]:
        frame = run.model.features.hop_samples / run.model.sample_rate
        whole = int(lengths[0] / run.model.features.hop_samples) * frame
        hint = f"give --seconds={whole:g}" if whole else "give more --seconds"
        raise ValueError(f"save_session needs an end between two frames, which are {frame:g} s long; {hint}")


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


def _plan(options: GenerationOptions, run: RunConfig, telling: Told, prompt: np.ndarray, start: int) -> _Plan:
    """That of a file whose stream has ``start`` samples already."""
    rate = run.model.sample_rate
    length = _length(options, telling, start, rate)
    original = telling.original
    if original is not None:
        if run.data.pre_emphasis is not None:
            original = deemphasize(original, run.data.pre_emphasis)
        original = original[0 if options.include_prompt else start : start + length]
    return _Plan(telling, prompt, length, original)


def _length(options: GenerationOptions, telling: Told, start: int, rate: int) -> int:
    """Samples to be made of a file."""
    left = None if telling.samples is None else telling.samples - start
    if left is not None and left < 1:
        raise ValueError(
            f"the features last {(left + start) / rate:g} s, and what is continued {start / rate:g} s, so nothing is "
            f"left to be made; {'lower --prime_seconds' if options.prime else 'give longer ones'}"
        )
    if options.seconds is None:
        return left or round(_SECONDS * rate)
    length = round(options.seconds * rate)
    longest = (MOST_SAMPLES - start * options.include_prompt) // rate if left is None else left / rate
    if not 1 <= length <= longest * rate:
        what = "" if left is None else ", which is how long the features last"
        what += " behind what is continued" if left is not None and start else ""
        raise ValueError(
            f"seconds must be between {1 / rate:g} and {longest:g} at {rate} Hz{what}, got {options.seconds:g}"
        )
    return length
