// Private to TopicController: memory that appends use again and again.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "topic_controller/topic_controller.hpp"

namespace leveret {

/// What an append needs for the time it lasts. Borrowed from the thread, so that it keeps its memory from one append to
/// the next; an append within a callback of another has its own.
class TopicController::AppendScratch {
  public:
    AppendScratch() : parts_(&spare()) {
        if (std::exchange(parts_->is_borrowed, true)) {
            own_ = std::make_unique<Parts>();
            parts_ = own_.get();
        }
    }
    AppendScratch(const AppendScratch&) = delete;
    AppendScratch& operator=(const AppendScratch&) = delete;
    ~AppendScratch() {
        parts_->results.clear();
        parts_->woken.clear();
        parts_->losses.removed.clear();
        parts_->losses.evicted = 0;
        parts_->losses.expired = 0;
        parts_->is_borrowed = false;
    }

    [[nodiscard]] std::vector<AppendResult>& results() noexcept { return parts_->results; }
    [[nodiscard]] Admission& admission() noexcept { return parts_->admission; }
    [[nodiscard]] Waiters& woken() noexcept { return parts_->woken; }
    [[nodiscard]] Losses& losses() noexcept { return parts_->losses; }
    std::uint64_t refused_bytes = 0;
    std::uint64_t stamped_bytes = 0;  // by append_batch(), of a stored topic

  private:
    struct Parts {
        std::vector<AppendResult> results;
        Admission admission;
        Waiters woken;
        Losses losses;
        bool is_borrowed = false;
    };
    [[nodiscard]] static Parts& spare() noexcept {
        static thread_local Parts parts;
        return parts;
    }

    std::unique_ptr<Parts> own_;
    Parts* parts_;
};

}  // namespace leveret
