# Every rank, communicator and link its own class.
longhaul show fold ../tests/golden/tiny.yaml --set engine.fold=off --set sites[0].gpus=4 --set sites[1].gpus=4 --set training.global_batch=4
