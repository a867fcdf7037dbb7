# $work is a folder of the runner.
longhaul run ../tests/golden/tiny.yaml --trace "$work/trace" --set sites[0].gpus=4 --set sites[1].gpus=4 --set training.global_batch=2 >"$work/text" && cat "$work/trace"
