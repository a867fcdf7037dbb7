# What the big examples answer: a step and its shares, MFU, whether the plan fits.
for e in gpt4-era-20k-a100 100k-h100-one-hall llama-405b-16k-one-site trainium2-400k nvl72-2gw; do longhaul run "$e.yaml" >"$work/a" || exit 1; echo "$e"; grep -E '^(step time|  [a-zA-Z]|tokens)' "$work/a"; done
