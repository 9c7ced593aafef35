"""Sessions as files: another process resumes them, and nothing else is taken for one."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from tests.sampling.networks import CONFIGS, KEY, STREAMS, joined, prompted, session_of, some_codes, streamed, trained
from wavenet_jax.config import WaveNetConfig
from wavenet_jax.sampling import begin, load_session, save_session

# Other processes do not save the effort.
pytestmark = pytest.mark.usefixtures("optimized")

NAME = "frames_and_classes"
CHILD = f"""
import sys, numpy as np
from tests.sampling import networks
from wavenet_jax.sampling import load_session
session, notes = load_session(sys.argv[1], networks.CONFIGS["{NAME}"])
assert notes == {{"step": "7"}}, notes
pieces = networks.streamed("{NAME}", session, 40, guidance=1.5)
np.save(sys.argv[2], networks.joined(pieces))
"""


@pytest.mark.slow
def test_another_process_goes_on_bit_for_bit(tmp_path: Path) -> None:
    """Ragged prompts, guidance, frames, classes and context stacks, cut in the middle of a chunk."""
    prompts = [some_codes(NAME, 4 * row, row) for row in range(STREAMS)]
    session = prompted(NAME, prompts, guided=True)
    whole = joined(streamed(NAME, session, 68, guidance=1.5))
    first = streamed(NAME, session, 28, guidance=1.5)
    list(first)
    save_session(tmp_path / "saved", first.snapshot(), CONFIGS[NAME], {"step": "7"})
    arguments = [sys.executable, "-c", CHILD, str(tmp_path / "saved"), str(tmp_path / "rest.npy")]
    subprocess.run(arguments, check=True, timeout=300)
    np.testing.assert_array_equal(np.load(tmp_path / "rest.npy"), whole[:, 28:])
    assert {path.name for path in tmp_path.iterdir()} == {"saved", "rest.npy"}


def test_a_session_of_an_older_version_resumes_bit_for_bit() -> None:
    """It was saved after 12 samples, when two arrays of context stacks had other names."""
    session, notes = load_session(Path(__file__).parent / "old_session.safetensors", CONFIGS["two_contexts"])
    assert notes == {"made": "by an older version"}
    whole = joined(streamed("two_contexts", session_of("two_contexts"), 36))
    np.testing.assert_array_equal(joined(streamed("two_contexts", session, 24)), whole[:, 12:])


@pytest.mark.parametrize("config", [*CONFIGS.values(), dataclasses.replace(CONFIGS["plain"], compute_dtype="bfloat16")])
def test_what_is_read_is_what_was_saved(config: WaveNetConfig, tmp_path: Path) -> None:
    from wavenet_jax.model import WaveNet

    session = begin(WaveNet(config), KEY, 2, guided=True)
    save_session(tmp_path / "saved", session, config)
    found, notes = load_session(tmp_path / "saved", config)
    assert notes == {}
    assert jax.tree.structure(found) == jax.tree.structure(session)
    for left, right in zip(jax.tree.leaves(found), jax.tree.leaves(session), strict=True):
        assert left.dtype == right.dtype
        if left.ndim and jax.numpy.issubdtype(left.dtype, jax.dtypes.prng_key):
            left, right = jax.random.key_data(left), jax.random.key_data(right)
        np.testing.assert_array_equal(left, right)


def test_a_network_of_another_config_is_named(tmp_path: Path) -> None:
    config, path = CONFIGS["plain"], tmp_path / "saved"
    save_session(path, begin(trained("plain")[0], KEY, 2), config)
    with pytest.raises(ValueError, match="is a session of a network with kernel_size=2, this one has 3"):
        load_session(path, dataclasses.replace(config, kernel_size=3))
    with pytest.raises(ValueError, match=r"with context_periods=\(\), this one has \(4, 6\)"):
        load_session(path, dataclasses.replace(config, context=CONFIGS["two_contexts"].context))


def test_damage_is_noticed(tmp_path: Path) -> None:
    """Any bit flipped, any part missing, other files: one line, and never a session."""
    config, path = CONFIGS["plain"], tmp_path / "saved"
    save_session(path, begin(trained("plain")[0], KEY, 2), config)
    content, random, cases = path.read_bytes(), np.random.default_rng(0), []
    for at in [*random.integers(8, len(content), 40), len(content) - 1]:
        cases.append(content[:at] + bytes([content[at] ^ 1 << int(random.integers(8))]) + content[at + 1 :])
    cases += [content[:at] for at in (0, 5, 100, len(content) - 1)] + [b"RIFF" * 100, content + b"more"]
    for case in cases:
        path.write_bytes(case)
        with pytest.raises(ValueError, match="saved") as error:
            load_session(path, config)
        assert "\n" not in str(error.value)
    with pytest.raises(OSError, match="No such file"):
        load_session(tmp_path / "none", config)
    print(f"\n{len(cases)} damaged session files, all refused")
