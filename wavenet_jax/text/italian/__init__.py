"""Italian: spelling says how it sounds but for the stress, open vowels and voice, which rules and a table tell."""

import re

from wavenet_jax.text.italian.words import knows, linked, readings
from wavenet_jax.text.italian.written import WRITING
from wavenet_jax.text.rules import Rules

_ABBREVIATIONS = re.compile(
    r"(?:^|[\s(\"'])(?:[A-Za-z]|[Ss]igg?|[Dd]ott|[Dd]r|[Pp]rof|[Ii]ng|[Aa]vv|[Aa]rch|[Gg]eom|[Rr]ag|[Oo]n|[Ee]gr|"
    r"[Gg]ent|[Ss]ec|[Ss]pett|[Pp]agg?|[Nn]r|[Nn]um|[Tt]el|[Cc]ell|[Aa]rt|[Cc]ap|[Vv]ol|[Ff]ig|[Ii]nt|[Mm]ax|ca|[Cc]fr|"
    r"p\. ?es|[Aa]d es|[A-Z](?:\.[A-Z])+|gen|feb|mar|apr|mag|giu|lug|ago|sett?|ott|nov|dic)\.$"
)

RULES = Rules(WRITING, _ABBREVIATIONS, knows, readings, linked=linked)
"""Italian as it is spoken in most of the country: s between vowels is voiced."""
