# Four campuses of 250 MW: the step, and what failures leave of it, with all stopping or one campus alone.
longhaul run one-gigawatt-campuses.yaml >"$work/a" && grep -E '^(step time|  [a-zA-Z]|tokens|goodput)' "$work/a" && longhaul run one-gigawatt-campuses.yaml --set reliability.islands=4 | grep -A 1 '^goodput'
