"""How the commands of plots are typed, for their help and for the errors of their arguments."""

LANDSCAPE = "landscape [ENTRY [ENTRY] | gradient | path | off] [lr RATE...]"
ANSWERS = "answers [NODE | off]"
