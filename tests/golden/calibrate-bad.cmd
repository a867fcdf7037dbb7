# exit 2
# Constants that are none.
longhaul calibrate --fit accelerators --fit accelerator:a100-sxm.tile_m --fit accelerators:a100-sx.tile_m --fit accelerators:a100-sxm.tilem --fit accelerators:a100-sxm.source --fit accelerators:a100-sxm.gemm_bf16_frac=0.5..1.5 --fit stacks:megatron.dispatch=fast..slow --fit stacks:megatron.dispatch=30..40 2>&1
