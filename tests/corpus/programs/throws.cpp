#include <cstdio>
#include <stdexcept>
#include <exception>

#ifdef __wasm__
/* The tag of all exceptions of C++, whose value is an object's address. */
__asm__(".globl __cpp_exception\n.tagtype __cpp_exception i32\n__cpp_exception:\n");
#endif

struct Base { virtual ~Base() {} virtual const char *name() const { return "Base"; } };
struct Left : virtual Base { int left = 1; const char *name() const override { return "Left"; } };
struct Right : virtual Base { int right = 2; const char *name() const override { return "Right"; } };
struct Both : Left, Right { int both; Both(int b) : both(b) {} const char *name() const override { return "Both"; } };

static int alive;
struct Counted {
    int depth;
    explicit Counted(int depth) : depth(depth) { alive++; }
    ~Counted() { alive--; }
};

__attribute__((noinline)) static void throw_kind(int kind) {
    switch (kind) {
    case 0: return;
    case 1: throw 42;
    case 2: throw 2.5;
    case 3: throw Both(7);
    case 4: throw Left();
    case 5: throw std::out_of_range("far away");
    case 6: throw "text";
    case 7: throw (const char *)nullptr;
    default: throw static_cast<long long>(kind);
    }
}

__attribute__((noinline)) static int frames(int kind, int depth) {
    Counted counted(depth);
    if (depth == 0) { throw_kind(kind); return 1; }
    return frames(kind, depth - 1) + 1;
}

__attribute__((noinline)) static int between(int kind) {
    try {
        return frames(kind, 5);
    } catch (float) {
        std::puts("never a float");
    } catch (const Right &right) {
        std::printf("between: %s right %d\n", right.name(), right.right);
        throw;
    } catch (std::logic_error &error) {
        std::printf("between: %s\n", error.what());
        throw std::runtime_error("another");
    }
    return -1;
}

static void outer(int kind) {
    try {
        std::printf("%d: ", kind);
        std::printf("returned %d\n", between(kind));
    } catch (int value) {
        std::printf("int %d\n", value);
    } catch (double value) {
        std::printf("double %g\n", value);
    } catch (Both &both) {
        std::printf("Both %d %s\n", both.both, both.name());
    } catch (const Base &base) {
        std::printf("Base %s\n", base.name());
    } catch (const std::exception &error) {
        std::printf("exception %s\n", error.what());
    } catch (const char *text) {
        std::printf("text %s\n", text ? text : "(null)");
    } catch (...) {
        std::printf("something, %d uncaught\n", std::uncaught_exceptions());
    }
    if (alive) std::printf("%d are left\n", alive);
}

struct InDestructor {
    ~InDestructor() {
        try { frames(1, 3); } catch (int value) { std::printf("in a destructor: %d, %d uncaught\n", value, std::uncaught_exceptions()); }
    }
};

int main() {
    for (int kind = 0; kind < 9; kind++) outer(kind);
    try { InDestructor guard; frames(2, 2); } catch (double value) { std::printf("after it: %g\n", value); }
    std::exception_ptr kept;
    try { frames(5, 1); } catch (...) { kept = std::current_exception(); }
    try { std::rethrow_exception(kept); } catch (const std::out_of_range &error) { std::printf("kept: %s\n", error.what()); }
    long sum = 0;
    for (int i = 0; i < 100000; i++) {
        try { frames(i % 9, 10); } catch (int value) { sum += value; } catch (const Base &) { sum += 3; } catch (...) { sum++; }
    }
    std::printf("sum %ld, %d are left\n", sum, alive);
    return 0;
}
