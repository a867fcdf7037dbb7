# A user's rows: the constant and the table that goes with them.
mkdir -p calibrated && longhaul calibrate ../tests/validate/tiny.csv --fit accelerators:a100-sxm.gemm_sustained_frac=0.4..1 --leave-one-out --loss median --write calibrated
grep '^a100-sxm' calibrated/accelerators.csv | cut -d, -f1-6; rm -r calibrated
longhaul calibrate ../tests/validate/tiny.csv --fit accelerators:a100-sxm.gemm_sustained_frac --fit stacks:megatron.dispatch --uses -o csv
