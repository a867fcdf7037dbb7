longhaul list topologies
