longhaul show scenario straggler-and-cut.yaml | sed -n '/^faults/,/^engine/p'
