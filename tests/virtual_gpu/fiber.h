/* A fiber: a stack of its own and the switch between two, told to the sanitizer that is there. */
#ifndef VIRTUAL_GPU_FIBER_H
#define VIRTUAL_GPU_FIBER_H

#include <sys/mman.h>

#include "virtual_gpu.h"

#ifdef VIRTUAL_GPU_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

/* Defined by the build, not by the compiler: only kernels are instrumented, as this runtime's own state is not theirs.
 */
#ifdef LIMN_VIRTUAL_GPU_TSAN
extern "C" {
void *__tsan_get_current_fiber(void);
void *__tsan_create_fiber(unsigned flags);
void __tsan_switch_to_fiber(void *fiber, unsigned flags);
void __tsan_acquire(void *p);
void __tsan_release(void *p);
}
#else
#define __tsan_acquire(p) ((void)(p))
#define __tsan_release(p) ((void)(p))
#endif

namespace virtual_gpu {

constexpr size_t STACK_BYTES = 128 << 10, PAGE_BYTES = 4096;

struct fiber {
  void *saved = nullptr; /* the stack pointer, or the context, while another one runs */
  char *stack = nullptr;
  size_t stack_bytes = STACK_BYTES;
  void *asan = nullptr, *tsan = nullptr;
};

#if defined(__x86_64__) && !defined(LIMN_VIRTUAL_GPU_UCONTEXT)

/* Saves what a called function has to keep on the old stack, and takes it from the new one. */
extern "C" void virtual_gpu_switch(void **save, void *load);
asm(".text\n"
    ".globl virtual_gpu_switch\n.hidden virtual_gpu_switch\n.type virtual_gpu_switch,@function\n"
    "virtual_gpu_switch:\n"
    "push %rbp\n push %rbx\n push %r12\n push %r13\n push %r14\n push %r15\n"
    "mov %rsp,(%rdi)\n mov %rsi,%rsp\n"
    "pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbx\n pop %rbp\n ret\n"
    ".size virtual_gpu_switch,.-virtual_gpu_switch\n");

inline void prepare(fiber &f, void (*entry)()) {
  /* At a function's first instruction the stack is 8 bytes off a multiple of 16, as after a call. */
  void **top = reinterpret_cast<void **>(f.stack + STACK_BYTES) - 3;
  *top = nullptr;
  *--top = reinterpret_cast<void *>(entry);
  for (int i = 0; i < 6; ++i)
    *--top = nullptr;
  f.saved = top;
}

#else

#include <ucontext.h>

inline void virtual_gpu_switch(void **save, void *load) {
  ucontext_t here; /* lives on the stack that it describes */
  *save = &here;
  swapcontext(&here, static_cast<ucontext_t *>(load));
}

inline void prepare(fiber &f, void (*entry)()) {
  ucontext_t *context = new ucontext_t;
  getcontext(context);
  context->uc_stack.ss_sp = f.stack;
  context->uc_stack.ss_size = STACK_BYTES;
  context->uc_link = nullptr;
  makecontext(context, entry, 0);
  f.saved = context;
}

#endif

inline fiber make_fiber(void (*entry)()) {
  fiber f;
  void *stack = mmap(nullptr, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (stack == MAP_FAILED)
    die("no memory for the stack of a fiber");
  f.stack = static_cast<char *>(stack);
  mprotect(f.stack, PAGE_BYTES, PROT_NONE); /* an overflow faults */
#ifdef LIMN_VIRTUAL_GPU_TSAN
  f.tsan = __tsan_create_fiber(0);
#endif
  prepare(f, entry);
  return f;
}

inline void switch_fiber(fiber &from, fiber &to) {
#ifdef VIRTUAL_GPU_ASAN
  __sanitizer_start_switch_fiber(&from.asan, to.stack, to.stack_bytes);
#endif
#ifdef LIMN_VIRTUAL_GPU_TSAN
  __tsan_switch_to_fiber(to.tsan, 1 /* a switch orders nothing */);
#endif
  virtual_gpu_switch(&from.saved, to.saved);
#ifdef VIRTUAL_GPU_ASAN
  __sanitizer_finish_switch_fiber(from.asan, nullptr, nullptr);
#endif
}

/* First thing in a new fiber, which `from` switched to: ASan says where the stack of `from` is. */
inline void enter_fiber(fiber &from) {
#ifdef VIRTUAL_GPU_ASAN
  const void *bottom;
  size_t bytes;
  __sanitizer_finish_switch_fiber(nullptr, &bottom, &bytes);
  from.stack = static_cast<char *>(const_cast<void *>(bottom));
  from.stack_bytes = bytes;
#else
  (void)from;
#endif
}

} // namespace virtual_gpu

#endif
