// Private to TopicController: memory that appends use again and again.
#pragma once

#include <utility>
#include <vector>

#include "topic_controller/topic_controller.hpp"

namespace leveret {

/// What an append needs for the time it lasts. Borrowed from the thread, so that it keeps its memory from one append to
/// the next; an append within a callback of another finds the thread's empty and starts afresh.
class TopicController::AppendScratch {
  public:
    AppendScratch() noexcept { std::swap(parts_, spare()); }
    AppendScratch(const AppendScratch&) = delete;
    AppendScratch& operator=(const AppendScratch&) = delete;
    ~AppendScratch() {
        parts_.results.clear();
        parts_.woken.clear();
        parts_.losses.removed.clear();
        parts_.losses.evicted = 0;
        parts_.losses.expired = 0;
        std::swap(parts_, spare());
    }

    [[nodiscard]] std::vector<AppendResult>& results() noexcept { return parts_.results; }
    [[nodiscard]] Admission& admission() noexcept { return parts_.admission; }
    [[nodiscard]] WaiterList::Waiters& woken() noexcept { return parts_.woken; }
    [[nodiscard]] Losses& losses() noexcept { return parts_.losses; }
    std::uint64_t refused_bytes = 0;
    std::uint64_t stamped_bytes = 0;  // by append_batch(), of a stored topic

  private:
    struct Parts {
        std::vector<AppendResult> results;
        Admission admission;
        WaiterList::Waiters woken;
        Losses losses;
    };
    [[nodiscard]] static Parts& spare() noexcept {
        static thread_local Parts parts;
        return parts;
    }

    Parts parts_;
};

}  // namespace leveret
