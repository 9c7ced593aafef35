"""Draws how a run learned: bits per sample of training and of held-out audio, beside the baselines.

python -m experiments.curve --workdir=DIR --output=curve.png
"""

import json
from dataclasses import dataclass
from pathlib import Path

from experiments import flags, plots
from experiments.outputs import check_output, refuse_existing
from experiments.records import read_records
from wavenet_jax.config import Checked, RunConfig, from_json, option


@dataclass(frozen=True)
class Options(Checked):
    """Which run, and where the picture is written."""

    workdir: str = option(None, "Folder of the run.")
    output: str = option(None, "PNG file to write.")
    overwrite: bool = option(False, "Replace a file that exists.")


def main(options: Options) -> None:
    output = check_output(Path(options.output), ".png")
    refuse_existing([output], options.overwrite)
    workdir = Path(options.workdir)
    records = read_records(workdir)
    data = from_json(RunConfig, (workdir / "config.json").read_text(encoding="utf-8")).data
    millions_per_step = data.batch_size * data.crop_samples / 1e6
    points = {
        kind: [(r["step"] * millions_per_step, r["bits_per_sample"]) for r in records if r["kind"] == kind]
        for kind in ("train", "validation")
    }
    (*_, start) = (record for record in records if record["kind"] == "start")
    plots.save_curve(output, points["train"], points["validation"], start["baselines"])
    print(json.dumps({"picture": str(output)}))


if __name__ == "__main__":
    flags.run(main)
