# The echoed scenario gives the same result, as YAML and as JSON; the same input
# gives the same bytes, whatever the number of jobs.
for s in ../tests/golden/tiny.yaml map.yaml straggler-and-cut.yaml config-json.yaml csv-tables/three-sites.yaml; do longhaul run "$s" -o json >"$work/a" && longhaul run "$s" -o json -j 1 | cmp - "$work/a" && longhaul show scenario "$s" | longhaul run - -o json | cmp - "$work/a" && longhaul show scenario "$s" -o json | longhaul run - -o json | cmp - "$work/a" && echo "same $s"; done
