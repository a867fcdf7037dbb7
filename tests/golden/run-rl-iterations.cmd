# Prompts in chunks, drafted tokens, contexts computed again between turns.
longhaul run rl-8b-one-site.yaml --set rl.turns.count=3 --set rl.turns.tool_time='2 s' --set rl.turns.tool_tokens=400 --set rl.turns.keep_kv=false --set rl.generators[0].chunked_prefill=2048 --set rl.generators[0].speculative=3 | sed -n 5,20p
