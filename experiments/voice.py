"""Puts a voice together from the runs that trained its acoustic model and its vocoder.

    wavenet voice --acoustic=RUN --vocoder=RUN --output=DIR [--card=README.md]

The folder holds configs, weights, pronunciations and the card: all that ``wavenet say`` needs. Recordings have a
licence; what was learned from them comes under it, too, so say in the card whose voice it is and what the licence asks.
"""

from dataclasses import dataclass
from pathlib import Path

from experiments.support import console, flags, runtime
from experiments.support.options import checkpoint_option
from experiments.support.outputs import refuse_model
from wavenet_jax.acoustic import AcousticConfig
from wavenet_jax.config import Checked, option, override
from wavenet_jax.voice import ACOUSTIC, VOCODER, make_voice

_OF_RUN = "that of the acoustic run"


@dataclass(frozen=True)
class Options(Checked):
    """Parts of the voice, and where it goes."""

    acoustic: str = option(None, "Run directory of the acoustic model, or voice folder that has it.", path=True)
    vocoder: str = option(None, "Run directory, or model folder, of the vocoder.", path=True)
    output: str = option(None, "Voice folder; made where there is none.", path=True)
    checkpoint: str = checkpoint_option()
    flow_temperature: float | None = override(AcousticConfig, "flow_temperature", _OF_RUN)
    length_scale: float | None = override(AcousticConfig, "length_scale", _OF_RUN)
    pitch_range: float | None = override(AcousticConfig, "pitch_range", _OF_RUN)
    spectral_contrast: float | None = override(AcousticConfig, "spectral_contrast", _OF_RUN)
    label: tuple[str, ...] = option(
        (),
        "Class that the voice has by nature, as NAME or FAMILY=NAME, such as its speaker; repeat for each; none: all "
        "classes of the acoustic model stay, and are asked for in speaking.",
    )
    lexicon: str | None = option(None, "File of words and phones that override the package's.", path=True)
    card: str | None = option(None, "Text file that becomes README.md; none: a short one.", path=True)
    dtype: str = option("float16", "Number format of the weights.", choices=("float32", "float16"))
    overwrite: bool = option(False, "Replace the voice in an existing folder.")


def main(options: Options) -> None:
    output = Path(options.output)
    refuse_model(output, options.overwrite, "voice", _is_voice)
    runtime.start()
    card = "# A voice\n\nTrained with wavenet_jax.\n"
    if options.card is not None:
        card = Path(options.card).read_text(encoding="utf-8", errors="replace")
    voice = make_voice(
        options.acoustic,
        options.vocoder,
        options.lexicon,
        card,
        options.checkpoint,
        options.label,
        flow_temperature=options.flow_temperature,
        length_scale=options.length_scale,
        pitch_range=options.pitch_range,
        spectral_contrast=options.spectral_contrast,
    )
    voice.save(output, options.dtype)
    size = sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
    console.result(
        {
            "folder": str(output),
            "bytes": size,
            "acoustic_step": voice.acoustic.step,
            "vocoder_step": voice.vocoder.step,
        }
    )


def _is_voice(folder: Path) -> bool:
    return (folder / VOCODER).is_dir() and (folder / ACOUSTIC).is_dir()


if __name__ == "__main__":
    flags.run(main)
