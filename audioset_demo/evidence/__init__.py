"""Why a class is recognised well or badly: what scoring the evaluation set has shown of each."""
