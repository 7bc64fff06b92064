// Requests that await an answer: everything but Publish.
#pragma once

#include <functional>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "failure.hpp"
#include "protocol/native.hpp"
#include "signal.hpp"

namespace leveret::client_side {

/// An answer where it was read; `owner` keeps the bytes.
struct Answer {
    native::FrameHeader header;
    Bytes body;
    std::shared_ptr<const void> owner;
};

/// Runs within the read loop: must not call users' code.
using AnswerHandler = std::function<void(Outcome<Answer>)>;

struct PendingRequest {
    native::FrameType expected{};  ///< of the answer, unless it is an Error
    AnswerHandler answered;
};

/// By correlation. Not thread-safe.
class RequestTable {
  public:
    /// The correlation to send with the request. Bits 30 and 31 are clear: those are the write queue's.
    [[nodiscard]] Correlation add(native::FrameType expected, AnswerHandler answered) {
        do {
            last_ = (last_ + 1) & 0x3FFF'FFFFU;
        } while (last_ == 0 || pending_.contains(last_));
        pending_.emplace(last_, PendingRequest{expected, std::move(answered)});
        return {last_};
    }
    /// Takes the request out; none where none awaits an answer.
    [[nodiscard]] std::optional<PendingRequest> take(Correlation correlation) {
        auto node = pending_.extract(correlation.value);
        return node ? std::optional(std::move(node.mapped())) : std::nullopt;
    }
    /// Takes all out.
    [[nodiscard]] std::vector<PendingRequest> take_all() {
        std::vector<PendingRequest> all;
        for (auto& [correlation, request] : std::exchange(pending_, {})) {
            all.push_back(std::move(request));
        }
        return all;
    }
    [[nodiscard]] std::size_t size() const noexcept { return pending_.size(); }

  private:
    std::unordered_map<std::uint32_t, PendingRequest> pending_;
    std::uint32_t last_ = 0;
};

/// What one coroutine waits for: set once, by somebody else.
template <class T>
struct Promise {
    Promise(const asio::any_io_executor& executor, const std::shared_ptr<Wakeups>& wakeups)
        : is_set(executor, wakeups) {}

    void set(Outcome<T> with) {
        outcome = std::move(with);
        is_set.ring();
    }

    std::optional<Outcome<T>> outcome;
    Signal is_set;
};

/// Waits for a promise. It owns the promise, so that whoever keeps it may come too late.
template <class T>
asio::awaitable<Outcome<T>> outcome_of(std::shared_ptr<Promise<T>> promise) {
    while (!promise->outcome) {
        co_await promise->is_set.wait();
    }
    co_return std::move(*promise->outcome);
}

}  // namespace leveret::client_side
