longhaul show program ../tests/golden/tiny.yaml --set plan.tensor=1 --set plan.pipeline=2 --set plan.schedule=zero-bubble --set training.precision=fp8 --set sites[1].device=h100-sxm
