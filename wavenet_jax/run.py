"""The front door: a trained network as one object, and the way to train one.

Audio is float32 in [-1, 1], mono, at the run's sample rate, as it sounds: pre-emphasis that the run's data had is
undone in what comes out, and applied to what goes in. Recordings that are given by their path are prepared as the run
prepared its data (channel, normalisation, offset); arrays are taken at the level that they have.
"""

import contextlib
import dataclasses
import os
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias, cast

import jax
import numpy as np

from wavenet_jax.arithmetic import ceil_div
from wavenet_jax.conditions import stream_conditions
from wavenet_jax.config import RunConfig
from wavenet_jax.data import SPLITS, Describer, Source, open_source, open_sources, with_classes
from wavenet_jax.data.files.places import absolute, expanded
from wavenet_jax.data.splits import ALL
from wavenet_jax.generation import (
    ConditionOptions,
    Generation,
    GenerationOptions,
    Given,
    Recording,
    SavedSession,
    audible,
    conditioned_on,
    engine_of,
    equalized,
    open_recording,
    prepare,
)
from wavenet_jax.generation.recordings import are_features, shown
from wavenet_jax.model import WaveNet
from wavenet_jax.runs import Record, RunDirectory, Trained, is_model_folder, read_records, read_trained, write_model
from wavenet_jax.sampling import Guard
from wavenet_jax.training import Evaluator, Event, Opened, evaluate, make_mesh, train_events
from wavenet_jax.typing import Conditions, Params

PathLike: TypeAlias = str | os.PathLike[str]
PATHS = (str, os.PathLike)


class Run:
    """A trained network, from a run directory or from a model folder. ``load`` makes one."""

    def __init__(self, config: RunConfig, path: Path, trained: Trained | None = None) -> None:
        self.config = config
        """The config that the network is trained with."""
        self.path = path
        """The run directory or the model folder."""
        self._loaded = trained

    @property
    def _trained(self) -> Trained:
        if self._loaded is None:
            raise ValueError(f"{self.path} was loaded with checkpoint=None; load it with a checkpoint for its network")
        return self._loaded

    @property
    def params(self) -> Params:
        """The parameters, by the names of the network's parts; averaged where the run keeps an average."""
        return self._trained.params

    @property
    def step(self) -> int:
        """Training steps after which the parameters were saved."""
        return self._trained.step

    @property
    def sample_rate(self) -> int:
        """Samples per second."""
        return self.config.model.sample_rate

    @cached_property
    def network(self) -> WaveNet:
        """The network as a Flax module, for ``network.apply({"params": run.params}, ...)``."""
        return WaveNet(self.config.model)

    @property
    def engine(self) -> str:
        """What generates a single stream on this machine, in words: the native engine, or the scan and why."""
        return engine_of(self.config, self.params)

    def generate(self, seconds: float | None = None, **options: Any) -> np.ndarray:
        """Generates audio, and returns it when it is whole.

        Args:
          seconds: length of each sound; None: 2, or as long as the features.
          options: see ``stream``; with ``best_of=N`` the most likely of N takes of each sound is kept.

        Returns:
          float32 ``[T]``, as it sounds; ``[N, T]`` where several sounds are asked for, shorter ones with silence at
          their end.

        Raises:
          ValueError: the options do not fit each other, the network or the recordings.
        """
        sounds = self.stream(seconds, **options).whole()
        if len(sounds) == 1:
            return sounds[0]
        longest = max(map(len, sounds))
        return np.stack([np.pad(sound, (0, longest - len(sound))) for sound in sounds])

    def stream(
        self,
        seconds: float | None = None,
        *,
        temperature: float = 1.0,
        seed: int = 0,
        num_samples: int = 1,
        prompt: Recording | Sequence[Recording] | None = None,
        features: Recording | Sequence[Recording] | None = None,
        label: str | Sequence[str] = (),
        vector: np.ndarray | None = None,
        guidance: float | None = None,
        session: SavedSession | PathLike | None = None,
        guard: Guard | None = Guard(),
        **options: Any,
    ) -> Generation:
        """Generates audio piece by piece, a tenth of a second at a time: an iterator whose pieces have ``.audio``.

        ``stream.session()`` takes out where it stands, ``stream.save(path)`` writes that to a file; either is resumed
        by ``session``, in this process or another one, bit for bit.

        Args:
          seconds: length of each sound; None: 2, or as long as the features.
          temperature: below 1 safer and quieter, above 1 more adventurous and noisier.
          seed: of the randomness; the same one gives the same samples.
          num_samples: how many sounds to generate at once, of each recording where some are given.
          prompt: recording to continue; several are continued side by side.
          features: recording that is made again from its features, or features ``[frames, channels]`` themselves, for a
            network that is conditioned on them; several are made side by side.
          label: class of the sound, as NAME or FAMILY=NAME, one of each family, for a network with classes.
          vector: float ``[V]`` that describes the sound, for a network with vectors.
          guidance: weight of classifier-free guidance.
          session: where to resume; brings its own randomness.
          guard: has sound that falls silent or into noise drawn again; None keeps whatever comes.
          options: further fields of ``GenerationOptions``: ``top_k``, ``top_p``, ``min_p``, ``mode``, ``best_of``,
            ``prime_seconds``, ``include_prompt``, ``temperature_at``, ``devices``, ``engine``, ``weights``,
            ``mel_equalization``.

        Raises:
          ValueError: the options do not fit each other, the network or the recordings.
          TypeError: there is no such option.
        """
        given = Given(
            prompts=_several(prompt),
            features=_several(features),
            vector=vector,
            session=SavedSession.load(Path(session), self.config) if isinstance(session, PATHS) else session,
        )
        prime = tuple(map(shown, given.prompts))  # what is given takes the place of what is named
        return self.generation(
            GenerationOptions(
                seconds=seconds, temperature=temperature, seed=seed, num_samples=num_samples, prime=prime, **options
            ),
            ConditionOptions(label=(label,) if isinstance(label, str) else tuple(label), guidance=guidance),
            guard,
            given,
        )

    def generation(
        self,
        options: GenerationOptions,
        conditions: ConditionOptions = ConditionOptions(),
        guard: Guard | None = None,
        given: Given = Given(),
    ) -> Generation:
        """Prepares a generation from option dataclasses, as the programs read them from flags: see ``stream``."""
        return prepare(self.config, self.params, options, conditions, guard, given)

    def vocode(self, recording: Recording, **options: Any) -> np.ndarray:
        """Makes a recording again from its features (copy synthesis), with a network that is conditioned on them.

        Args:
          recording: a sound file, a waveform, or features.
          options: see ``stream``.

        Returns:
          float32 ``[T]``, as long as the recording.

        Raises:
          ValueError: the network is no vocoder, or the recording cannot be used.
        """
        if not self.config.model.is_local:
            raise ValueError(
                "vocode needs a network that is conditioned on features (local_features), and this is none"
            )
        return self.generate(features=recording, **options)

    def equalize(self, waveform: np.ndarray, features: Recording, passes: int = 3) -> np.ndarray:
        """Brings the log-mel spectrum of a copy close to the one that it was made from (mel equalisation).

        Args:
          waveform: float ``[T]``, as it sounds.
          features: the recording that it copies, or features; at least as long.
          passes: how often; each comes closer.

        Returns:
          float32 ``[T]``.

        Raises:
          ValueError: the network is not conditioned on log-mel, or the features cannot be used or are too short.
        """
        conditions = conditioned_on(features, self.config).conditions
        return equalized(waveform, conditions.frames, self.config, passes)

    def features(self, recording: Recording) -> np.ndarray:
        """Measures the features of a recording that the network is conditioned on: float32 ``[frames, channels]``.

        Raises:
          ValueError: the network is not conditioned on features, or the recording cannot be used.
        """
        model = self.config.model
        if not model.is_local:
            raise ValueError(
                f"the network in {self.path} is not conditioned on features; choose a run with local_features"
            )
        source = open_recording(recording, self.config)
        return Describer(model, source, streams=()).frames(0, 0, ceil_div(int(source.lengths[0]), model.hop))

    def log_prob(
        self,
        recording: Recording,
        *,
        label: str | Sequence[str] = (),
        vector: np.ndarray | None = None,
        weights: str | None = None,
    ) -> np.ndarray:
        """Measures how likely each sample of a recording is, given those before it, on the network's grid of levels.

        Args:
          recording: a sound file or a waveform, as it sounds.
          label: its class of each family, for a network with classes.
          vector: describes it, for a network with vectors.
          weights: see ``evaluate``.

        Returns:
          Natural logarithms of probabilities, in nats: float32 ``[T]``. ``-mean / log(2)`` is bits per sample.

        Raises:
          ValueError: the recording cannot be used, a condition is missing, or the engine cannot run the network.
        """
        if are_features(recording):
            raise ValueError("log_prob needs sound, and these are features; give a recording")
        model = self.config.model
        source = open_recording(recording, self.config)
        kinds = stream_conditions(model)
        values = {"label": (label,) if isinstance(label, str) else tuple(label), "vector": vector}
        given = {name: kind.of_option(values[kind.option]) for name, kind in kinds.items() if kind.option}
        measured = Describer(model, source, streams=[name for name in kinds if name not in given])

        def describe(clip: int, start: int, stop: int) -> Conditions:
            conditions = measured(clip, start, stop)
            return conditions._replace(streams={**conditions.streams, **given})

        mesh = make_mesh(jax.local_devices()[:1])
        evaluator = Evaluator(model, 1, self.config.data.crop_samples, mesh, weights=weights)
        return evaluator.log_prob(self.params, source, describe)[0]

    def evaluate(
        self,
        recordings: PathLike | Sequence[PathLike] | Source | None = None,
        split: str | None = None,
        *,
        weights: str | None = None,
    ) -> dict[str, Any]:
        """Measures the bits per sample of recordings, each sample with its full receptive field, in constant memory.

        Args:
          recordings: one or several folders, or a source; None takes the run's own data.
          split: which files of folders: see ``source``.
          weights: ``float32``, ``int8``, ``float16`` or ``bfloat16``: the native engine runs the network, with such
            weights, in the arithmetic that it samples in; None: convolutions, in float32.

        Returns:
          ``bits_per_sample``; where the network's grid is finer than 256 µ-law levels also the bits on that one
          (``bits_per_sample_mu_law_256``), so that heads and bit depths compare; with ``weights``, ``bits_lost``, what
          the engine's bits are above those of convolutions; ``samples``, ``files``, ``baselines`` and ``step``.

        Raises:
          ValueError: there is no such folder, nothing in it can be used, or the engine cannot run the network.
        """
        folders = _folders(recordings)
        if recordings is not None and folders is None and not hasattr(recordings, "lengths"):
            raise ValueError(f"recordings must be folders or a source, got {type(recordings).__name__}")
        source = self.source(folders, split) if recordings is None or folders is not None else recordings
        return {**evaluate(self.config, self.params, cast(Source, source), weights), "step": self.step}

    def source(
        self,
        data_dir: PathLike | Sequence[PathLike] | None = None,
        split: str | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Source:
        """Opens recordings as the run prepares them.

        Args:
          data_dir: one or several folders; None takes the run's own data.
          split: ``train``, ``validation``, ``test`` or ``all``; None: ``validation`` of the run's own data, ``all`` of
            other folders.
          progress: takes the bytes of recordings that were scanned, and of all that have to be.

        Raises:
          ValueError: there is no such folder, or nothing in it can be used.
        """
        data = self.config.data
        folders = _folders(data_dir)
        if folders is None and is_model_folder(self.path):
            raise ValueError(f"{self.path} is a model folder, which names no data; give data_dir")
        if folders is not None:
            data = dataclasses.replace(data, data_dir=folders)
        if folders == ():
            raise ValueError("data_dir needs a folder, got none; leave it out for the run's own data")
        if split not in (None, *SPLITS, ALL):
            raise ValueError(f"split must be one of {', '.join((*SPLITS, ALL))}, got {split!r}")
        return open_source(data, self.config.model, split or ("validation" if data_dir is None else "all"), progress)

    def audible(self, waveform: np.ndarray) -> np.ndarray:
        """Undoes the pre-emphasis of what a source of this run reads, so that it sounds: float32 ``[T]``."""
        return audible(waveform, self.config)

    def records(self) -> list[Record]:
        """Reads what a run directory measured, in order: see ``wavenet_jax.runs.records``.

        Raises:
          ValueError: it has measured nothing, as a model folder.
        """
        return read_records(RunDirectory(self.path))

    def save(self, folder: PathLike, dtype: str = "float32") -> None:
        """Writes the network as a model folder, which ``load`` reads: no data, no optimizer, no history.

        Args:
          folder: made where there is none.
          dtype: ``float32``, or ``float16`` for half the size.
        """
        write_model(Path(folder), self._trained, dtype)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}, step={None if self._loaded is None else self.step})"


def _several(recordings: Recording | Sequence[Recording] | None) -> Sequence[Recording]:
    if recordings is None:
        return ()
    if isinstance(recordings, (str, os.PathLike, np.ndarray)):
        return [recordings]
    return recordings


def _folders(recordings: Any) -> tuple[str, ...] | None:
    """Returns the folders that are named, or None for the run's own or for what is not a name."""
    if isinstance(recordings, PATHS):
        recordings = [recordings]
    if not isinstance(recordings, (list, tuple)):
        return None
    return tuple(expanded(folder) for folder in recordings)


def load(path: PathLike, checkpoint: str | None = "latest") -> Run:
    """Loads a trained network.

    Args:
      path: a run directory, or a model folder.
      checkpoint: of a run directory the ``latest``, or the ``best``, with the fewest bits per sample in its validation;
        None reads the config alone, for the run's data and for features.

    Raises:
      ValueError: there is none, or it is damaged; the message says what to do.
    """
    folder = Path(path).expanduser()
    if checkpoint is None and not is_model_folder(folder):
        return Run(RunDirectory(folder).read_config(), folder)
    trained = read_trained(folder, str(checkpoint))
    return Run(trained.config, folder, trained)


def train(
    config: RunConfig,
    workdir: PathLike,
    *,
    training: Source | None = None,
    held_out: Source | None = None,
    progress: Callable[[int, int], None] | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
    stop: Callable[[int], str | None] = lambda step: None,
    devices: Sequence[jax.Device] | None = None,
    stack: str = "auto",
) -> Run:
    """Trains a network to the end of its run, resuming where the directory has a checkpoint, and returns it.

    What ends it early, an exception or Ctrl-C, saves first; the same call resumes.

    Args:
      config: the whole run; in a directory that has one already, it must agree with it.
      workdir: the run directory; made where there is none.
      training: the clips to learn from; None opens those of ``config.data``.
      held_out: the clips to validate on; None opens those of ``config.data``.
      progress: takes the bytes of recordings that were scanned, and of all that have to be, while they are opened.
      on_event: takes what happens: recordings opened, the start, every step, validation and checkpoint, the end.
      stop: asked after every step; a reason ends the run there, saved.
      devices: to share every batch; None takes all.
      stack: what runs the gated stack: ``native`` (C++, on a CPU), ``jax`` (on every device), or ``auto``.

    Raises:
      ValueError: the directory is in use or belongs to another config, there is nothing to train on, or the native
        stack cannot run.
    """
    folder = Path(workdir).expanduser()
    # Kept as absolute paths: the run can then be used from any directory.
    places = tuple(map(absolute, config.data.data_dir))
    start = config.start
    if start.init_from is not None:
        start = dataclasses.replace(start, init_from=str(Path(start.init_from).expanduser().absolute()))
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, data_dir=places), start=start)
    RunDirectory(folder).check(config)  # before recordings are scanned, which may take long
    conditioning = config.model.conditioning
    conditioning = dataclasses.replace(conditioning, classes=RunDirectory(folder).classes(conditioning))
    config = dataclasses.replace(config, model=dataclasses.replace(config.model, conditioning=conditioning))
    if training is None:
        training, opened = open_sources(config.data, config.model, ("train", "validation"), progress)
        held_out = opened if held_out is None else held_out
    if held_out is None:
        held_out = open_source(config.data, config.model, "validation", progress)
    on_event(Opened(training, held_out))
    config = dataclasses.replace(config, model=with_classes(config.model, training))
    happening = train_events(config, folder, training, held_out, stop=stop, devices=devices, stack=stack)
    with contextlib.closing(happening) as events:
        for event in events:
            try:
                on_event(event)
            except BaseException as error:
                events.throw(error)  # saves, notes on the error at which step, and raises it again
    return load(folder)
