"""The only place that opens matplotlib, so that no setting of the user changes a picture or makes it fail.

A notebook's MPLBACKEND may name a module that is not installed here; a matplotlibrc may ask for LaTeX. Neither applies
to pictures that go to a file. Names in pictures are plain text, not formulas.
"""

import contextlib
import io
import os
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from wavenet_jax.storage import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DOTS_PER_INCH = 120

STYLE: dict[Any, Any] = {"text.parse_math": False}
"""Settings of matplotlib, beside its defaults, of all pictures of this process."""


@contextlib.contextmanager
def picture(path: str | os.PathLike[str], size: tuple[float, float]) -> "Iterator[Figure]":
    """A new figure of this size in inches, written to a PNG file, whole or not at all, when the block ends well."""
    with _importing():  # a second that only pictures need
        import matplotlib
        from matplotlib.figure import Figure
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure = Figure(figsize=size, dpi=_DOTS_PER_INCH, layout="constrained")
        yield figure
        content = io.BytesIO()
        figure.savefig(content, format="png")
    write_whole(path, content.getvalue())


@contextlib.contextmanager
def _importing() -> Iterator[None]:
    """Keeps the environment from naming a backend, which is looked up, or a settings file, which is read."""
    kept = {name: os.environ.pop(name, None) for name in ("MPLBACKEND", "MATPLOTLIBRC")}
    os.environ["MATPLOTLIBRC"] = os.devnull  # or the one in the home folder is read
    try:
        yield
    finally:
        del os.environ["MATPLOTLIBRC"]
        os.environ.update({name: value for name, value in kept.items() if value is not None})
