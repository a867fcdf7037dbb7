longhaul list outputs
