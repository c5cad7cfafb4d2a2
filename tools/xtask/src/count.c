// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A plugin for qemu that counts the instructions which a program executes, and writes the number to the file that its
// argument names. Blocks are counted as they are entered, by code that qemu inlines into them.
//
// Debian has qemu with plugins, but not its header: the declarations are those of version 1 of the interface
// (include/qemu/qemu-plugin.h of QEMU 7.2), as far as they are used.

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define EXPORTED __attribute__((visibility("default")))

struct qemu_plugin_tb;
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, void (*)(uint64_t id, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, enum qemu_plugin_op, void *, uint64_t);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
void qemu_plugin_register_atexit_cb(uint64_t id, void (*)(uint64_t id, void *), void *);

EXPORTED int qemu_plugin_version = 1;

static uint64_t count;

static void translated(uint64_t id, struct qemu_plugin_tb *block) {
    (void)id;
    uint64_t length = qemu_plugin_tb_n_insns(block);
    qemu_plugin_register_vcpu_tb_exec_inline(block, QEMU_PLUGIN_INLINE_ADD_U64, &count, length);
}

static void ended(uint64_t id, void *path) {
    (void)id;
    FILE *file = fopen(path, "w");
    if (!file || fprintf(file, "%llu\n", (unsigned long long)count) < 0 || fclose(file)) {
        perror(path);
        abort();
    }
}

EXPORTED int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv) {
    (void)info;
    static char path[4096];
    if (argc != 1 || sscanf(argv[0], "to=%4095[^\n]", path) != 1)
        return 1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ended, path);
    return 0;
}
