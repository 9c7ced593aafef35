"""A strict room: eight CPU devices, no silent rank promotion; warnings are errors (pyproject.toml)."""

from collections.abc import Iterator

import hypothesis
import jax
import pytest

pytest.register_assert_rewrite("tests.contract")

jax.config.update("jax_num_cpu_devices", 8)
jax.config.update("jax_numpy_rank_promotion", "raise")
# Most of the time goes into compilation, of programs that run for milliseconds. Where the bits of what users run are
# tested, the fixture ``optimized`` undoes it.
jax.config.update("jax_disable_most_optimizations", True)

hypothesis.settings.register_profile("tests", deadline=None, max_examples=50, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("tests")


@pytest.fixture(scope="module")
def optimized() -> Iterator[None]:
    """Has XLA optimize as it does for users."""
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", True)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keeps caches out of the user's folder; tests of the same configuration share compiled programs, as users do."""
    folder = tmp_path_factory.mktemp("cache")
    jax.config.update("jax_compilation_cache_dir", str(folder / "compiled"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield
