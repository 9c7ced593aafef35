"""English: a lexicon, and guesses outside it."""

import re

from wavenet_jax.text.english.readings import linked, read
from wavenet_jax.text.english.words import knows, readings
from wavenet_jax.text.english.written import WRITING
from wavenet_jax.text.rules import Rules

_ABBREVIATIONS = re.compile(
    r"(?:^|[\s(\"'])(?:[A-Za-z]|[Mm]rs?|[Mm]s|[Dd]r|[Pp]rof|[Ss]t|[Rr]ev|[Gg]en|[Ss]gt|[Cc]apt|[Ll]t|[Cc]ol|[Ss]en|"
    r"[Gg]ov|[Hh]on|[Mm]t|[Ff]t|[Nn]o|[Vv]s|[Aa]pprox|[Ff]ig|[Vv]ol|pp?|[Ee]st|[Ee]xt|[Tt]el|cf|e\.g|i\.e|a\.k\.a|"
    r"[A-Z](?:\.[A-Z])+|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|Mon|Tues?|Wed|Thu|Fri|Sat|Sun)\.$"
)

RULES = Rules(WRITING, _ABBREVIATIONS, knows, readings, read, linked)
"""American English."""
