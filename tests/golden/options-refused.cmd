# Options that would do nothing are refused.
# exit 2
for o in --dry-run --slurm '--shards 8' --shard=1/2; do longhaul sweep llama-8b-two-sites.yaml --vary 'fibres[0].length=1,2 km' $o 2>&1 | head -n 1; done; longhaul sweep plan --store "$work/s" llama-8b-two-sites.yaml --vary 'fibres[0].length=1,2 km' --csv "$work/c" 2>&1 | head -n 1; longhaul run llama-8b-two-sites.yaml --report-grid 3x3 2>&1 | head -n 1
