// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A kernel of the benchmark as a program: its argument is the amount of work, and it prints the checksum as `aot-run`
// does.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

uint32_t run(uint32_t n);

int main(int argc, char **argv) {
    printf("%d\n", (int32_t)run(argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0));
    return 0;
}
