"""Shows how a network learns: runs started, watched, stopped and resumed; each is a process that outlives the page."""

import streamlit as st

from experiments.app import figures, jobs, recipes, shared, sounds, welcome
from experiments.app.options import page_options
from experiments.app.runs import RunEntry, latest, points
from wavenet_jax.audio.files import read_audio
from wavenet_jax.runs.records import Record

_EVERY_SECONDS = 2.0
_MOST_STEPS = 10_000_000


def page() -> None:
    run = shared.chosen_run()
    with st.expander("Start a new run", expanded=run is None, icon=":material/add:"):
        _new_run()
    if run is not None:
        _watch(run)


def _new_run() -> None:
    options = page_options()
    left, right = st.columns(2)
    with left:
        data = shared.choose("Learn from", recipes.sources(options, shared.runs()), key="train_source")
    with right:
        offered = {recipe.title: recipe for recipe in recipes.available()}
        recipe = shared.choose("Preset", offered, key="recipe")
    st.caption(recipe.help)
    usual = recipe.config(data.data_dir).train.num_steps
    steps = st.number_input("Steps", 1, _MOST_STEPS, usual, key=f"steps_{recipe.name}")
    if st.button("Start", type="primary", icon=":material/play_arrow:", key="start"):
        welcome.begin(recipe, data.data_dir, int(steps))


@st.fragment(run_every=_EVERY_SECONDS)
def _watch(run: RunEntry) -> None:
    with shared.friendly():
        records = run.records()
        running, ours = jobs.is_running(run), jobs.is_ours(run)
        step = max((record["step"] for record in records), default=0)
        _state(run, records, step, running)
        _buttons(run, step, running, ours)
        _curve(run, records)
        _samples(run, records)


def _state(run: RunEntry, records: list[Record], step: int, running: bool) -> None:
    """One line that says where the run stands; always there, so that nothing below it moves."""
    words = jobs.last_words(run)
    started = latest(records, "start") is not None
    if running and not started:
        st.info(shared.plain(words or "getting ready"), icon=":material/hourglass_top:")
    elif running:
        train = latest(records, "train") or {}
        speed = train.get("steps_per_second")
        left = f", {_duration((run.config().train.num_steps - step) / speed)} left" if speed else ""
        st.info(f"training: step {step:,} of {run.config().train.num_steps:,}{left}", icon=":material/model_training:")
    elif words.startswith("error:"):
        st.error(shared.plain(words.removeprefix("error:")), icon=":material/error:")
    else:
        st.success(shared.plain(words or f"at step {step}; not being trained"), icon=":material/check_circle:")


def _buttons(run: RunEntry, step: int, running: bool, ours: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if st.button(
            "Stop",
            key="stop",
            icon=":material/stop:",
            disabled=not ours,
            help="Saves after the step under way.",
        ):
            jobs.stop(run)
        goal = st.number_input("Up to step", 1, _MOST_STEPS, _goal(run, step), key=f"goal_{run.name}", disabled=running)
        if st.button("Resume", key="resume", icon=":material/resume:", disabled=running or goal <= step):
            jobs.resume(run, int(goal))
            st.rerun(scope="fragment")


def _goal(run: RunEntry, step: int) -> int:
    try:
        planned = run.config().train.num_steps
    except ValueError:  # it has not begun
        planned = 1_000
    return planned if planned > step else 2 * step


def _curve(run: RunEntry, records: list[Record]) -> None:
    with st.container(height=380, border=False):
        start = latest(records, "start")
        if start is None:
            st.caption("The learning curve will be here.")
            return
        training, held_out = points(records, "train"), points(records, "validation")
        last = held_out or training
        if last:
            st.caption(f"{last[-1][1]:.3f} bits per sample {'of held-out audio' if held_out else 'in training'}")
        steps = run.config().train.num_steps
        st.altair_chart(figures.learning_curve(training, held_out, start["baselines"], steps))


def _samples(run: RunEntry, records: list[Record]) -> None:
    st.subheader("What it makes on its own")
    files = run.samples()
    if not files:
        st.caption("A second of sound will be here after the first validation.")
        return
    verdicts = {record["step"]: record["verdict"] for record in records if record["kind"] == "probe"}
    named = {f"step {int(path.stem.removeprefix('step_')):,}": path for path in reversed(files)}
    path = shared.choose("Sample", named, key=f"sample_{run.name}")
    verdict = verdicts.get(int(path.stem.removeprefix("step_")))
    if verdict:
        st.caption(f"Beside real audio it is {verdict}.")
    rate = run.config().model.sample_rate
    sounds.show("the sample", read_audio(str(path), rate), rate, key="download_sample", file_name=f"{path.stem}.wav")


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5_400 else f"{seconds / 3600:.1f} h"


if __name__ == "__main__":
    page()
