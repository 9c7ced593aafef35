"""What the programs that align recordings share: their flag, their bar, and the line that names the aligner."""

from typing import Any

from experiments.support import console, sources
from wavenet_jax.alignment import ALIGNERS, AUTO, AlignedData, align
from wavenet_jax.config import DataConfig, option
from wavenet_jax.text import Lexicon


def aligner_option() -> Any:
    """Returns the option that chooses the aligner."""
    return option(
        AUTO,
        "Aligner: forced (pocketsphinx, English; the extra [align]), learned (models learned from the recordings, 40 "
        "seconds or more in any language) or auto (forced where it can align them, else learned).",
        choices=ALIGNERS,
    )


def aligned(data: DataConfig, lexicon: Lexicon, aligner: str) -> AlignedData:
    """Aligns a data set with a transient bar, and says by which aligner, and why."""
    with sources.counting("aligning clips") as progress:
        found = align(data, lexicon, progress, aligner)
    console.say(f"aligned with aligner={found.aligner}, which {found.why}")
    return found
