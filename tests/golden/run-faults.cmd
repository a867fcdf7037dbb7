longhaul run straggler-and-cut.yaml
