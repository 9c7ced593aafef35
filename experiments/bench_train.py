"""Training speed beside this machine's limit: JSON lines on standard output, a table on standard error.

    python -m experiments.bench_train --preset=base --preset=paper --batch_sizes=4,8 > here.jsonl
    python -m experiments.bench_train --compare=here.jsonl --compare=there.jsonl

The limit is a large float32 matrix product, measured between the steps of the same run; ``limit_fraction`` is the share
of its speed that the products of the network reach. Steps are medians; compilation does not use the cache.
"""

import dataclasses
import itertools
import json
import statistics
import time
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from experiments import flags, runtime
from experiments.benchmarks import blank_conditions, compare, preset_config, show, with_some_classes
from experiments.limits import Matmul, training_flops
from experiments.reporting import versions
from wavenet_jax.config import Checked, RunConfig, option
from wavenet_jax.data import Batch
from wavenet_jax.model import parameter_count
from wavenet_jax.sampling import whole_frames
from wavenet_jax.training.sharding import check_divisible, make_mesh, put
from wavenet_jax.training.state import Trainer

_KEYS = ("preset", "batch", "crop", "dtype")
_COLUMNS = (*_KEYS, "samples/s", "s/step", "compile s", "MB", "limit")


@dataclass(frozen=True)
class Options(Checked):
    """What is measured, or compared."""

    preset: tuple[str, ...] = option(
        ("base",), "Network: base (all defaults) or a file of experiments/presets without .flags; repeat for several."
    )
    batch_sizes: tuple[int, ...] = option((4,), "Crops in a batch.", at_least=1)
    crop_samples: int = option(
        8_000, "Scored samples of a crop; raised to whole frames for networks that are told of frames.", at_least=1
    )
    dtype: str = option("float32", "Number format of activations.", choices=("float32", "bfloat16"))
    rematerialize: bool = option(
        False, "Compute activations again for the gradient instead of keeping them: less memory, more time."
    )
    repeats: int = option(7, "Measured steps, and as many large products.", at_least=1)
    compare: tuple[str, ...] = option((), "File with results to compare; give two. Nothing is measured.")


def main(options: Options) -> None:
    if options.compare:
        compare(options.compare, _KEYS, "samples per second in training")
        return
    runtime.start()
    jax.config.update("jax_enable_compilation_cache", False)
    limit = Matmul()
    results = []
    for preset, batch in itertools.product(options.preset, options.batch_sizes):
        config = preset_config(preset)
        model = dataclasses.replace(
            with_some_classes(config.model), compute_dtype=options.dtype, rematerialize=options.rematerialize
        )
        data = dataclasses.replace(
            config.data, batch_size=batch, crop_samples=whole_frames(model, options.crop_samples)
        )
        config = dataclasses.replace(config, model=model, data=data)
        results.append({"preset": preset, **_measure(config, limit, options.repeats)})
        print(json.dumps(results[-1]), flush=True)
    show(f"training on {results[0]['device']}", _COLUMNS, [_row(result) for result in results])


def _measure(config: RunConfig, limit: Matmul, repeats: int) -> dict[str, Any]:
    mesh = make_mesh()
    batch_size, crop = config.data.batch_size, config.data.crop_samples
    check_divisible(batch_size, config.optimizer.microbatches, mesh)
    trainer = Trainer(config, mesh)
    state = trainer.init()
    codes = np.random.default_rng(0).integers(0, config.model.levels, (batch_size, crop + 1), np.int32)
    conditions = blank_conditions(config.model, batch_size, crop)
    batch = put(mesh, Batch(codes, np.ones((batch_size, crop), bool), conditions))

    began = time.perf_counter()
    step = trainer.step.lower(state, batch).compile()
    compile_seconds = time.perf_counter() - began

    state, _ = jax.block_until_ready(step(state, batch))
    steps, products = [], []
    for _ in range(repeats):
        began = time.perf_counter()
        state, _ = jax.block_until_ready(step(state, batch))
        steps.append(time.perf_counter() - began)
        products.append(limit.flops())
    seconds = statistics.median(steps)
    speed = batch_size * crop / seconds
    limit_flops = statistics.median(products) * mesh.size
    device = mesh.devices.flat[0]
    return {
        "batch": batch_size,
        "crop": crop,
        "dtype": config.model.compute_dtype,
        "rematerialize": config.model.rematerialize,
        "device": f"{mesh.size} x {device.platform} {device.device_kind}",
        "parameters": parameter_count(config.model),
        "samples_per_second": speed,
        "step_seconds": seconds,
        "step_seconds_range": [min(steps), max(steps)],
        "compile_seconds": compile_seconds,
        "peak_memory_bytes": _reserved_bytes(step),
        "limit_flops": limit_flops,
        "limit_fraction": speed * training_flops(config.model) / limit_flops,
        "versions": versions(),
    }


def _reserved_bytes(step: jax.stages.Compiled) -> int:
    """What XLA sets aside on a device: what goes in, what comes out (if not in place), and everything between."""
    sizes: Any = step.memory_analysis()
    outer = sizes.argument_size_in_bytes + sizes.output_size_in_bytes - sizes.alias_size_in_bytes
    return outer + sizes.temp_size_in_bytes


def _row(result: dict[str, Any]) -> list[str]:
    return [
        result["preset"],
        str(result["batch"]),
        str(result["crop"]),
        result["dtype"],
        f"{result['samples_per_second']:,.0f}",
        f"{result['step_seconds']:.3f}",
        f"{result['compile_seconds']:.1f}",
        f"{result['peak_memory_bytes'] / 1e6:,.0f}",
        f"{result['limit_fraction']:.0%}",
    ]


if __name__ == "__main__":
    flags.run(main)
