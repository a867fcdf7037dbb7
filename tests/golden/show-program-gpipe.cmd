longhaul show program ../tests/golden/tiny.yaml --set plan.tensor=1 --set plan.zero=0 --set plan.schedule=gpipe --set placement.across_sites=pipeline
