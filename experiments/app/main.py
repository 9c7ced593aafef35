"""The page's frame: which runs there are, and the way to the pages.

streamlit run experiments/app/main.py -- [--runs=DIR] [--data_dir=DIR]
"""

from pathlib import Path

import streamlit as st

from experiments.app import shared
from experiments.app.options import page_options

_ICON = Path(__file__).with_name("icon.svg")  # Streamlit's own would be fetched from elsewhere
_STYLE = """<style>
  .stMainBlockContainer { max-width: 68rem; padding-top: 3rem; }
  .st-key-pieces { display: none; }  /* they only make sound */
  /* Streamlit's own are too pale to be read by everybody (WCAG 1.4.3). */
  .stMain [data-testid="stCaptionContainer"], .stMain [data-testid="stCaptionContainer"] p { opacity: 1; }
  .stMain [data-testid="stSliderThumbValue"], .stMain [data-testid="stSliderThumbValue"] * { color: inherit; }
  .stMain button kbd { color: inherit; opacity: 1; }
  @media (max-width: 640px) {
    .stMainBlockContainer { padding-left: 1rem; padding-right: 1rem; }
    .stMain [class*="st-key-figures"] .stColumn { min-width: calc(50% - 1rem); }
  }
</style>"""


def main() -> None:
    st.set_page_config(page_title="wavenet_jax", page_icon=_ICON, layout="wide")
    st.html(_STYLE)
    with shared.friendly():
        shared.set_up()
        pages = [
            st.Page("speak.py", title="Speak", icon=":material/record_voice_over:", default=True),
            st.Page("copy_synthesis.py", title="Copy", icon=":material/content_copy:", url_path="copy"),
            st.Page("own.py", title="Your voice", icon=":material/mic:"),
            *(
                of_a_run := [
                    st.Page("generate.py", title="Generate", icon=":material/graphic_eq:"),
                    st.Page("train.py", title="Train", icon=":material/model_training:"),
                    st.Page("data.py", title="Data", icon=":material/library_music:"),
                    st.Page("model.py", title="Model", icon=":material/account_tree:"),
                ]
            ),
        ]
        page = st.navigation(pages, position="hidden")
        with st.container(horizontal=True, gap="xsmall"):  # in sight on a phone, too
            for link in pages:
                st.page_link(link, width="content")
        if page in of_a_run:
            shared.choose_run(page_options())
        page.run()


if __name__ == "__main__":
    main()
