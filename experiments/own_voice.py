"""Makes a voice of one's own: fine-tunes a voice to some recordings and their transcripts.

    wavenet own-voice --data_dir=DIR --output=DIR [--voice=DIR]

Ten clear sentences give a first impression, forty more of a likeness; the page records them one by one. The vocoder and
then the acoustic model of a voice go on learning from the recordings, and --output gets the new voice in voice/, for
``wavenet say --voice``, beside the run directories of both. The same command resumes after Ctrl-C. Needs
the extra [f0].

Record yourself, or somebody who has agreed to it: a voice is personal.
"""

import dataclasses
import shlex
from dataclasses import dataclass
from pathlib import Path

import wavenet_jax
from experiments import train, train_acoustic
from experiments.support import console, flags, runtime
from experiments.support.alignment import aligner_option
from wavenet_jax.acoustic import AcousticRunConfig
from wavenet_jax.acoustic.config import PREPARATION
from wavenet_jax.alignment import with_transcripts
from wavenet_jax.config import Checked, DataConfig, OptimizerConfig, RunConfig, StartConfig, TrainConfig, option
from wavenet_jax.text import LANGUAGES
from wavenet_jax.voice import ACOUSTIC, DEFAULT_VOICE, VOCODER, lexicon_file, make_voice

_HELD_OUT = 0.1
_VALIDATIONS = 4
_WARMUP_STEPS = 20


@dataclass(frozen=True)
class Options(Checked):
    """The recordings, the voice to begin from, and how long to learn."""

    data_dir: str = option(
        None, "Folder of recordings with transcripts.tsv, or metadata.csv as LJSpeech has it.", path=True
    )
    output: str = option(None, "Folder for the voice and the runs that make it.", path=True)
    voice: str | None = option(
        None, "Voice folder to begin from; none: the voice that comes with the package.", path=True
    )
    language: str | None = option(
        None, "Language of the transcripts; none: that of the voice to begin from.", choices=tuple(LANGUAGES)
    )
    aligner: str = aligner_option()
    name: str = option("A voice of one's own", "Name of the voice, in its card.")
    vocoder_steps: int = option(400, "Training steps of the vocoder.", at_least=1)
    acoustic_steps: int = option(200, "Training steps of the acoustic model.", at_least=1)
    batch_size: int = option(4, "Rows of a batch, of both.", at_least=1)
    learning_rate: float = option(5e-4, "Peak learning rate of both.", above=0)


def main(options: Options) -> int:
    runtime.start()
    voice = wavenet_jax.load_voice(options.voice)
    begins = Path(DEFAULT_VOICE if options.voice is None else options.voice)
    language = LANGUAGES[options.language or voice.language.code]
    known = begins / lexicon_file(voice.languages, language)
    lexicon = str(known) if language in voice.languages and known.is_file() else None
    output = Path(options.output)
    vocoder_run, acoustic_run = output / "runs" / VOCODER, output / "runs" / ACOUSTIC
    data = with_transcripts(
        DataConfig(
            data_dir=(options.data_dir,), batch_size=options.batch_size, validation_fraction=_HELD_OUT, label_from=None
        )
    )
    console.say("1 of 3: the vocoder")
    code = train.main(
        _vocoder_config(options, voice, data, begins),
        train.Options(workdir=str(vocoder_run), probe_seconds=0),
        runtime.Hosts(),
    )
    if code:
        return code
    console.say("2 of 3: the acoustic model")
    code = train_acoustic.main(
        _acoustic_config(options, voice, data),
        train_acoustic.Options(
            workdir=str(acoustic_run),
            vocoder=str(vocoder_run),
            lexicon=lexicon,
            init_from=str(begins),
            aligner=options.aligner,
        ),
        runtime.Hosts(),
    )
    if code:
        return code
    console.say("3 of 3: the voice")
    made = make_voice(acoustic_run, vocoder_run, lexicon, card=_card(options, voice), checkpoint="best")
    folder = output / "voice"
    made.save(folder)
    console.result({"folder": str(folder), "try": shlex.join(["wavenet", "say", f"--voice={folder}", "--text=Hello."])})
    return 0


def _vocoder_config(options: Options, voice: wavenet_jax.Voice, data: DataConfig, begins: Path) -> RunConfig:
    base = voice.vocoder.config
    kept = {name: getattr(base.data, name) for name in (*PREPARATION, "crop_samples")}
    return RunConfig(
        model=base.model,
        data=dataclasses.replace(data, transcript_table=None, **kept),
        optimizer=_optimizer(options),
        train=_train(options.vocoder_steps),
        start=StartConfig(init_from=str(begins / VOCODER)),
    )


def _acoustic_config(options: Options, voice: wavenet_jax.Voice, data: DataConfig) -> AcousticRunConfig:
    base = voice.acoustic.config
    language = options.language or voice.language.code
    model = dataclasses.replace(base.acoustic, language=language, condition_on_classes=False, classes=())
    return dataclasses.replace(
        base, acoustic=model, data=data, optimizer=_optimizer(options), train=_train(options.acoustic_steps)
    )


def _optimizer(options: Options) -> OptimizerConfig:
    """The optimizer of both, whatever the number of steps: a voice may learn for longer later."""
    return OptimizerConfig(learning_rate=options.learning_rate, warmup_steps=_WARMUP_STEPS, ema_decay=0.99)


def _train(steps: int) -> TrainConfig:
    every = max(1, steps // _VALIDATIONS)
    return TrainConfig(num_steps=steps, validate_every=every, save_every=every, log_every=max(1, min(10, every)))


def _card(options: Options, voice: wavenet_jax.Voice) -> str:
    """The card of the new voice: what it began from keeps its notice."""
    return (
        f"# {options.name}\n\nFine-tuned with wavenet_jax from the voice below, on recordings of its own, for "
        f"{options.vocoder_steps} and {options.acoustic_steps} steps. Do not pass it off as its speaker without being "
        f"allowed to.\n\n#{voice.card.strip()}\n"
    )


if __name__ == "__main__":
    flags.run(main)
