"""Options that several programs share."""

from typing import Any

from wavenet_jax.config import option


def checkpoint_option() -> Any:
    """Declares which checkpoint of a run is used."""
    return option(
        "latest", "Checkpoint to use: the latest, or the one with the best validation.", choices=("latest", "best")
    )


def data_dir_option() -> Any:
    """Declares folders of recordings that replace those that a run was trained on."""
    return option(
        (), "Folder of recordings to use in place of the run's, such as after it moved; repeat for several.", path=True
    )
