longhaul list accelerators
