"""Measures sampling speed beside this machine's limits.

    wavenet bench-sample --preset=base --preset=paper --batch_sizes=1,64 > here.jsonl
    wavenet bench-sample --batch_sizes=1 --engine=scan --engine=native --weights=float32 --weights=int8
    wavenet bench-sample --batch_sizes=1 --engine=native --weights=int8 --sparsity=0,0.8,0.9
    wavenet bench --compare=here.jsonl --compare=there.jsonl

A figure is samples per second, of all streams together. The limit of one stream is a matrix-vector product with as
many weights as the network, since every weight is read once per sample; the limit of many streams is a large matrix
product. Limits are measured in turn with the sampler; ``limit`` is in samples per second over all streams. The floor
is what C needs that only reads the weights of one stream, zeros and all, in float32, float16 and int8, on one core
(experiments/support/floor.cc), measured in turn as well. With --sparsity, the engine runs networks with zeros in random
blocks, which it leaves out; with --threads=1,2, a second thread works on a single stream, too, where that is faster.
Of several engines, those that cannot run are left out, with the reason. Compilation does not use the cache.
"""

import contextlib
import dataclasses
import itertools
import statistics
import time
from dataclasses import dataclass

import jax

from experiments.support import console, flags, runtime
from experiments.support.benchmarks import blank_conditions, preset_config, show, with_some_classes
from experiments.support.figures import Figure, digits, figure, skipped
from experiments.support.limits import Floor, Matmul, MatrixVector
from wavenet_jax.config import Checked, WaveNetConfig, option
from wavenet_jax.engine import FORMATS, Engine, EngineMissingError
from wavenet_jax.model import WaveNet
from wavenet_jax.sampling import (
    ENGINES,
    Ancestral,
    Session,
    advance,
    advance_native,
    begin,
    choose_engine,
    prepare_weights,
    sharing,
    spread,
)
from wavenet_jax.sampling.devices import advance_on, mesh_of
from wavenet_jax.training.pruning import randomly_pruned
from wavenet_jax.typing import Params

_COLUMNS = ("figure", "devices", "samples/s", "µs/step", "x real time", "compile s", "first s", "limit", "x floor")
_FLOORS = {**{name: name for name in FORMATS}, "bfloat16": "float16"}  # of the same bytes
_STRATEGY = Ancestral(0.9)
_FLOOR_STEPS = 500
_SETTLING_SECONDS = 0.2
"""After a product of the matrix library, whose threads wait for the next one in a busy loop for as long as 0.1 s."""


@dataclass(frozen=True)
class Options(Checked):
    """Networks and sizes to measure."""

    preset: tuple[str, ...] = option(("base",), "Name of a packaged preset of a network; repeat for several.")
    batch_sizes: tuple[int, ...] = option((1, 64), "Streams at once, one measurement for each number.", at_least=1)
    steps: int = option(1_000, "Samples per stream and measurement.", at_least=1)
    dtype: str = option("float32", "Data type of weights and activations.", choices=("float32", "bfloat16"))
    engine: tuple[str, ...] = option(("auto",), "Samplers to measure in turn; repeat for several.", choices=ENGINES)
    weights: tuple[str, ...] = option(
        ("float32",), "Number formats of the engine's weights to measure in turn; repeat for several.", choices=FORMATS
    )
    sparsity: tuple[float, ...] = option(
        (0.0,), "Shares of zeros, in random blocks, of the weights that the engine runs.", at_least=0, below=1
    )
    threads: tuple[int, ...] = option(
        (1,),
        "Threads that may work on one stream of the engine, to measure in turn: 1 or 2.",
        at_least=1,
        at_most=2,
    )
    repeats: int = option(7, "Number of measurements, and of measurements of the limit.", at_least=1)
    devices: int | None = option(
        None, "Devices (on a CPU, cores) that share the streams evenly; none: as many as possible.", at_least=1
    )


def main(options: Options) -> None:
    runtime.start(cores_as_devices=True)
    jax.config.update("jax_enable_compilation_cache", False)
    results = []
    for preset, batch in itertools.product(options.preset, options.batch_sizes):
        config = dataclasses.replace(with_some_classes(preset_config(preset).model), compute_dtype=options.dtype)
        for result in _measure(preset, config, batch, options):
            results.append(result)
            console.result(result)
    measured = [result for result in results if "skipped" not in result]
    show(f"sampling on {measured[0]['device']}", _COLUMNS, [_row(result) for result in measured])


class _Sampler:
    """Streams of one engine, compiled and warm."""

    def __init__(
        self,
        model: WaveNet,
        params: Params,
        batch: int,
        options: Options,
        name: str,
        weights: str,
        sparsity: float,
        threads: int,
    ) -> None:
        self.steps = model.config.whole_frames(options.steps)
        self.seconds: list[float] = []
        self.processor_seconds: list[float] = []
        conditions = blank_conditions(model.config, batch, self.steps)
        if sparsity:
            params = randomly_pruned(model.config, params, sparsity, jax.random.key(1))
        self.sparsity = sparsity
        began = time.perf_counter()
        prepared_weights = prepare_weights(model, params)
        devices = sharing(jax.devices(), batch, options.devices)
        session = spread(model, begin(model, jax.random.key(0), batch), devices)
        mesh = mesh_of(session)
        self.devices = len(devices)
        engine, self.engine = choose_engine(
            model, prepared_weights, session, _STRATEGY, name=name, weight_format=weights
        )
        if engine is not None:
            engine = dataclasses.replace(engine, threads=_checked_threads(engine, batch, threads))
            self.engine = str(engine)
        self.threads = threads
        self.weights = "float32" if engine is None else engine.weight_format
        self.zeros = 0.0 if engine is None else engine.zeros
        self.sparse_products = 0 if engine is None else engine.sparse_products[0]
        jax.block_until_ready((prepared_weights, session))
        prepared = time.perf_counter()
        arguments = (model, prepared_weights, _STRATEGY, session, self.steps, conditions)
        if mesh is not None:
            compiled = advance_on.lower(mesh, *arguments, engine=engine).compile()
        elif engine is not None:
            compiled = advance_native.lower(*arguments, engine=engine).compile()
        else:
            compiled = advance.lower(*arguments).compile()
        self.compile_seconds = time.perf_counter() - prepared
        places = compiled.input_shardings[0][2]
        given = {} if engine is None and mesh is None else {"engine": engine}

        def run(session: Session) -> Session:
            session = jax.device_put(session, places)  # arrays without elements come back elsewhere
            return jax.block_until_ready(compiled(prepared_weights, _STRATEGY, session, conditions, **given))[-1]

        self._run, self._session = run, run(session)
        self.first_sample_seconds = time.perf_counter() - began

    def measure(self) -> None:
        """Makes the samples of one measurement."""
        began, worked = time.perf_counter(), time.process_time()
        self._session = self._run(self._session)
        self.seconds.append(time.perf_counter() - began)
        self.processor_seconds.append(time.process_time() - worked)


def _checked_threads(engine: Engine, batch: int, threads: int) -> int:
    """Returns how many threads may work on a stream; raises ``ValueError`` where the engine would not take as many."""
    if threads > 1 and (batch > 1 or engine.threads < threads):
        raise ValueError("a second thread is for one stream of a large network, where there are two processors")
    return threads


def _measure(preset: str, config: WaveNetConfig, batch: int, options: Options) -> list[Figure]:
    """Measures all engines and number formats that are asked for in turn, and the limits between them.

    Raises:
      ValueError: none of them can run.
    """
    model = WaveNet(config)
    params = jax.jit(lambda key: model.init(key, method="weights"))(jax.random.key(0))["params"]
    limit = MatrixVector(model.multiply_adds) if batch == 1 else Matmul()
    floor = None
    if batch == 1:
        with contextlib.suppress(EngineMissingError):  # without a compiler there is no floor
            floor = Floor(config)
    choices = [
        choice
        for choice in itertools.product(options.engine, options.weights, options.sparsity, options.threads)
        if choice[0] != "scan" or choice[1:] == ("float32", 0, 1)
    ]
    samplers, left_out = [], []
    for name, weights, sparsity, threads in choices:
        try:
            samplers.append(_Sampler(model, params, batch, options, name, weights, sparsity, threads))
        except ValueError as error:
            what = _name(preset, config, batch, f"{name} {weights}", sparsity, threads)
            left_out.append(skipped(what, console.reason(error)))
            if len(left_out) == len(choices):
                raise
    limits: list[float] = []
    floors: list[dict[str, float]] = []
    for _ in range(options.repeats):
        for sampler in samplers:
            sampler.measure()
            if floor is not None:
                floors.append(floor.microseconds(_FLOOR_STEPS))
        limits.append(limit.flops() / (2 * model.multiply_adds))
        time.sleep(_SETTLING_SECONDS)
    floor_us = {name: statistics.median(one[name] for one in floors) for name in floors[0]} if floors else None
    most = statistics.median(limits)
    return [*(_result(preset, config, batch, sampler, most, floor_us) for sampler in samplers), *left_out]


def _name(preset: str, config: WaveNetConfig, batch: int, engine: str, sparsity: float, threads: int) -> str:
    """Returns the name of a figure; ``engine`` is ``scan ...``, or an engine and the number format of its weights."""
    kind, *more = engine.replace(":", "").replace(",", "").split()
    variant = [config.compute_dtype] * (config.compute_dtype != "float32") + [f"sparse {sparsity:g}"] * (sparsity > 0)
    variant += [f"{threads} threads"] * (threads > 1)
    return "/".join(["sample", preset, str(batch), kind, *more[: kind != "scan"], *variant])


def _result(
    preset: str,
    config: WaveNetConfig,
    batch: int,
    sampler: _Sampler,
    most: float,
    floor_us: dict[str, float] | None,
) -> Figure:
    step_seconds = statistics.median(sampler.seconds) / sampler.steps
    device = jax.devices()[0]
    speed = batch / step_seconds
    floor = None if floor_us is None else floor_us.get(_FLOORS[sampler.weights])
    return figure(
        _name(preset, config, batch, sampler.engine, sampler.sparsity, sampler.threads),
        "samples/s",
        [batch * sampler.steps / seconds for seconds in sampler.seconds],
        preset=preset,
        batch=batch,
        dtype=config.compute_dtype,
        engine=sampler.engine,
        sparsity=sampler.sparsity,
        zeros=sampler.zeros,
        threads=sampler.threads,
        sparse_products=sampler.sparse_products,
        device=f"{device.platform} {device.device_kind}",
        devices=sampler.devices,
        us_per_step=1e6 * step_seconds,
        processor_us_per_step=1e6 * statistics.median(sampler.processor_seconds) / sampler.steps,
        times_real_time=speed / config.sample_rate,
        compile_seconds=sampler.compile_seconds,
        first_sample_seconds=sampler.first_sample_seconds,
        peak_memory_bytes=_peak_memory_bytes(),
        limit=most,
        limit_fraction=speed / most,
        floor_us=floor_us,
        times_floor=None if floor is None else 1e6 * step_seconds / floor,
    )


def _row(result: Figure) -> list[str]:
    return [
        result["name"],
        str(result["devices"]),
        digits(result["median"]),
        f"{result['us_per_step']:,.1f}",
        f"{result['times_real_time']:.2f}",
        f"{result['compile_seconds']:.1f}",
        f"{result['first_sample_seconds']:.1f}",
        f"{result['limit_fraction']:.0%}",
        "" if result["times_floor"] is None else f"{result['times_floor']:.2f}",
    ]


def _peak_memory_bytes() -> int | None:
    """Returns the most memory that this process has had; None on systems that do not say."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    flags.run(main)
