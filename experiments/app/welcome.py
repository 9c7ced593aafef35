"""Offers a first run to train while there is none."""

import streamlit as st

from experiments.app import jobs, recipes, shared
from experiments.app.options import page_options
from experiments.app.recipes import Recipe


def show() -> None:
    """Offers the recipes that need the least time."""
    st.header("No network here yet")
    st.write(
        "Train one: it runs in the background, continues when you close the page, and generates samples on the way. "
        "Data and Train work already."
    )
    offered = [recipe for recipe in recipes.available() if recipe.name in ("first", "demo")]
    speech = next(iter(recipes.sources(page_options(), []).items()))
    for recipe in offered:
        if st.button(
            f"Train {recipe.title}",
            key=f"welcome_{recipe.name}",
            type="primary" if recipe is offered[0] else "secondary",
            icon=":material/play_arrow:",
            help=recipe.help,
        ):
            begin(recipe, speech[1].data_dir)


def begin(recipe: Recipe, folders: tuple[str, ...], num_steps: int | None = None) -> None:
    """Starts a run and shows it."""
    config = recipe.config(folders, num_steps)
    workdir = jobs.start(page_options().runs[0], recipe.name, recipes.arguments(config))
    shared.want(workdir)
    st.switch_page("train.py")
