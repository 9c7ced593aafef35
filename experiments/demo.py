"""Shows in two minutes what this package does: speaks, copies a recording, trains a network.

    wavenet demo [--output=demo] [--clip=FILE] [--text=TEXT]

It says a sentence in the voice of the package; makes a recording again from its features, with the voice's vocoder; and
trains the base network for a minute beside its baselines, on the speech of a checkout (examples/speech) or on
synthetic sounds. --output gets the sounds, one picture of all that, and the run. Copying needs the extra [f0].
"""

import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import wavenet_jax
from experiments import train
from experiments.curve import points_of
from experiments.support import console, flags, plots, presets, runtime
from wavenet_jax.alignment import Alignment
from wavenet_jax.audio.distances import log_mel_distance
from wavenet_jax.audio.features import LogMel
from wavenet_jax.audio.files import read_audio, show
from wavenet_jax.audio.wav import write_wav
from wavenet_jax.config import Checked, RunConfig, option
from wavenet_jax.runs import RunDirectory

_SPEECH = Path(__file__).parents[1] / "examples" / "speech"
_CLIP = _SPEECH / "vm-nobox.flac"  # held out when the vocoder was trained
_MOST_SECONDS = 10.0
_SAMPLE_SECONDS = 3.0
_PASSES = 3
_TEXT = "Hello! I am a small network. Two processor cores are all that I need to speak."
_RECIPE = (
    *("--num_steps=250", "--warmup_steps=25", "--learning_rate=2e-2", "--ema_decay=0.99", "--validation_fraction=0.1"),
    *("--validate_every=50", "--save_every=50", "--log_every=10", "--validation_samples=100000"),
)


@dataclass(frozen=True)
class Options(Checked):
    """What is said, copied and trained, and where it goes."""

    output: str = option("demo", "Folder for the sounds, the picture and the run.", path=True)
    text: str = option(_TEXT, "What is said.")
    voice: str | None = option(None, "Voice folder; none: the voice that comes with the package.", path=True)
    clip: str | None = option(
        None,
        "Recording to copy, at most its first ten seconds; none: one of the checkout, or what was said.",
        path=True,
    )
    data_dir: str | None = option(
        None, "Folder of recordings to train on; none: those of the checkout, or synthetic sounds.", path=True
    )
    preset: str = option("base", "Preset of the network that is trained.")
    train_seconds: float = option(60.0, "Seconds of training; 0: none.", at_least=0)
    overwrite: bool = option(False, "Replace what an earlier demonstration left, its run included.")


def main(options: Options) -> int:
    folder = Path(options.output)
    made = [folder / name for name in ("said.wav", "recording.wav", "copy.wav", "trained.wav", "demo.png", "run")]
    for path in made:
        if path.exists() and not options.overwrite:
            raise ValueError(f"{show(str(path))} exists; choose another output, or replace it with --overwrite")
    runtime.start()
    voice = wavenet_jax.load_voice(options.voice)
    folder.mkdir(parents=True, exist_ok=True)
    for path in made[:-1]:
        path.unlink(missing_ok=True)
    console.say("1 of 3: saying a sentence")
    said, alignment = _said(voice, options.text)
    _write(folder / "said.wav", said, voice.sample_rate)
    console.say("2 of 3: copying a recording from its features")
    copied = _copied(voice.vocoder, options.clip, said)
    for name, waveform in copied.items():
        _write(folder / f"{name}.wav", waveform, voice.sample_rate)
    code = 0
    if options.train_seconds:
        console.say("3 of 3: training a small network")
        code = _trained(options, folder)
    curve = points_of(str(folder / "run")) if (folder / "trained.wav").is_file() else None
    plots.save_demonstration(folder / "demo.png", said, alignment, copied, voice.sample_rate, curve)
    _tell(folder, copied, options)
    return code


def _said(voice: wavenet_jax.Voice, text: str) -> tuple[np.ndarray, Alignment]:
    """Speaks a text: its waveform ``[T]``, and when its phones sound."""
    pieces: list[np.ndarray] = []
    alignment = Alignment((), (), 0.0)
    for utterance in voice.utterances(text):
        start, first = sum(map(len, pieces)) / voice.sample_rate, len(alignment.words)
        segments = tuple(
            segment._replace(
                word=None if segment.word is None else first + segment.word,
                start=start + segment.start,
                stop=start + segment.stop,
            )
            for segment in utterance.segments
        )
        alignment = Alignment(alignment.words + utterance.words, alignment.segments + segments, 0.0)
        pieces += voice.utter(utterance)
    return np.concatenate(pieces), alignment


def _copied(vocoder: wavenet_jax.Run, clip: str | None, said: np.ndarray) -> dict[str, np.ndarray]:
    """Copies a recording, which nobody could copy without the extra [f0]: both waveforms by what they are, or none."""
    rate = vocoder.sample_rate
    recording = said
    if clip is not None or _CLIP.is_file():
        recording = read_audio(str(_CLIP if clip is None else clip), rate)
    recording = recording[: round(_MOST_SECONDS * rate)]
    unvoiced = 1.0 if "f0" in vocoder.config.model.features.local_features else None
    try:
        copy = vocoder.vocode(
            recording, temperature=0.8, unvoiced_temperature=unvoiced, mel_equalization=_PASSES, guard=None
        )
    except ValueError as error:
        if clip is not None:
            raise
        console.say(f"not copied: {error}")
        return {}
    distance = log_mel_distance(recording, copy, LogMel.of(vocoder.config.model))
    console.say(f"the copy's log-mel spectrum is {distance:.1f} dB away from the recording's")
    return {"recording": recording, "copy": copy}


def _trained(options: Options, folder: Path) -> int:
    """Trains for some seconds, and writes what the network then makes on its own; the exit code of the training."""
    workdir = folder / "run"
    if RunDirectory(workdir).config_file.is_file():  # of an earlier demonstration
        shutil.rmtree(workdir)
    data = options.data_dir or (str(_SPEECH) if _SPEECH.is_dir() else None)
    flagfile = f"--flagfile={presets.find_flagfile(options.preset)}"
    (config,) = flags.read([RunConfig], ["demo", flagfile, *_RECIPE, *([f"--data_dir={data}"] if data else [])])
    code = train.main(
        config,
        train.Options(workdir=str(workdir), probe_seconds=0, most_seconds=options.train_seconds),
        runtime.Hosts(),
    )
    if code:
        return code
    run = wavenet_jax.load(workdir)
    if not any(record["kind"] == "validation" for record in run.records()):
        console.say(f"there was time for {run.step} steps only, too few to be heard; make demo-train takes longer")
        return 0
    _write(folder / "trained.wav", run.generate(_SAMPLE_SECONDS, temperature=0.9, seed=1), run.sample_rate)
    return 0


def _write(path: Path, waveform: np.ndarray, rate: int) -> None:
    write_wav(str(path), waveform, rate, generated=True)


def _tell(folder: Path, copied: dict[str, np.ndarray], options: Options) -> None:
    """Names what there is to hear and to see, and what one would do next."""
    sounds = {"said.wav": "what was said"}
    if copied:
        sounds |= {"recording.wav": "a recording", "copy.wav": "its copy, from its spectrum and pitch"}
    if (folder / "trained.wav").is_file():
        _, held_out, baselines = points_of(str(folder / "run"))
        sounds["trained.wav"] = "what the network makes on its own after a minute: babble at best"
        if held_out:
            named = ", ".join(f"{name.replace('_', ' ')} {bits:.2f}" for name, bits in baselines.items())
            console.say(
                f"the network takes {held_out[-1][1]:.2f} bits per sample of held-out audio; without one: {named}"
            )
    width = max(map(len, sounds)) + len(str(folder)) + 3
    console.say("\nTo hear:")
    for name, what in sounds.items():
        console.say(f"  {folder / name!s:{width}}{what}")
    console.say(f"To see:\n  {folder / 'demo.png'!s:{width}}all of it in one picture")
    voice = [] if options.voice is None else [f"--voice={options.voice}"]
    console.say("Next:")
    for command in (
        ["wavenet", "say", *voice, "--text=Any words of yours.", "--output=say.wav"],
        ["wavenet", "app"],
        ["wavenet", "train", "--flagfile=base.flags", "--data_dir=DIR", "--workdir=runs/mine"],
    ):
        console.say(f"  {shlex.join(command)}")
    console.result({"folder": str(folder), "sounds": [str(folder / name) for name in sounds]})


if __name__ == "__main__":
    flags.run(main)
