# The streams of reductions in levels whose gathers are beside the next forward.
longhaul show program llama-8b-two-sites.yaml --set plan.overlap.levels=true --set plan.overlap.forward=true --set training.global_batch=32 | sed -n '2,3p;9,25p'
