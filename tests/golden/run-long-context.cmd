# 128k, 512k and a million tokens: a step, its MFU and its memory.
for s in 131072 524288 1048576; do longhaul run llama-8b-1m-context.yaml --set training.sequence_length=$s >"$work/a" || exit 1; sed -n 3p "$work/a"; grep -E '^(step time|  [a-zA-Z]|tokens)' "$work/a"; done
