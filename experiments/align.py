"""Finds when each phone is said in a folder of recordings with transcripts.

    wavenet align --data_dir=DIR [--language=es] [--picture=FILE.png --clip=NAME]

The transcripts are a table in the folder of names and texts: transcripts.tsv, metadata.csv, or --transcript_table. The
alignments are kept in the cache folder, where training of an acoustic model finds them. Prints JSON: which clips do not
fit their transcripts, which are doubtful, and which words are in no lexicon; mend the texts, or name pronunciations in
--lexicon. English is aligned by pocketsphinx where the extra [align] is installed; all else by models that are learned
from the recordings, which takes 40 seconds of speech or more (--aligner).
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.support import console, flags
from experiments.support.alignment import aligned, aligner_option
from experiments.support.outputs import check_output, refuse_existing
from experiments.support.plots import save_alignment
from wavenet_jax.alignment import AlignedData, as_aligned
from wavenet_jax.audio.files import show
from wavenet_jax.config import Checked, DataConfig, WaveNetConfig, option
from wavenet_jax.data import SPLITS, Skipped, collect
from wavenet_jax.text import ENGLISH, LANGUAGES, Lexicon, read_lexicon


@dataclass(frozen=True)
class Options(Checked):
    """Pronunciations, and the picture."""

    language: str = option(ENGLISH.code, "Language of the transcripts.", choices=tuple(LANGUAGES))
    lexicon: str | None = option(
        None, "File of words and phones that override the package's; none: only those.", path=True
    )
    aligner: str = aligner_option()
    picture: str | None = option(None, "PNG file for a picture of one aligned clip.", path=True)
    clip: str | None = option(None, "Name of the clip in the picture, as in the folder; none: the first one.")
    overwrite: bool = option(False, "Replace an existing picture.")


def main(data: DataConfig, options: Options) -> None:
    language = LANGUAGES[options.language]
    lexicon = Lexicon(read_lexicon(Path(options.lexicon), language) if options.lexicon else None, language)
    picture = None if options.picture is None else check_output(Path(options.picture), ".png", "picture")
    if picture is not None:
        refuse_existing([picture], options.overwrite, "picture")
    found = aligned(data, lexicon, options.aligner)
    name_clips("do not fit their transcripts", found.refused)
    name_clips("are doubtful; training leaves them out", found.doubts)
    alignments = [*found.clips.values(), *found.doubtful.values()]
    console.result(
        {
            "aligner": found.aligner,
            "aligner_reason": found.why,
            "aligned": len(found.clips),
            "minutes": sum(alignment.segments[-1].stop for alignment in found.clips.values()) / 60,
            "phones": sum(len(word.phones) for alignment in found.clips.values() for word in alignment.words),
            "words": len({word.text for alignment in alignments for word in alignment.words}),
            "doubtful": _named(found.doubts),
            "not_aligned": _named(found.refused),
            "guessed_words": dict(found.guessed),
        }
    )
    if picture is not None:
        _draw(data, found, picture, options.clip)


def _draw(data: DataConfig, found: AlignedData, path: Path, clip: str | None) -> None:
    model = WaveNetConfig(dilation_cycle=(1,))
    source = collect(as_aligned(data), model).split(*SPLITS)
    alignments = {**found.clips, **found.doubtful}
    chosen = [name for name in alignments if clip in (None, name, os.path.splitext(name)[0])]
    if not chosen:
        raise ValueError(f"clip {show(str(clip))} is not among the {len(alignments)} aligned ones; give another name")
    number = list(source.names).index(chosen[0])
    waveform = source.read(number, 0, int(source.lengths[number]))
    alignment = alignments[chosen[0]]
    console.Channels().attempt(
        f"picture {show(str(path))}", lambda: save_alignment(path, chosen[0], waveform, model.sample_rate, alignment)
    )


def name_clips(what: str, skipped: Sequence[Skipped]) -> None:
    """Names clips on standard error, each with its reason; ``what`` goes with all of them."""
    if skipped:
        console.say(f"{len(skipped)} clips {what}")
    for name, reason in skipped:
        console.say(f"  {name} {reason}")


def _named(skipped: Sequence[Skipped]) -> list[dict[str, str]]:
    return [{"file": name, "reason": reason} for name, reason in skipped]


if __name__ == "__main__":
    flags.run(main)
