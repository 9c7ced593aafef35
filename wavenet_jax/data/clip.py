"""One recording outside of any data set, heard as the recordings of a run are."""

import dataclasses
import glob
import os

from wavenet_jax.config import DataConfig, WaveNetConfig
from wavenet_jax.data.folder import FolderSource, collect


def open_clip(path: str, data: DataConfig, model: WaveNetConfig) -> FolderSource:
    """A source with the one clip at ``path``, prepared as ``data`` says, but neither trimmed nor labelled.

    Raises:
      ValueError: it cannot be used; the message says why.
    """
    if not os.path.isfile(path):
        raise ValueError(f"there is no file at {path}; check the path")
    folder, name = os.path.split(os.path.abspath(path))
    alone = dataclasses.replace(
        data,
        data_dir=(folder,),
        include=(glob.escape(name),),
        exclude=(),
        validation_fraction=0.0,
        test_fraction=0.0,
        validation_files=(),
        test_files=(),
        label_from=None,
        transcript_table=None,
        trim_silence=False,
    )
    # What a network needs to learn from a clip, it does not need to hear one: any length is accepted.
    listener = WaveNetConfig(sample_rate=model.sample_rate, dilation_cycle=(1,))
    source = collect(alone, listener).split("train")
    if source.skipped:
        raise ValueError(f"{path} {source.skipped[0].reason}")
    return source
