# The echo of every example reads back as the same scenario.
for e in *.yaml; do longhaul show scenario "$e" >"$work/a.yaml" && longhaul show scenario "$work/a.yaml" | cmp - "$work/a.yaml" && echo "$e"; done
