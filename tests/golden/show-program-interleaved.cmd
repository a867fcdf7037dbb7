longhaul show program ../tests/golden/tiny.yaml --set plan.tensor=1 --set plan.schedule=interleaved --set plan.interleave=2 --set plan.overlap.gradients=false --set training.global_batch=16
