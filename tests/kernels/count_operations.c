/* A plugin of QEMU: counts the instructions that a program executes, by what they do. See operations.cpp.
 *
 * The few declarations of QEMU's plugin interface (version 1) that this needs stand here, as Debian ships no header. */
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
char *qemu_plugin_insn_disas(const struct qemu_plugin_insn *);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, enum qemu_plugin_op, void *, uint64_t);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void *), void *);
void qemu_plugin_outs(const char *);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

enum { MULTIPLY_ADD, DIVIDE, LOAD, STORE, OTHER, KINDS };
static uint64_t counts[KINDS];

static int kind(const char *text) {
  if (!strncmp(text, "fmla", 4) || !strncmp(text, "fmls", 4)) return MULTIPLY_ADD;
  if (!strncmp(text, "fdiv", 4)) return DIVIDE;
  if (!strncmp(text, "ld", 2)) return LOAD;
  if (!strncmp(text, "st", 2)) return STORE;
  return OTHER;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *block) {
  (void)id;
  for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); ++i) {
    struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(block, i);
    char *text = qemu_plugin_insn_disas(instruction);
    qemu_plugin_register_vcpu_insn_exec_inline(instruction, QEMU_PLUGIN_INLINE_ADD_U64, &counts[kind(text)], 1);
    free(text);
  }
}

static void ended(qemu_plugin_id_t id, void *nothing) {
  (void)id, (void)nothing;
  char line[160];
  snprintf(line, sizeof line, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", counts[MULTIPLY_ADD],
           counts[DIVIDE], counts[LOAD], counts[STORE], counts[OTHER]);
  qemu_plugin_outs(line);
}

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc,
                                                               char **argv) {
  (void)info, (void)argc, (void)argv;
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  qemu_plugin_register_atexit_cb(id, ended, NULL);
  return 0;
}
