"""Writing the files of a checkpoint, through orbax."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from safetensors.numpy import save

from wavenet_jax.integrity import flatten, text_digest
from wavenet_jax.storage import write_whole


class Writer:
    """Writes checkpoints in the background, and removes those that ``policy`` (orbax's protocol) does not keep."""

    def __init__(self, folder: Path, policy: Any) -> None:
        options = ocp.CheckpointManagerOptions(preservation_policy=policy, cleanup_tmp_directories=True)
        self._manager = ocp.CheckpointManager(folder.absolute(), options=options)

    def save(self, step: int, items: dict[str, Any], meta: dict[str, Any]) -> None:
        """Begins to write trees of numpy arrays by their names, and ``meta.json`` beside them."""
        self._manager.save(step, args=ocp.args.Composite(state=Files(items, meta)), force=True)

    def wait(self) -> None:
        """Returns when the last save is on the disk; raises what it failed with."""
        self._manager.wait_until_finished()

    def reload(self) -> None:
        """Looks again at what is in the folder."""
        self._manager.reload()

    def close(self) -> None:
        """Ends the background work."""
        self._manager.close()


class FilesHandler(ocp.AsyncCheckpointHandler):
    """Writes the files for orbax, in the background. They are read without it: see ``runs.checkpoint_files``."""

    async def async_save(self, directory: Path, args: "Files") -> list[ocp.future.Future]:
        return [ocp.future.CommitFutureAwaitingContractedSignals(_write(directory, args), name="checkpoint files")]

    def save(self, directory: Path, args: "Files") -> None:
        raise NotImplementedError("checkpoints are saved in the background")

    def restore(self, directory: Path, args: Any = None) -> Any:
        raise NotImplementedError("checkpoints are read with their digests")


@ocp.args.register_with_handler(FilesHandler, for_save=True, for_restore=True)
@dataclass
class Files(ocp.args.CheckpointArgs):
    """Content of a checkpoint that is to be written."""

    items: dict[str, Any]  # trees of numpy arrays
    meta: dict[str, Any]


async def _write(directory: Path, files: Files) -> None:
    if jax.process_index() != 0:
        return
    for name, tree in files.items.items():
        write_whole(directory / f"{name}.safetensors", save(flatten(tree)))
    meta = {**files.meta, "sha256": text_digest(files.meta)}
    write_whole(directory / "meta.json", json.dumps(meta, indent=1).encode())
