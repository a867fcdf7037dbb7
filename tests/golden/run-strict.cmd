# A plan that does not fit is a result, and a failure where asked to be.
# exit 1
longhaul run llama-8b-one-site.yaml --strict --set plan.tensor=1 --set training.global_batch=512
