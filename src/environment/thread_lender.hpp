// When an io thread may do a disk's work itself: handing that over and back costs half as much as a sync, and more than
// a write that needs none.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

#include "environment/clock.hpp"

namespace leveret {

/// Lends the thread on which a connection is read to who has something short to do for that connection. Where that has
/// to wait for a device, only while nobody else would miss the thread: no other connection has been read for a while.
/// In no case soon after a loan that has taken long. One thread at a time, so that a disk that hangs does not get hold
/// of all of them; once in a Scope, so that of many requests in one turn the first alone is carried out that way, and
/// the others together. Thread-safe.
class ThreadLender {
  public:
    static constexpr std::chrono::milliseconds alone_for{100};
    /// After a loan that took longer than this there is none for so many times as long: a slow disk holds up little.
    static constexpr std::chrono::milliseconds long_loan{1};
    static constexpr int rest_per_loan = 16;

    explicit ThreadLender(Clock& clock) noexcept : clock_(clock) {}

    /// While it lives, its thread carries out what a connection has sent.
    class Scope {
      public:
        Scope(ThreadLender& lender, std::uint64_t connection) noexcept;
        Scope(const Scope&) = delete;
        Scope& operator=(const Scope&) = delete;
        ~Scope();
    };

    /// Ends with its life.
    class Loan {
      public:
        Loan(ThreadLender& lender, SteadyTime begin) noexcept : lender_(lender), begin_(begin) {}
        Loan(const Loan&) = delete;
        Loan& operator=(const Loan&) = delete;
        ~Loan();

      private:
        ThreadLender& lender_;
        const SteadyTime begin_;
    };

    enum class Use {
        brief,  ///< takes no longer than to hand it over: a thread is lent although others are active
        wait,   ///< waits for a device
    };
    /// The calling thread; nothing where that is in no Scope or would be missed.
    [[nodiscard]] static std::optional<Loan> borrow(Use use) noexcept;

  private:
    Clock& clock_;
    // Of no consequence to anything but when a thread is lent: no order between them is needed.
    std::atomic<bool> is_lent_{false};
    std::atomic<std::uint64_t> last_connection_{0};
    std::atomic<SteadyTime> alone_since_{SteadyTime()};
    std::atomic<SteadyTime> next_loan_{SteadyTime()};
};

}  // namespace leveret
