#include "signal.hpp"

#include <algorithm>
#include <utility>

#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/dispatch.hpp>
#include <asio/error.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>

namespace leveret::client_side {
namespace {

template <class Handler>
class HandlerWaiter final : public Waiter {
  public:
    explicit HandlerWaiter(Handler handler) : handler_(std::move(handler)) {}

    void resume(std::error_code error) override {
        const auto executor = asio::get_associated_executor(handler_);
        asio::dispatch(executor, completion(error));
    }
    void resume_soon(std::error_code error) override {
        const auto executor = asio::get_associated_executor(handler_);
        asio::post(executor, completion(error));
    }

  private:
    auto completion(std::error_code error) {
        return [handler = std::move(handler_), error]() mutable { std::move(handler)(error); };
    }

    Handler handler_;
};

SignalRegistry& registry_of(const asio::any_io_executor& executor) {
    return asio::use_service<SignalRegistry>(asio::query(executor, asio::execution::context));
}

}  // namespace

void Wakeups::resume(std::shared_ptr<Waiter> waiter) {
    if (collecting_) {
        ready_.emplace_back([waiter = std::move(waiter)] { waiter->resume({}); });
    } else {
        waiter->resume_soon({});
    }
}

void Wakeups::call(std::function<void()> callback) {
    if (collecting_) {
        ready_.push_back(std::move(callback));
    } else {
        asio::post(executor_, std::move(callback));
    }
}

void Wakeups::run() {
    while (!ready_.empty()) {
        for (const auto& call : std::exchange(ready_, {})) {
            try {
                call();
            } catch (...) {
                asio::post(executor_, [thrown = std::current_exception()] { std::rethrow_exception(thrown); });
            }
        }
    }
    collecting_ = false;
}

Signal::Signal(const asio::any_io_executor& executor, std::shared_ptr<Wakeups> wakeups)
    : registry_(registry_of(executor)), wakeups_(std::move(wakeups)) {}

Signal::~Signal() {
    static_cast<void>(abandon());
}

asio::awaitable<void> Signal::wait() {
    auto initiate = [this](auto handler) {
        const auto slot = asio::get_associated_cancellation_slot(handler);
        const auto waiter = std::make_shared<HandlerWaiter<decltype(handler)>>(std::move(handler));
        add(waiter);
        if (slot.is_connected()) {
            auto own_slot = slot;
            own_slot.assign([waiting = std::weak_ptr<Waiter>(waiter)](asio::cancellation_type) {
                if (const auto found = waiting.lock(); found && found->signal != nullptr) {
                    found->signal->abort(found);
                }
            });
        }
    };
    return asio::async_initiate<const asio::use_awaitable_t<>, void(std::error_code)>(std::move(initiate),
                                                                                      asio::use_awaitable);
}

void Signal::ring() {
    for (const auto& waiter : abandon()) {
        wakeups_->resume(waiter);
    }
}

void Signal::add(const std::shared_ptr<Waiter>& waiter) {
    if (waiters_.empty()) {
        registry_.add(*this);
    }
    waiter->signal = this;
    waiters_.push_back(waiter);
}

std::vector<std::shared_ptr<Waiter>> Signal::abandon() noexcept {
    if (!waiters_.empty()) {
        registry_.remove(*this);
    }
    for (const auto& waiter : waiters_) {
        waiter->signal = nullptr;
    }
    return std::exchange(waiters_, {});
}

void Signal::abort(const std::shared_ptr<Waiter>& waiter) {
    const auto found = std::find(waiters_.begin(), waiters_.end(), waiter);
    waiter->signal = nullptr;
    waiters_.erase(found);
    if (waiters_.empty()) {
        registry_.remove(*this);
    }
    waiter->resume_soon(asio::error::operation_aborted);
}

asio::execution_context::id SignalRegistry::id;

void SignalRegistry::add(Signal& signal) {
    const std::lock_guard lock(mutex_);
    signal.registered_at_ = signals_.size();
    signals_.push_back(&signal);
}

void SignalRegistry::remove(Signal& signal) noexcept {
    const std::lock_guard lock(mutex_);
    // The last one takes its place: thousands of subscriptions may be waiting.
    signals_.back()->registered_at_ = signal.registered_at_;
    signals_[signal.registered_at_] = signals_.back();
    signals_.pop_back();
}

void SignalRegistry::shutdown() noexcept {
    std::vector<std::shared_ptr<Waiter>> waiters;
    while (!signals_.empty()) {
        for (auto& waiter : signals_.back()->abandon()) {  // which removes the signal from the list
            waiters.push_back(std::move(waiter));
        }
    }
    waiters.clear();  // no signal has any left that the coroutines' own objects could ring
}

}  // namespace leveret::client_side
