"""The flagfiles that travel with the package, found by name from any directory."""

import os
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "presets"


def names() -> list[str]:
    """Returns the names of the packaged presets of networks, without their ending."""
    return sorted(file.stem for file in FOLDER.glob("*.flags"))


def find_flagfile(name: str, beside: Path | None = None) -> Path:
    """Finds a flagfile: as it is named, beside the file that includes it, or among the packaged presets.

    A preset may be named with or without its ending: ``base.flags``, ``base``, ``data/vctk.flags``.

    Args:
      name: what follows ``--flagfile=``.
      beside: the folder of the including flagfile; None on the command line.

    Raises:
      ValueError: there is no such file in any of these places.
    """
    given = Path(os.path.expanduser(name))
    places = [given, FOLDER / given, FOLDER / f"{given}.flags"]
    if beside is not None:
        places.insert(0, beside / given)
    if given.parts[:2] == ("experiments", "presets"):  # as it is called from a checkout
        places.append(FOLDER.joinpath(*given.parts[2:]))
    for place in places:
        if place.is_file():
            return place
    raise ValueError(
        f"there is no flagfile {name}; give the path of one, or the name of a preset: {', '.join(names())}"
    )
