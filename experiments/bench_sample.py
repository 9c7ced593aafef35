"""Sampling speed beside this machine's limits: JSON lines on standard output, a table on standard error.

    python -m experiments.bench_sample --preset=base --preset=paper --batch_sizes=1,64 > here.jsonl
    python -m experiments.bench_sample --compare=here.jsonl --compare=there.jsonl

One stream cannot be faster than its weights can be read, so its limit is a matrix-vector product with as many weights;
many streams at once are matrix products, so theirs is a large one. Both limits are measured between the measurements of
the same run; ``limit`` is in samples per second over all streams. Figures are medians; compilation does not use the
cache.
"""

import dataclasses
import itertools
import json
import resource
import statistics
import time
from dataclasses import dataclass
from typing import Any

import jax

from experiments import flags, runtime
from experiments.benchmarks import blank_conditions, compare, preset_config, show, with_some_classes
from experiments.limits import Matmul, MatrixVector
from experiments.reporting import versions
from wavenet_jax.config import Checked, WaveNetConfig, option
from wavenet_jax.model import WaveNet
from wavenet_jax.sampling import Ancestral, Session, advance, begin, prepare, sharing, whole_frames
from wavenet_jax.sampling.devices import advance_on, mesh_of, spread

_KEYS = ("preset", "batch", "dtype")
_COLUMNS = (*_KEYS, "devices", "samples/s", "µs/step", "x real time", "compile s", "first sample s", "limit")
_STRATEGY = Ancestral(0.9)


@dataclass(frozen=True)
class Options(Checked):
    """What is measured, or compared."""

    preset: tuple[str, ...] = option(
        ("base",), "Network: base (all defaults) or a file of experiments/presets without .flags; repeat for several."
    )
    batch_sizes: tuple[int, ...] = option((1, 64), "Streams at once.", at_least=1)
    steps: int = option(1_000, "Samples per stream and measurement.", at_least=1)
    dtype: str = option("float32", "Number format of weights and activations.", choices=("float32", "bfloat16"))
    repeats: int = option(7, "Measurements, and as many of the limit.", at_least=1)
    devices: int | None = option(
        None, "Devices, or cores, that share the streams evenly; none: as many as can.", at_least=1
    )
    compare: tuple[str, ...] = option((), "File with results to compare; give two. Nothing is measured.")


def main(options: Options) -> None:
    if options.compare:
        compare(options.compare, _KEYS, "samples per second in sampling")
        return
    runtime.start(cores_as_devices=True)
    jax.config.update("jax_enable_compilation_cache", False)
    results = []
    for preset, batch in itertools.product(options.preset, options.batch_sizes):
        config = dataclasses.replace(with_some_classes(preset_config(preset).model), compute_dtype=options.dtype)
        steps = whole_frames(config, options.steps)
        results.append({"preset": preset, **_measure(config, batch, steps, options.repeats, options.devices)})
        print(json.dumps(results[-1]), flush=True)
    show(f"sampling on {results[0]['device']}", _COLUMNS, [_row(result) for result in results])


def _measure(config: WaveNetConfig, batch: int, steps: int, repeats: int, count: int | None) -> dict[str, Any]:
    model = WaveNet(config)
    mesh = mesh_of(sharing(jax.devices(), batch, count), batch)
    params = jax.jit(lambda key: model.init(key, method="weights"))(jax.random.key(0))["params"]
    conditions = blank_conditions(config, batch, steps)
    limit = MatrixVector(config.multiply_adds) if batch == 1 else Matmul()

    began = time.perf_counter()
    weights, session = prepare(model, params), begin(model, jax.random.key(0), batch)
    if mesh.size > 1:
        session = spread(mesh, model, session)
    jax.block_until_ready((weights, session))
    prepared = time.perf_counter()
    if mesh.size > 1:
        compiled = advance_on.lower(mesh, model, weights, _STRATEGY, session, steps, conditions).compile()
    else:
        compiled = advance.lower(model, weights, _STRATEGY, session, steps, conditions).compile()
    compile_seconds = time.perf_counter() - prepared
    places = compiled.input_shardings[0][2]

    def run(session: Session) -> Session:
        session = jax.device_put(session, places)  # arrays without elements come back elsewhere
        return jax.block_until_ready(compiled(weights, _STRATEGY, session, conditions))[-1]

    session = run(session)
    first = time.perf_counter() - began
    seconds, limits = [], []
    for _ in range(repeats):
        began = time.perf_counter()
        session = run(session)
        seconds.append(time.perf_counter() - began)
        limits.append(limit.flops() / (2 * config.multiply_adds))
    step_seconds = statistics.median(seconds) / steps
    device = jax.devices()[0]
    speed, most = batch / step_seconds, statistics.median(limits)
    return {
        "batch": batch,
        "dtype": config.compute_dtype,
        "device": f"{device.platform} {device.device_kind}",
        "devices": mesh.size,
        "samples_per_second": speed,
        "us_per_step": 1e6 * step_seconds,
        "us_per_step_range": [1e6 * min(seconds) / steps, 1e6 * max(seconds) / steps],
        "times_real_time": speed / config.sample_rate,
        "compile_seconds": compile_seconds,
        "first_sample_seconds": first,
        "peak_memory_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "limit": most,
        "limit_fraction": speed / most,
        "versions": versions(),
    }


def _row(result: dict[str, Any]) -> list[str]:
    return [
        result["preset"],
        str(result["batch"]),
        result["dtype"],
        str(result["devices"]),
        f"{result['samples_per_second']:,.0f}",
        f"{result['us_per_step']:,.1f}",
        f"{result['times_real_time']:.2f}",
        f"{result['compile_seconds']:.1f}",
        f"{result['first_sample_seconds']:.1f}",
        f"{result['limit_fraction']:.0%}",
    ]


if __name__ == "__main__":
    flags.run(main)
