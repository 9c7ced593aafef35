"""Spanish: its spelling says how it sounds, and where the stress is."""

import re

from wavenet_jax.text.rules import Rules
from wavenet_jax.text.spanish.sounds import knows, linked, readings
from wavenet_jax.text.spanish.written import WRITING

_ABBREVIATIONS = re.compile(
    r"(?:^|[\s(\"'¿¡])(?:[A-Za-zÑñ]|[Ss]r(?:a|es|ta)?|[Dd]ra?|[Dd]ña|[Uu]ds?|[Vv]ds?|[Pp]rofa?|[Ll]ic|[Ii]ng|[Aa]rq|"
    r"[Gg]ral|[Cc]ol|[Cc]ap|[Aa]rt|[Nn]úm|[Nn]um|[Tt]el|[Pp]ágs?|[Pp]ag|[Aa]vd?a?|[Ee]xt|[Aa]prox|[Mm][áí][xn]|[Dd]e?pto|"
    r"[Ss]t[oa]|[Vv]ol|[Ff]ig|EE|RR|p\. ?ej|[A-Z](?:\.[A-Z])+|ene|feb|mar|abr|jun|jul|ago|sept?|oct|nov|dic)\.$"
)

RULES = Rules(WRITING, _ABBREVIATIONS, knows, readings, linked=linked)
"""Latin American Spanish."""
