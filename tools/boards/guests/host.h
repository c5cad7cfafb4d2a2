/* What the firmware offers to guests. */
#define HOST(name) __attribute__((import_module("host"), import_name(#name)))
#define EXPORT(name) __attribute__((export_name(#name)))

/* Writes bytes to the board's output. */
HOST(write) void host_write(const char *text, unsigned len);
/* Nanoseconds since the start. */
HOST(clock) unsigned long long host_clock(void);
/* Ends the guest. */
HOST(exit) _Noreturn void host_exit(int code);
