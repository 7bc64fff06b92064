#include "protocol/allocation_counter.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::size_t> allocation_count{0};
std::atomic<std::size_t> allocation_bytes{0};

}  // namespace

void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
    allocation_count.fetch_add(1, std::memory_order_relaxed);
    allocation_bytes.fetch_add(bytes, std::memory_order_relaxed);
    return std::malloc(bytes != 0 ? bytes : 1);
}

void* operator new(std::size_t bytes) {
    if (void* memory = operator new(bytes, std::nothrow)) {
        return memory;
    }
    throw std::bad_alloc();
}

void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}

namespace leveret::test {

std::size_t allocations() noexcept {
    return allocation_count.load(std::memory_order_relaxed);
}
std::size_t allocated_bytes() noexcept {
    return allocation_bytes.load(std::memory_order_relaxed);
}

}  // namespace leveret::test
