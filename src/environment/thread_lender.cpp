#include "environment/thread_lender.hpp"

namespace leveret {
namespace {

thread_local ThreadLender* lender_here = nullptr;

}  // namespace

ThreadLender::Scope::Scope(ThreadLender& lender, std::uint64_t connection) noexcept {
    if (lender.last_connection_.load(std::memory_order_relaxed) != connection) {
        lender.last_connection_.store(connection, std::memory_order_relaxed);
        lender.alone_since_.store(lender.clock_.steady_now(), std::memory_order_relaxed);
    }
    lender_here = &lender;
}

ThreadLender::Scope::~Scope() {
    lender_here = nullptr;
}

std::optional<ThreadLender::Loan> ThreadLender::borrow(Use use) noexcept {
    ThreadLender* const lender = lender_here;
    if (lender == nullptr) {
        return std::nullopt;
    }
    const SteadyTime now = lender->clock_.steady_now();
    const bool is_alone = now - lender->alone_since_.load(std::memory_order_relaxed) >= alone_for;
    if ((use == Use::wait && !is_alone) || now < lender->next_loan_.load(std::memory_order_relaxed)) {
        return std::nullopt;
    }
    if (lender->is_lent_.exchange(true, std::memory_order_relaxed)) {
        return std::nullopt;
    }
    lender_here = nullptr;
    return std::optional<Loan>(std::in_place, *lender, now);
}

ThreadLender::Loan::~Loan() {
    const SteadyTime now = lender_.clock_.steady_now();
    if (now - begin_ > long_loan) {
        lender_.next_loan_.store(now + rest_per_loan * (now - begin_), std::memory_order_relaxed);
    }
    lender_.is_lent_.store(false, std::memory_order_relaxed);
}

}  // namespace leveret
