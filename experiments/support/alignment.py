"""What the programs that align recordings share: their flag, their bar, and the line that names the aligner."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from experiments.support import console, sources
from wavenet_jax.acoustic import AcousticRunConfig
from wavenet_jax.alignment import ALIGNERS, AUTO, AlignedData, align, joined_alignments
from wavenet_jax.config import DataConfig, option
from wavenet_jax.data import Source
from wavenet_jax.text import Lexicon, read_lexicon


def aligner_option() -> Any:
    """Returns the option that chooses the aligner."""
    return option(
        AUTO,
        "Aligner: forced (pocketsphinx, English; the extra [align]), learned (models learned from the recordings, 40 "
        "seconds or more in any language) or auto (forced where it can align them, else learned).",
        choices=ALIGNERS,
    )


def aligned(
    data: DataConfig, lexicon: Lexicon, aligner: str, only: Collection[str] | None = None, what: str = ""
) -> AlignedData:
    """Aligns a data set with a transient bar, and says by which aligner, and why; see ``align``."""
    with sources.counting("aligning clips") as progress:
        found = align(data, lexicon, progress, aligner, only)
    console.say(f"aligned {what}with aligner={found.aligner}, which {found.why}")
    return found


def aligned_for(config: AcousticRunConfig, clips: Sequence[Source], lexicon: str | None, aligner: str) -> AlignedData:
    """Aligns what an acoustic model learns from: each language by itself, where there are several.

    Args:
      config: of the model, whose classes are known.
      clips: what its run learns from, and what is held out.
      lexicon: file of pronunciations that override the package's, in ``config.language``.
      aligner: one of ``ALIGNERS``.
    """
    parts = []
    for language in config.languages:
        own = read_lexicon(Path(lexicon), language) if lexicon and language == config.language else None
        names = None
        if len(config.languages) > 1:
            pairs = (pair for source in clips for pair in zip(source.names, source.labels, strict=True))
            names = {name for name, labels in pairs if config.language_of(labels) == language}
            if not names:  # as where a voice of several languages learns more of one
                continue
        what = "" if names is None else f"{language.name} "
        parts.append(aligned(config.data, Lexicon(own, language), aligner, names, what))
    return joined_alignments(parts)
