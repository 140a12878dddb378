/* It takes a jump to another stack for an attack. */
#undef _FORTIFY_SOURCE

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fiber_switch.h"
#include "base/must.h"

#if defined(__has_feature)
#define HAS(feature) __has_feature(feature)
#else
#define HAS(feature) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || HAS(address_sanitizer)
#define SANITIZED
#include <sanitizer/common_interface_defs.h>
#define asan_go(fake, bottom, span)                                            \
	__sanitizer_start_switch_fiber(fake, bottom, span)
#define asan_arrive(fake, bottom, span)                                        \
	__sanitizer_finish_switch_fiber(fake, bottom, span)
#else
#define asan_go(fake, bottom, span)	((void)(fake))
#define asan_arrive(fake, bottom, span) ((void)(bottom), (void)(span))
#endif

#if defined(__SANITIZE_THREAD__) || HAS(thread_sanitizer)
#define SANITIZED
#include <sanitizer/tsan_interface.h>
#define tsan_create()	  __tsan_create_fiber(0)
#define tsan_current()	  __tsan_get_current_fiber()
#define tsan_destroy(who) __tsan_destroy_fiber(who)
#define tsan_go(who)	  __tsan_switch_to_fiber(who, 0)
#else
#define tsan_create()	  NULL
#define tsan_current()	  NULL
#define tsan_destroy(who) ((void)(who))
#define tsan_go(who)	  ((void)(who))
#endif

/* makecontext() passes ints only. */
static void enter(unsigned run_high, unsigned run_low, unsigned arg_high,
		  unsigned arg_low)
{
	uintptr_t run = (uintptr_t)((uint64_t)run_high << 32 | run_low);
	uintptr_t arg = (uintptr_t)((uint64_t)arg_high << 32 | arg_low);

	((void (*)(void *))run)((void *)arg);
	abort(); /* it returned */
}

void fiber_stack_make(struct fiber_stack *s, size_t size, void (*run)(void *),
		      void *arg)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint64_t r = (uintptr_t)run, a = (uintptr_t)arg;

	*s = (struct fiber_stack){.size = size + page, .span = size};
	s->memory = mmap(NULL, s->size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	must(s->memory != MAP_FAILED &&
	     mprotect(s->memory, page, PROT_NONE) == 0);
	s->bottom = (char *)s->memory + page;
	must(getcontext(&s->context) == 0);
	s->context.uc_stack.ss_sp = (char *)s->memory + page;
	s->context.uc_stack.ss_size = size;
	s->context.uc_link = NULL;
	makecontext(&s->context, (void (*)(void))enter, 4, (unsigned)(r >> 32),
		    (unsigned)r, (unsigned)(a >> 32), (unsigned)a);
	s->tsan = tsan_create();
}

void fiber_stack_here(struct fiber_stack *s)
{
	*s = (struct fiber_stack){.tsan = tsan_current()};
}

void fiber_stack_free(struct fiber_stack *s)
{
	tsan_destroy(s->tsan);
	must(munmap(s->memory, s->size) == 0);
}

#ifdef SANITIZED

static void jump(struct fiber_stack *from, struct fiber_stack *to)
{
	must(swapcontext(&from->context, &to->context) == 0);
}

#else

/* Comes back when somebody jumps to `from`. swapcontext() would do as well, but
 * it asks the kernel for the signal mask each time; fibers have none of their
 * own. */
static void jump(struct fiber_stack *from, struct fiber_stack *to)
{
	from->begun = true;
	if (_setjmp(from->place) != 0)
		return;
	if (to->begun)
		_longjmp(to->place, 1);
	(void)setcontext(&to->context);
	abort();
}

#endif

void fiber_stack_go(struct fiber_stack *from, struct fiber_stack *to)
{
	asan_go(&from->fake, to->bottom, to->span);
	tsan_go(to->tsan);
	jump(from, to);
	asan_arrive(from->fake, NULL, NULL);
}

_Noreturn void fiber_stack_leave(struct fiber_stack *from,
				 struct fiber_stack *to)
{
	asan_go(NULL, to->bottom, to->span);
	tsan_go(to->tsan);
	jump(from, to);
	abort();
}

void fiber_stack_begin(struct fiber_stack *whence)
{
	asan_arrive(NULL, &whence->bottom, &whence->span);
}
