"""A generation: from options and recordings to the waveforms of streams, piece by piece.

Nothing here prints, reads flags or looks at a clock.
"""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from wavenet_jax.arithmetic import round_down
from wavenet_jax.audio.codec import Grid
from wavenet_jax.audio.wav import MOST_SAMPLES
from wavenet_jax.config import RunConfig, WaveNetConfig
from wavenet_jax.data import blocks, stacked
from wavenet_jax.generation.conditions import ConditionOptions, conditioned
from wavenet_jax.generation.decoding import Decoder, SavedSession, audible
from wavenet_jax.generation.equalization import Equalization
from wavenet_jax.generation.options import GenerationOptions, strategy_of
from wavenet_jax.generation.recordings import Conditioned, Given, Recording, open_recording, shown
from wavenet_jax.model import WaveNet, WaveNetWeights
from wavenet_jax.sampling import (
    Guard,
    Redrawn,
    Session,
    Strategy,
    Stream,
    begin,
    choose_engine,
    prepare_weights,
    primed,
    ranked,
    sharing,
    spread,
    stream,
)
from wavenet_jax.typing import Conditions, Params

_SECONDS = 2.0
_MOST_STREAMS = 500
"""Limit of streams, each of which has an open file and its state in memory."""
_PIECES_PER_SECOND = 10
_NO_SILENCE_DB = -1_000.0


class Waveforms(NamedTuple):
    """The next piece of every stream, as it sounds; empty for a stream that has ended."""

    rows: Sequence[np.ndarray]
    """Float32 ``[T]`` of each stream; the first piece begins with the prompt, where it is included."""
    nats: Sequence[np.ndarray]
    """Log-likelihoods of the samples that were generated, float32 ``[T]`` of each stream; rows that are equalised are
    behind them by the lookahead."""
    redrawn: tuple[Redrawn, ...]
    """Stretches that the guard drew again since the piece before."""

    @property
    def audio(self) -> np.ndarray:
        """Float32 ``[T]`` of a single stream; ``[N, T]`` of several, which end together."""
        return self.rows[0] if len(self.rows) == 1 else np.stack(self.rows)


def samples_of_a_piece(model: WaveNetConfig) -> int:
    """Returns how many samples of each stream come at a time, and are judged by the guard: a tenth of a second."""
    return model.whole_frames(math.ceil(model.sample_rate / _PIECES_PER_SECOND))


class Generation(Iterator[Waveforms]):
    """Streams that are generated piece by piece: the takes of the first file, then those of the second, and so on.

    ``prepare`` makes one. The first piece compiles.
    """

    def __init__(
        self,
        run: RunConfig,
        params: Params,
        strategy: Strategy,
        plans: "Sequence[_Plan]",
        options: GenerationOptions,
        guidance: float | None,
        guard: Guard | None,
        resumed: SavedSession | None,
        devices: Sequence[jax.Device],
    ) -> None:
        """Called by ``prepare``."""
        self.devices = devices
        """Devices that share the streams."""
        self.rate = run.model.sample_rate
        """Samples per second."""
        self.takes = options.best_of
        """Takes of each file."""
        self.lengths = [plan.length + len(plan.prompt) * options.include_prompt for plan in plans]
        """Samples of each file."""
        self.originals = [plan.original for plan in plans]
        """For each file the waveform ``[T]`` that its features were measured from, as it sounds, or None."""
        self.engine: str | None = None
        """The engine that generates the samples, and why, in words; set with the first piece."""
        self.doubts = list(dict.fromkeys(doubt for plan in plans for doubt in plan.doubts))
        """Lines about features that can hardly be meant, for whoever asked for the generation."""
        self._run, self._params, self._strategy, self._options = run, params, strategy, options
        self._plans = [plan for plan in plans for _ in range(self.takes)]
        self._guidance, self._guard, self._resumed = guidance, guard, resumed
        equalizations = [
            plan.equalization(run, options.mel_equalization) for plan in self._plans if options.mel_equalization
        ]
        self.lookahead = max((each.lookahead for each in equalizations), default=0)
        """Samples by which equalisation delays every stream."""
        self._decode = Decoder(run, len(self._plans), () if resumed is None else resumed.latest, equalizations)
        self._chunk = samples_of_a_piece(run.model)
        self._stream: Stream | None = None
        self._prompts: list[np.ndarray] = []
        self._unwanted = [0 if options.include_prompt else len(plan.prompt) for plan in self._plans]
        self._collapsed = np.zeros(len(self._plans), bool)
        self._nats, self._samples = np.zeros((2, len(self._plans)))

    @property
    def streams(self) -> int:
        """Takes of all files."""
        return len(self._plans)

    @property
    def samples(self) -> int:
        """Samples to generate of all streams together."""
        return sum(plan.length for plan in self._plans)

    @property
    def in_hand(self) -> int:
        """Samples of all streams together that are generated by now: given out, or held back by the guard."""
        held = 0 if self._guard is None else self._guard.chunks_held_back(self.rate, self._chunk) * self._chunk
        lengths = [plan.length for plan in self._plans]
        return sum(min(int(given) + held, length) for given, length in zip(self._samples, lengths, strict=True))

    @property
    def bits_per_sample(self) -> np.ndarray:
        """The mean negative log-likelihood of each stream so far, ``[streams]``; NaN before the first piece."""
        with np.errstate(invalid="ignore"):
            return -self._nats / self._samples / math.log(2)

    def best(self) -> list[int]:
        """Returns the number of the best take of each file, as ``ranked`` orders them, by the pieces so far."""
        bits, collapsed = (values.reshape(-1, self.takes) for values in (self.bits_per_sample, self._collapsed))
        return [ranked(*takes)[0] for takes in zip(bits, collapsed, strict=True)]

    def seconds_of(self, event: Redrawn) -> float:
        """Returns where in its file something was drawn again."""
        return (event.start + len(self._plans[event.stream].prompt) * self._options.include_prompt) / self.rate

    def session(self) -> SavedSession:
        """Takes out where the streams stand after the newest piece, as a value; the generation continues untouched.

        Raises:
          ValueError: there is no piece yet, the streams end inside a frame, or they are equalised.
        """
        if self.lookahead:
            raise ValueError("a session keeps nothing of what mel_equalization holds back; leave mel_equalization out")
        if self._stream is None:
            raise ValueError("there is no session before the first piece; take one first")
        return SavedSession(self._stream.snapshot(), self._decode.latest)

    def save(self, path: str | Path) -> None:
        """Writes the session after the newest piece to a file (.safetensors), whole or not at all."""
        self.session().save(Path(path), self._run)

    def whole(self) -> list[np.ndarray]:
        """Generates the rest and returns the best take of each file: float32 ``[T]`` each, without pieces taken."""
        pieces = [piece.rows for piece in self]
        best = [file * self.takes + take for file, take in enumerate(self.best())]
        return [np.concatenate([rows[number] for rows in pieces]) for number in best]

    def __next__(self) -> Waveforms:
        piece = self._piece()
        while not any(map(len, piece.rows)):  # all of it is still held back by the equalisation
            more = self._piece()
            nats = [np.concatenate(both) for both in zip(piece.nats, more.nats, strict=True)]
            piece = Waveforms(more.rows, nats, piece.redrawn + more.redrawn)
        return piece

    def _piece(self) -> Waveforms:
        """Makes the next samples, and returns the waveforms that are ready."""
        if self._stream is None:
            self._stream = self._begin()
        piece = next(self._stream)
        assert piece.nats is not None
        nats = [row[:length] for row, length in zip(piece.nats, piece.lengths, strict=True)]
        if not all(np.isfinite(row).all() for row in nats):
            raise ValueError("the network's output is not finite: it diverged in training; use another checkpoint")
        self._nats += [row.sum(dtype=np.float64) for row in nats]
        self._samples += piece.lengths
        rows = self._decode([row[:length] for row, length in zip(piece.codes, piece.lengths, strict=True)])
        self._collapsed[[event.stream for event in piece.redrawn if event.accepted]] = True
        if self._prompts:
            rows = [np.concatenate(both) for both in zip(self._prompts, rows, strict=True)]
            self._prompts = []
        unwanted = [min(left, len(row)) for left, row in zip(self._unwanted, rows, strict=True)]
        rows = [row[count:] for row, count in zip(rows, unwanted, strict=True)]
        self._unwanted = [left - count for left, count in zip(self._unwanted, unwanted, strict=True)]
        return Waveforms(rows, nats, piece.redrawn)

    def _begin(self) -> Stream:
        """Compiles, and decodes the prompts, on whose last sample the next ones depend."""
        options, plans = self._options, self._plans
        prompts = [plan.prompt for plan in plans]
        if any(map(len, prompts)):
            self._prompts = self._decode(prompts)
        network, conditions = WaveNet(self._run.model), stacked([plan.conditions for plan in plans])
        weights = prepare_weights(network, self._params)
        session = spread(network, self._beginning(network, weights, prompts, conditions), self.devices)
        engine, self.engine = choose_engine(
            network, weights, session, self._strategy, name=options.engine, weight_format=options.weights
        )
        return stream(
            network,
            weights,
            session,
            self._strategy,
            length=[plan.length for plan in plans],
            chunk=self._chunk,
            conditions=conditions,
            guidance=self._guidance,
            scored=True,
            guard=self._guard,
            engine=engine,
        )

    def _beginning(
        self, network: WaveNet, weights: WaveNetWeights, prompts: list[np.ndarray], conditions: Conditions
    ) -> Session:
        """Returns the session before the first sample: one to resume, one after prompts, or a new one."""
        if self._resumed is not None:
            return self._resumed.session
        key, guided = jax.random.key(self._options.seed), self._guidance is not None
        if any(map(len, prompts)):
            return primed(network, weights, key, prompts, conditions, guided=guided)
        return begin(network, key, self.streams, guided=guided)


@dataclass(frozen=True)
class _Plan:
    """Plan of one file."""

    conditions: Conditions
    prompt: np.ndarray  # codes [T]; none of them where nothing is continued
    length: int  # samples to generate
    original: np.ndarray | None
    doubts: tuple[str, ...]

    def equalization(self, run: RunConfig, passes: int) -> Equalization:
        """Begins the equalisation of a take."""
        prompt = len(self.prompt)
        return Equalization(run, self.conditions.frames, passes, prompt, prompt + self.length)


def file_count(options: GenerationOptions, conditions: ConditionOptions, given: Given = Given()) -> int:
    """Returns how many files there will be: ``num_samples`` for each recording that is continued or made again.

    Raises:
      ValueError: there are several recordings of both kinds, and not as many of one as of the other; or too many
        streams.
    """
    prompts = len(given.prompts or options.prime)
    features = len(given.conditions or given.features or conditions.mel_from)
    counts = {prompts, features} - {0, 1}
    if len(counts) > 1:
        raise ValueError(f"prime and mel_from need as many clips, or one, got {prompts} and {features}")
    files = options.num_samples * max(counts, default=1)
    if files * options.best_of > _MOST_STREAMS:
        raise ValueError(
            f"num_samples must not make more than {_MOST_STREAMS} streams at once, of all clips and takes together, "
            f"got {files * options.best_of}; lower num_samples, and use several seeds"
        )
    return files


def prepare(
    run: RunConfig,
    params: Params,
    options: GenerationOptions,
    conditions: ConditionOptions,
    guard: Guard | None = None,
    given: Given = Given(),
) -> Generation:
    """Prepares a generation with the network of a run; reads what it continues and what it is conditioned on.

    Args:
      run: its config.
      params: its parameters.
      options: what is generated.
      conditions: what it is conditioned on.
      guard: has sound that falls silent or into noise drawn again, where there are draws.
      given: recordings and arrays in place of the files that the options name.

    Raises:
      ValueError: the options do not fit each other, the network, the devices or the recordings.
    """
    strategy = strategy_of(options, run)
    files = file_count(options, conditions, given)
    devices = _devices(options.devices, files * options.best_of)
    resumed = _resumed(options, run, given, files)
    sources = given.conditions or conditioned(conditions, run, given)
    prompts = [_prompt(recording, run, options.prime_seconds) for recording in given.prompts or options.prime]
    if resumed is not None and options.mel_equalization:
        raise ValueError("mel_equalization needs a stream from its beginning, not a session; leave one of them out")
    plans = []
    for file in range(files):
        clip = file // options.num_samples
        prompt = prompts[clip % len(prompts)] if prompts else np.zeros(0, np.int32)
        start = len(prompt) if resumed is None else int(resumed.session.time[file])
        plans.append(_plan(options, run, sources[clip % len(sources)], prompt, start))
    if options.save_session is not None:
        _check_end(run, [plan.length for plan in plans])
    if options.mode:
        guard = None
    if guard is not None and run.model.is_local:
        # Features may well ask for silence; only noise is not what they describe.
        guard = dataclasses.replace(guard, silence_db=_NO_SILENCE_DB, silence_seconds=guard.noise_seconds)
    return Generation(run, params, strategy, plans, options, conditions.guidance, guard, resumed, devices)


def engine_of(run: RunConfig, params: Params) -> str:
    """Says in words which engine generates a single stream on this machine's first device, and why not the other."""
    network = WaveNet(run.model)
    weights = prepare_weights(network, params)
    session = begin(network, jax.random.key(0), 1)
    return choose_engine(network, weights, session, strategy_of(GenerationOptions(), run))[1]


def _resumed(options: GenerationOptions, run: RunConfig, given: Given, files: int) -> SavedSession | None:
    """Returns the session that the streams resume, if they do."""
    if given.session is not None:
        resumed = given.session
    elif options.load_session is not None:
        resumed = SavedSession.load(Path(options.load_session), run)
    else:
        return None
    streams = len(resumed.session.latest)
    if streams != files:
        raise ValueError(f"the session holds {streams} streams, got num_samples={files}; give num_samples={streams}")
    if given.prompts or options.prime:
        raise ValueError("a session is after its prompt already; leave the prompt out")
    return resumed


def _devices(count: int | None, streams: int) -> list[jax.Device]:
    """Returns the devices that share the streams: ``count`` of them, or as many as can.

    Raises:
      ValueError: there are fewer, or they cannot share evenly.
    """
    devices = sharing(jax.local_devices(), streams, count)
    if streams % len(devices):
        raise ValueError(
            f"{count} devices cannot share {streams} streams evenly; change num_samples, or leave devices out"
        )
    return devices


def _check_end(run: RunConfig, lengths: Sequence[int]) -> None:
    """Raises ``ValueError`` where a session could not be saved after streams of these lengths."""
    if len(set(lengths)) > 1:
        raise ValueError("save_session needs streams of equal length; give seconds")
    if run.model.whole_frames(lengths[0]) != lengths[0]:
        frame = run.model.hop / run.model.sample_rate
        whole = lengths[0] // run.model.hop * frame
        hint = f"give seconds={whole:g}" if whole else "give more seconds"
        raise ValueError(f"save_session needs an end between two frames, which are {frame:g} s long; {hint}")


def _prompt(recording: Recording, run: RunConfig, seconds: float | None) -> np.ndarray:
    """Reads the codes of the beginning of a recording; of whole frames, where the network has features."""
    source, grid, hop = open_recording(recording, run), Grid.of(run.model), run.model.hop
    codes = np.concatenate([np.zeros(0, np.int32), *(grid.encode(block) for block in blocks(source, 0))])
    if seconds is not None:
        codes = codes[: round(seconds * run.model.sample_rate)]
    codes = codes[: round_down(len(codes), hop)]
    if not len(codes):
        least = hop / run.model.sample_rate
        raise ValueError(f"there is too little of {shown(recording)} to continue; at least {least:g} s are needed")
    return codes


def _plan(options: GenerationOptions, run: RunConfig, source: Conditioned, prompt: np.ndarray, start: int) -> _Plan:
    """Plans a file whose stream has ``start`` samples already."""
    length = _length(options, source.samples, start, run.model.sample_rate)
    original = source.original
    if original is not None:
        original = audible(original, run)[0 if options.include_prompt else start : start + length]
    return _Plan(source.conditions, prompt, length, original, source.doubts)


def _length(options: GenerationOptions, samples: int | None, start: int, rate: int) -> int:
    """Returns the samples to generate of a file, whose features last ``samples``."""
    left = None if samples is None else samples - start
    if left is not None and left < 1:
        raise ValueError(
            f"the features cover {(left + start) / rate:g} s and the prompt uses {start / rate:g} s, so nothing is "
            "left to generate; give longer features, or a lower prime_seconds"
        )
    if options.seconds is None:
        return left or round(_SECONDS * rate)
    length = round(options.seconds * rate)
    if left is None:
        longest: float = (MOST_SAMPLES - start * options.include_prompt) // rate
        why = ", which is what a WAV file holds"
    else:
        longest = left / rate
        why = f": the features cover {(left + start) / rate:g} s"
        why += f" and the prompt uses {start / rate:g} s" if start else ""
    if length < 1:
        raise ValueError(f"seconds must be at least {1 / rate:g} at {rate} Hz, got {options.seconds:g}")
    if length > longest * rate:
        raise ValueError(f"seconds must be at most {longest:g} at {rate} Hz{why}; got {options.seconds:g}")
    return length
