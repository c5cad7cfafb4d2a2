// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What wasm2c's output needs to be a kernel: its runtime, an instance, made at the first call, and an end for traps.
// GENERATED names that output.

#include <stdio.h>
#include GENERATED

static void trapped(wasm_rt_trap_t code) {
    fprintf(stderr, "wasm2c's code has trapped: %s\n", wasm_rt_strerror(code));
    abort();
}

#define WASM_RT_TRAP_HANDLER trapped
#include "wasm-rt-impl.c"

__attribute__((visibility("default"))) uint32_t run(uint32_t n) {
    static Z_kernel_instance_t instance;
    if (!instance.w2c_memory.data) {
        wasm_rt_init();
        Z_kernel_init_module();
        Z_kernel_instantiate(&instance);
    }
    return Z_kernelZ_run(&instance, n);
}
