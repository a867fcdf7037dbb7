# What a step counts beside one of every-step, where one of them asks.
longhaul compare llama-8b-two-sites.yaml --set sync.every=30 --set sync.equal_loss=true --vary sync.kind=every-step,diloco,local-sgd 2>/dev/null | head -20
longhaul compare llama-8b-two-sites.yaml --set sync.every=30 --set sync.equal_loss=true --vary sync.kind=every-step,diloco -o json 2>/dev/null | grep -o '"equal_loss_step_time_s": [0-9.]*'
