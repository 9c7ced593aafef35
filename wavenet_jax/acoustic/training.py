"""Training of an acoustic model, from its first step or from its newest checkpoint to its end.

State, optimizer, checkpoints and loop are those of the training room; the loss, the batches and the validation are this
model's own.
"""

import dataclasses
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from wavenet_jax.acoustic.config import AcousticRunConfig
from wavenet_jax.acoustic.data import AcousticBatch, AcousticBatches, AcousticClips, held_out_rows
from wavenet_jax.acoustic.features import feature_range
from wavenet_jax.acoustic.flow import Harmonics, Noise, flow_error
from wavenet_jax.acoustic.model import AcousticModel, Melody, Spectra
from wavenet_jax.acoustic.runs import AcousticDirectory
from wavenet_jax.acoustic.spectra import drawn, shapes
from wavenet_jax.alignment import AlignedData
from wavenet_jax.arithmetic import ceil_div
from wavenet_jax.config import RunConfig
from wavenet_jax.data import Describer, Source
from wavenet_jax.data.excerpt import Excerpt
from wavenet_jax.training import Event, Started, make_mesh
from wavenet_jax.training.loop import Loop, settled
from wavenet_jax.training.sharding import check_divisible, compiler_options, put, replicated, split
from wavenet_jax.training.state import Metrics, Trainer, TrainState
from wavenet_jax.typing import Array, Key, Params

LOSSES = ("mel", "pitch", "voicing", "length", "flow")
"""Parts of the loss: mean absolute errors of mel bands, of the pitch where voiced and of the logarithm of lengths, nats
of voicing, and squared errors of the flow."""

RATIOS = ("length_ratio", "pitch_range_ratio", "spectral_contrast_ratio")
"""What predictions of held-out clips are of the recordings: their length, and the deviations of pitch and of the
shapes of spectra.

Averages of what was not heard in training are short, flat and smooth; the reciprocals are what ``length_scale``,
``pitch_range`` and ``spectral_contrast`` give back in speaking.
"""

_SPREAD_WEIGHT = 0.1


@dataclasses.dataclass(frozen=True)
class AcousticValidated:
    """The held-out clips were judged, with the lengths that they have."""

    step: int
    losses: Mapping[str, float]
    """``LOSSES`` and their sum, loss."""
    ratios: Mapping[str, float]
    """``RATIOS``; those of what the model predicts."""


class AcousticTrainer(Trainer):
    """The pure functions of a run, jitted for a mesh: the first state, the step, and the losses of a batch."""

    def __init__(self, config: AcousticRunConfig, mesh: Mesh) -> None:
        super().__init__(cast(RunConfig, config), mesh)  # what it reads of a config, this one has, too
        self.range = feature_range(config)
        self.harmonics = Harmonics.of(config) if config.bands else None
        self.noise = Noise.of(config) if config.bands and config.acoustic.flow_channels else None
        self.model = AcousticModel(config.acoustic, config.bands)  # type: ignore[assignment]
        whole = replicated(mesh)
        self.judge = jax.jit(
            self._judge,
            in_shardings=(whole, split(mesh)),
            out_shardings=whole,
            compiler_options=compiler_options(mesh),
        )

    def _make_pruning(self) -> None:
        """Acoustic models are small, and stay dense."""

    def _step(self, state: TrainState, batch: Any) -> tuple[TrainState, Metrics]:
        state, metrics = super()._step(state, batch)
        metrics["loss"] = metrics.pop("bits_per_sample") * np.log(2)
        metrics["frames"] = metrics.pop("samples")
        return state, metrics

    def _loss_and_gradient(self, params: Params, batch: Any, key: Key) -> tuple[Array, Params]:
        batch = jax.tree.map(jnp.asarray, batch)

        def total(params: Params) -> Array:
            sums = self._sums(params, batch, key)
            spread = sums.pop("spread", jnp.zeros(()))
            losses = _means(sums)
            return sum(losses.values(), jnp.zeros(())) + _SPREAD_WEIGHT * spread

        return jax.value_and_grad(total)(params)

    def _judge(self, params: Params, batch: Any) -> dict[str, Array]:
        sums = self._sums(params, jax.tree.map(jnp.asarray, batch), None)
        sums.pop("spread", None)
        return sums

    def _sums(self, params: Params, batch: AcousticBatch, key: Key | None) -> dict[str, Array]:
        """Sums each part of the loss over a batch, and counts what it is summed over; ``spread`` is a mean.

        Without mel bands, lengths, pitch and voicing are all that there is.
        """
        rngs = {} if key is None else {"dropout": key}
        variables, train = {"params": params}, key is not None

        def apply(*arguments: Any, method: str) -> Any:
            return self.model.apply(variables, *arguments, train, method=method, rngs=rngs)

        mask = jnp.asarray(batch.mask).astype(jnp.float32)
        mel, pitch, voiced = self.range.split(batch.targets)
        encoded = apply(batch.kinds, batch.numbers, method="encode")
        lengths = apply(encoded, method="lengths")
        melody: Melody = apply(encoded, batch.owner, batch.places, method="melody")
        kinds = jnp.asarray(batch.kinds)[:, :, 0]
        present, phones = (kinds > 0).astype(jnp.float32), kinds > 1
        wanted = jnp.log1p(jnp.asarray(batch.lengths).astype(jnp.float32))
        sums = {}
        if self.harmonics is not None:
            harmonics = self.harmonics(pitch, voiced)
            spectra: Spectra = apply(melody.hidden, harmonics, mask[:, :, None], method="spectra")
            sums["mel"] = jnp.stack([(jnp.abs(spectra.mel - mel).mean(axis=-1) * mask).sum(), mask.sum()])
        sums["length"] = jnp.stack([(jnp.abs(lengths - wanted) * present).sum(), present.sum()])
        if self.range.has_pitch:
            voicing = jnp.logaddexp(0.0, melody.voicing) - voiced * melody.voicing
            sums["pitch"] = jnp.stack([(jnp.abs(melody.pitch - pitch) * voiced * mask).sum(), (voiced * mask).sum()])
            sums["voicing"] = jnp.stack([(voicing * mask).sum(), mask.sum()])
        if key is None:
            sums["length_ratio"] = jnp.stack([(jnp.expm1(x) * phones).sum() for x in (lengths, wanted)])
            if self.range.has_pitch:
                sums["pitch_range_ratio"] = jnp.stack([_deviation(x, voiced * mask) for x in (melody.pitch, pitch)])
        if self.harmonics is None:
            return sums
        speech = jnp.take_along_axis(phones, jnp.asarray(batch.owner), axis=1).astype(jnp.float32) * mask
        if key is None:
            as_spoken = drawn(
                cast(AcousticModel, self.model), params, spectra, harmonics, mask, speech, self._drawn_from(mel.shape)
            )
            sums["spectral_contrast_ratio"] = jnp.stack([(shapes(x, speech) ** 2).sum() for x in (as_spoken, mel)])
        if self.noise is not None:
            condition: Any = self.model.apply(variables, spectra, harmonics, method="condition")
            rest = mel - jax.lax.stop_gradient(spectra.mel)
            flow_key = jax.random.fold_in(jax.random.key(0) if key is None else key, 1)
            error = flow_error(partial(apply, method="velocity"), self.noise, rest, condition, mask, flow_key)
            sums["flow"] = jnp.stack([error.sum(), mask.sum()])
        sums["spread"] = self._spread(params, spectra.mel, mel, speech)
        return sums

    def _drawn_from(self, shape: tuple[int, ...]) -> Array | None:
        """Returns noise for the flow, if there is one, the same in each validation: ``[B, F, M]``."""
        if self.noise is None:
            return None
        rows, frames, bands = shape
        return self.noise(jax.random.normal(jax.random.key(0), (rows, self.noise.before + frames, bands)))

    def _spread(self, params: Params, predicted: Array, measured: Array, spoken: Array) -> Array:
        """Draws the model's statistics towards those of a batch's frames of speech; no other parameter feels it."""
        count = jnp.maximum(spoken.sum(), 1)
        weights = spoken[:, :, None]

        def moments(values: Array) -> tuple[Array, Array]:
            mean = (values * weights).sum((0, 1)) / count
            return mean, jnp.sqrt(((values - mean[None, None]) ** 2 * weights).sum((0, 1)) / count + 1e-6)

        (centre, of_predicted), (_, of_measured) = moments(jax.lax.stop_gradient(predicted)), moments(measured)
        ratio = jnp.log(of_measured / of_predicted)
        log_spread, own_centre = cast(tuple[Array, Array], self.model.apply({"params": params}, method="statistics"))
        return (jnp.abs(log_spread - ratio) + jnp.abs(own_centre - centre)).mean()


def _deviation(values: Array, weights: Array) -> Array:
    """Sums the squares of how far values lie from the average of their row: ``[B, F], [B, F] -> []``."""
    mean = (values * weights).sum(axis=1) / jnp.maximum(weights.sum(axis=1), 1)
    return ((values - mean[:, None]) ** 2 * weights).sum()


def _means(sums: Mapping[str, Array]) -> dict[str, Array]:
    return {name: total / jnp.maximum(count, 1) for name, (total, count) in sums.items()}


def train_events(
    config: AcousticRunConfig,
    workdir: Path,
    training: Source,
    held_out: Source,
    aligned: AlignedData,
    *,
    devices: Sequence[jax.Device] | None = None,
    stop: Callable[[int], str | None] = lambda step: None,
) -> Generator[Event | AcousticValidated, None, None]:
    """Trains in ``workdir``, resuming from its newest checkpoint if there is one, and reports each event.

    Close the generator (``contextlib.closing``) where it may not run to its end: closing finishes the save in progress.

    Args:
      config: the whole run; in a directory that has one already, it must agree with it.
      workdir: the run directory; made where there is none.
      training: the clips to learn from, as ``config.measured`` and ``config.data`` open them.
      held_out: the clips to validate on; may have none.
      aligned: what is said in them; other clips are left out.
      devices: to share every batch; default: all devices of all hosts.
      stop: asked after every step; a reason (as "SIGTERM") ends the run there with a checkpoint.

    Raises:
      ValueError: the directory is in use, belongs to another configuration, has only damaged checkpoints or cannot be
        written; the batch does not divide over the devices; none of the clips is aligned.
    """
    config.check_complete()
    mesh = make_mesh(devices)
    check_divisible(config.data.batch_size, 1, mesh)
    if config.train.overfit_one_clip:
        training = held_out = Excerpt(training, [next(iter(_aligned_numbers(training, aligned)), 0)])
    held_out = _whole_clips(held_out, config.train.validation_samples)
    clips, judged = (
        AcousticClips(config, source, aligned.clips, Describer(config.measured, source))
        for source in (training, held_out)
    )
    if not len(clips):
        raise ValueError(f"none of the {len(training)} clips to train on is aligned; wavenet align says why")
    run, run_config = AcousticDirectory(workdir), cast(RunConfig, config)
    run.check(run_config)
    with run.locked(), settled(run, run_config, training, held_out) as place:
        batches = AcousticBatches(config, clips, jax.process_index(), jax.process_count())
        trainer = AcousticTrainer(config, mesh)
        judge = partial(_validate, config, trainer, judged) if len(judged) else None
        loop = Loop(run_config, trainer, batches, judge, place)
        parameters = sum(leaf.size for leaf in jax.tree.leaves(loop.state.params))
        yield Started(loop.step, parameters, len(clips), len(judged), {}, loop.damaged, place.changed)
        yield from loop.events(stop)


def _validate(
    config: AcousticRunConfig, trainer: AcousticTrainer, judged: AcousticClips, step: int, params: Params
) -> tuple[float, AcousticValidated]:
    """Returns what the best checkpoint has least of, and the event that tells the losses on the held-out clips.

    That is the error of the mel bands, where there are any: lengths and voicing are learned by heart long before, and
    the mel error goes with how natural a voice sounds (docs/speaking.md).
    """
    total: dict[str, np.ndarray] = {}
    for rows in held_out_rows(config, judged):
        for name, sums in jax.device_get(trainer.judge(params, put(trainer.mesh, rows))).items():
            total[name] = total.get(name, 0) + sums
    losses = {name: float(total[name][0] / max(total[name][1], 1)) for name in LOSSES if name in total}
    losses["loss"] = sum(losses.values())
    ratios = {name: float(total[name][0] / max(total[name][1], 1e-6)) for name in RATIOS if name in total}
    for name in ratios.keys() - {"length_ratio"}:  # sums of squares
        ratios[name] **= 0.5
    return losses["mel" if "mel" in losses else "loss"], AcousticValidated(step, losses, ratios)


def _whole_clips(source: Source, samples: int | None) -> Source:
    """Returns clips spread evenly over the source, of about ``samples`` samples together; None: all."""
    total = int(source.lengths.sum())
    if samples is None or total <= samples:
        return source
    return Excerpt(source, range(0, len(source), ceil_div(total, samples)))


def _aligned_numbers(source: Source, aligned: AlignedData) -> list[int]:
    return [number for number, name in enumerate(source.names) if name in aligned.clips]
