"""Exports a network: a model folder, and functions that run without this package.

    wavenet export --workdir=DIR --output=FOLDER [--dtype=float16]
    wavenet export --workdir=DIR --output=FOLDER --functions
    wavenet export --workdir=DIR --output=FOLDER --onnx

The model folder is what ``wavenet_jax.load``, the other programs and ``--init_from`` read. Functions are StableHLO for
CPU, CUDA and TPU in one file each, which jax.export reads: examples/play_exported.py plays from them. step.onnx
computes one sample: examples/play_onnx.py plays from it.
"""

from dataclasses import dataclass
from pathlib import Path

import wavenet_jax
from experiments.support import console, flags, runtime
from experiments.support.options import checkpoint_option
from experiments.support.outputs import refuse_model
from wavenet_jax.config import Checked, option
from wavenet_jax.moving import PLATFORMS, write_functions, write_step
from wavenet_jax.runs import DTYPES


@dataclass(frozen=True)
class Options(Checked):
    """The network, and the folder to write."""

    workdir: str = option(None, "Run directory, or model folder.", path=True)
    checkpoint: str = checkpoint_option()
    output: str = option(None, "Folder to write; made where there is none.", path=True)
    dtype: str = option("float32", "Number format of the model folder.", choices=DTYPES)
    functions: bool = option(False, "Write functions into the folder, in functions/, as well.")
    onnx: bool = option(False, "Write step.onnx into the folder, as well.")
    samples: int = option(
        1_600, "Samples that a call of an exported function generates; a multiple of the hop.", at_least=1
    )
    streams: int | None = option(
        1, "Streams that a call generates side by side; none: any number from 8, in step.onnx 1.", at_least=1
    )
    overwrite: bool = option(False, "Replace the model in an existing folder.")


def main(options: Options) -> None:
    runtime.start()
    output = Path(options.output)
    refuse_model(output, options.overwrite)
    run = wavenet_jax.load(options.workdir, options.checkpoint)
    if options.functions:
        write_functions(output / "functions", run.config, run.params, options.samples, options.streams)
    if options.onnx:
        write_step(output / "step.onnx", run.config, run.params, options.streams or 1)
    run.save(output, options.dtype)
    size = sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
    result = {"folder": str(output), "step": run.step, "bytes": size}
    console.result({**result, "platforms": PLATFORMS} if options.functions else result)


if __name__ == "__main__":
    flags.run(main)
