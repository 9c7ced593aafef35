"""A training run, from its first step or from its newest checkpoint to its end."""

import dataclasses
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

import jax

from wavenet_jax.audio.codec import Grid
from wavenet_jax.config import RunConfig, StartConfig
from wavenet_jax.data import Batches, Source, baselines, check_feature_dir, describer_of_judged
from wavenet_jax.data.excerpt import Excerpt, excerpt
from wavenet_jax.engine import choose_stack
from wavenet_jax.integrity import tree_digest
from wavenet_jax.model import parameter_count, parameter_shapes
from wavenet_jax.runs import RunDirectory, Trained, read_trained
from wavenet_jax.training.evaluation import Evaluator
from wavenet_jax.training.events import Begun, Event, Started, Validated
from wavenet_jax.training.loop import Loop, settled
from wavenet_jax.training.optimizer import check_globs
from wavenet_jax.training.sharding import check_divisible, make_mesh
from wavenet_jax.training.state import Trainer
from wavenet_jax.training.transfer import check_source, transfer
from wavenet_jax.typing import Params


def train_events(
    config: RunConfig,
    workdir: Path,
    training: Source,
    held_out: Source,
    *,
    devices: Sequence[jax.Device] | None = None,
    stack: str = "auto",
    stop: Callable[[int], str | None] = lambda step: None,
) -> Generator[Event, None, None]:
    """Trains in ``workdir``, resuming from its newest checkpoint if there is one, and reports each event.

    Nothing happens between two events that are asked for, except that the device works ahead by one step. Close the
    generator (``contextlib.closing``) where it may not run to its end: closing finishes the save in progress.

    Args:
      config: the whole run; in a directory that has one already, it must agree with it.
      workdir: the run directory; made where there is none.
      training: the clips to learn from.
      held_out: the clips to validate on; may have none.
      devices: to share every batch; default: all devices of all hosts.
      stack: what runs the gated stack: ``native`` (C++, on a CPU), ``jax``, or ``auto``: native where it can run.
      stop: asked after every step; a reason (as "SIGTERM") ends the run there with a checkpoint. All processes of a
        run must get the same answer.

    Raises:
      ValueError: the directory is in use, belongs to another configuration, has only damaged checkpoints or cannot be
        written; its run.flags cannot hold a name; the batch does not divide over the devices; there is nothing to train
        on, or no ``feature_dir`` where it is needed; the network that it begins from is missing, damaged or another one
        than before; ``native`` cannot run.
    """
    mesh = make_mesh(devices)
    check_divisible(config.data.batch_size, config.optimizer.microbatches, mesh)
    run_stack, chosen = choose_stack(config.model, mesh.devices.flat, stack)
    check_feature_dir(config)
    if config.optimizer.train_only:
        check_globs(config.optimizer.train_only, parameter_shapes(config.model))
    if config.train.overfit_one_clip:
        training = held_out = Excerpt(training, [0])
    judged = excerpt(held_out, config.train.validation_samples)
    run = RunDirectory(workdir)
    run.check(config)
    with run.locked():
        config, source = _settle_start(run, config)
        with settled(run, config, training, held_out) as place:
            batches = Batches.of(config, training, process_index=jax.process_index(), process_count=jax.process_count())
            trainer = Trainer(config, mesh, run_stack)
            evaluator = Evaluator(config.model, config.data.batch_size, config.data.crop_samples, mesh)

            def judge(step: int, params: Params) -> tuple[float, Validated]:
                bits = evaluator.bits_per_sample(params, judged, describer_of_judged(config, judged))
                return bits, Validated(step, bits, params)

            params, begun = _begin(config, trainer, source)
            loop = Loop(config, trainer, batches, judge if len(judged) else None, place, params)
            yield Started(
                step=loop.step,
                parameters=parameter_count(config.model),
                clips=len(training),
                held_out_clips=len(judged),
                baselines=baselines(
                    judged if len(judged) else excerpt(training, config.train.validation_samples),
                    Grid.of(config.model),
                ),
                damaged=loop.damaged,
                data_changed=place.changed,
                begun=begun,
                stack=chosen,
            )
            yield from loop.events(stop)


def _settle_start(run: RunDirectory, config: RunConfig) -> tuple[RunConfig, Trained | None]:
    """Completes the config by the step and the digest of the network that a run begins from, and reads it.

    A run that is resumed takes them from its own config, and does not read the network again.

    Raises:
      ValueError: the network is missing or damaged, or it is another one than at the first start.
    """
    start = config.start
    if start.init_from is None:
        return config, None
    kept = run.read_config().start if run.config_file.exists() else start
    if kept.init_from == start.init_from and start.init_digest is None:
        start = dataclasses.replace(start, init_step=kept.init_step, init_digest=kept.init_digest)
    source = None
    if not run.checkpoint_steps():
        source = _read_start(start)
        found = tree_digest(source.params)
        if start.init_digest not in (None, found):
            raise ValueError(
                f"init_from {start.init_from} holds another network than the one that {run.path} began from (step "
                f"{source.step}, was step {start.init_step}); choose another workdir, or give the network that it was"
            )
        start = dataclasses.replace(start, init_step=source.step, init_digest=found)
    return dataclasses.replace(config, start=start), source


def _read_start(start: StartConfig) -> Trained:
    try:
        source = read_trained(Path(str(start.init_from)).expanduser(), start.init_checkpoint)
        check_source(source.params, source.config.model, start.init_classes_from)
    except (OSError, ValueError) as error:
        raise ValueError(f"init_from cannot be used: {error}") from None
    return source


def _begin(config: RunConfig, trainer: Trainer, source: Trained | None) -> tuple[Params | None, Begun | None]:
    """Returns the parameters that a new run takes from a trained network, None where there is none, and an account."""
    if source is None:
        return None, None
    start = config.start
    fresh = jax.device_get(trainer.init().params)
    params, parts, notes = transfer(fresh, config, source.params, source.config, start.init_classes_from)
    return params, Begun(str(start.init_from), source.step, parts, notes)
