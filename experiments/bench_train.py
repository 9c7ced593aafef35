"""Measures training speed beside this machine's limit.

    wavenet bench-train --preset=base --preset=vocoder --batch_sizes=4 --stack=jax --stack=native > here.jsonl
    wavenet bench-train --widths=16,32,64 --batch_sizes=2 --crop_samples=4000
    wavenet bench --compare=here.jsonl --compare=there.jsonl

A figure is samples per second of a step. The limit is a large float32 matrix product, measured in turn with the steps
of all stacks; ``limit_fraction`` is the share of its speed that the products of the network reach, in the median, and
``best_limit_fraction`` that of the fastest step and product. Compilation does not use the cache.
"""

import dataclasses
import itertools
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from experiments.support import console, flags, runtime
from experiments.support.benchmarks import blank_conditions, preset_config, show, with_some_classes
from experiments.support.figures import Figure, digits, figure
from experiments.support.limits import Matmul, training_flops
from wavenet_jax.config import Checked, RunConfig, option
from wavenet_jax.data import Batch
from wavenet_jax.engine import STACKS, choose_stack
from wavenet_jax.model import parameter_count
from wavenet_jax.training.sharding import check_divisible, make_mesh, put
from wavenet_jax.training.state import Trainer

_COLUMNS = ("figure", "samples/s", "s/step", "compile s", "MB", "limit")


@dataclass(frozen=True)
class Options(Checked):
    """Networks and sizes to measure."""

    preset: tuple[str, ...] = option(("base",), "Name of a packaged preset of a network; repeat for several.")
    widths: tuple[int, ...] = option(
        (),
        "Residual channels instead of the preset's, with twice as many of the gate and of the skip sum; repeat for "
        "several.",
        at_least=1,
    )
    batch_sizes: tuple[int, ...] = option((4,), "Crops per batch, one measurement for each number.", at_least=1)
    crop_samples: int = option(
        8_000, "Scored samples per crop; rounded up to whole frames for networks with features.", at_least=1
    )
    dtype: str = option("float32", "Data type of activations.", choices=("float32", "bfloat16"))
    rematerialize: bool = option(
        False, "Recompute activations in the backward pass instead of storing them: less memory, more time."
    )
    stack: tuple[str, ...] = option(
        ("auto",), "Gated stack: native, jax or auto, as in training; repeat to compare, in turn.", choices=STACKS
    )
    repeats: int = option(7, "Number of measured steps, and of products for the limit.", at_least=1)


def main(options: Options) -> None:
    runtime.start()
    jax.config.update("jax_enable_compilation_cache", False)
    limit = Matmul()
    results = []
    for preset, width, batch in itertools.product(options.preset, options.widths or (None,), options.batch_sizes):
        config = preset_config(preset)
        model = dataclasses.replace(
            with_some_classes(config.model), compute_dtype=options.dtype, rematerialize=options.rematerialize
        )
        variant = [options.dtype] * (options.dtype != "float32") + ["rematerialized"] * options.rematerialize
        if width is not None:
            model = dataclasses.replace(model, residual_channels=width, gate_channels=None, skip_channels=2 * width)
            variant.append(f"{width}-channels")
        data = dataclasses.replace(config.data, batch_size=batch, crop_samples=model.whole_frames(options.crop_samples))
        config = dataclasses.replace(config, model=model, data=data)
        for result in _measure(preset, config, options.stack, variant, limit, options.repeats):
            results.append(result)
            console.result(result)
    show(f"training on {results[0]['device']}", _COLUMNS, [_row(result) for result in results])


def _measure(
    preset: str, config: RunConfig, stacks: Sequence[str], variant: Sequence[str], limit: Matmul, repeats: int
) -> list[Figure]:
    """Measures a network by each of the stacks, in turn."""
    mesh = make_mesh()
    batch_size, crop = config.data.batch_size, config.data.crop_samples
    check_divisible(batch_size, config.optimizer.microbatches, mesh)
    codes = np.random.default_rng(0).integers(0, config.model.levels, (batch_size, crop + 1), np.int32)
    conditions = blank_conditions(config.model, batch_size, crop)
    batch = put(mesh, Batch(codes, np.ones((batch_size, crop), bool), conditions))
    runs = [_Steps(config, mesh, batch, stack) for stack in stacks]
    products: list[float] = []
    for _ in range(repeats):
        for run in runs:
            run.measure()
        products.append(limit.flops())
    limit_flops, best_limit_flops = statistics.median(products) * mesh.size, max(products) * mesh.size
    samples, device = batch_size * crop, mesh.devices.flat[0]
    flops = samples * training_flops(config.model)
    return [
        figure(
            "/".join(["train", preset, f"{batch_size}x{crop}", *variant, *[run.stack] * (run.stack != "auto")]),
            "samples/s",
            [samples / seconds for seconds in run.seconds],
            preset=preset,
            batch=batch_size,
            crop=crop,
            residual=config.model.residual_channels,
            dtype=config.model.compute_dtype,
            rematerialize=config.model.rematerialize,
            stack=run.ran,
            device=f"{mesh.size} x {device.platform} {device.device_kind}",
            parameters=parameter_count(config.model),
            step_seconds=statistics.median(run.seconds),
            processor_seconds=statistics.median(run.processor_seconds),
            compile_seconds=run.compile_seconds,
            peak_memory_bytes=_reserved_bytes(run.compiled),
            limit_flops=limit_flops,
            limit_fraction=flops / statistics.median(run.seconds) / limit_flops,
            best_limit_fraction=flops / min(run.seconds) / best_limit_flops,
        )
        for run in runs
    ]


class _Steps:
    """Steps of a network by one of the stacks: compiled, and run once."""

    def __init__(self, config: RunConfig, mesh: jax.sharding.Mesh, batch: Any, stack: str) -> None:
        self.stack = stack
        run_stack, self.ran = choose_stack(config.model, mesh.devices.flat, stack)
        trainer = Trainer(config, mesh, run_stack)
        self._state, self._batch = trainer.init(), batch
        began = time.perf_counter()
        self.compiled = trainer.step.lower(self._state, batch).compile()
        self.compile_seconds = time.perf_counter() - began
        self.seconds: list[float] = []
        self.processor_seconds: list[float] = []
        """Of all threads of this process: other programs disturb it less than the time by the clock."""
        self._step()

    def _step(self) -> None:
        self._state, _ = jax.block_until_ready(self.compiled(self._state, self._batch))

    def measure(self) -> None:
        """Runs and measures one step."""
        began, processor_began = time.perf_counter(), time.process_time()
        self._step()
        self.seconds.append(time.perf_counter() - began)
        self.processor_seconds.append(time.process_time() - processor_began)


def _reserved_bytes(step: jax.stages.Compiled) -> int:
    """Counts the memory that XLA reserves on a device: arguments, results (unless in place), and temporary arrays."""
    sizes: Any = step.memory_analysis()
    outer = sizes.argument_size_in_bytes + sizes.output_size_in_bytes - sizes.alias_size_in_bytes
    return outer + sizes.temp_size_in_bytes


def _row(result: Figure) -> list[str]:
    return [
        result["name"],
        digits(result["median"]),
        f"{result['step_seconds']:.3f}",
        f"{result['compile_seconds']:.1f}",
        f"{result['peak_memory_bytes'] / 1e6:,.0f}",
        f"{result['limit_fraction']:.0%}",
    ]


if __name__ == "__main__":
    flags.run(main)
