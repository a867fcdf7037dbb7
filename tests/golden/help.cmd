longhaul --help
