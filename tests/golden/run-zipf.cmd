longhaul run mixtral-8x7b.yaml --set plan.tensor=2 --set plan.pipeline=2 --set plan.expert=4 --set training.routing=zipf --set training.micro_batch=2
