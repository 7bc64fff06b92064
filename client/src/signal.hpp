// How coroutines of the client library wait for each other, and how they are woken.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <system_error>
#include <vector>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/execution_context.hpp>

namespace leveret::client_side {

class Signal;
class SignalRegistry;

/// A suspended coroutine. Letting go of it without resuming it destroys the coroutine.
class Waiter {
  public:
    virtual ~Waiter() = default;
    /// Goes on with the coroutine: at once where this is its executor already, soon where it is not. Called once.
    virtual void resume(std::error_code error) = 0;
    /// The same, but never within this call.
    virtual void resume_soon(std::error_code error) = 0;

    Signal* signal = nullptr;  ///< that it waits at; none once it has been woken
};

/// What is to run next: coroutines that were woken, users' callbacks. One list per client. While it collects, all that
/// waits for run(), so that the read loop carries out everything that a read brought before users' code runs, and then
/// runs that code without another turn through the reactor (which costs a system call). Otherwise it is posted.
class Wakeups {
  public:
    explicit Wakeups(asio::any_io_executor executor) : executor_(std::move(executor)) {}

    void resume(std::shared_ptr<Waiter> waiter);
    void call(std::function<void()> callback);
    void begin_collecting() noexcept { collecting_ = true; }
    /// Runs what was collected and what that wakes in turn, then ends collecting. What users' code throws is posted: it
    /// comes out of whoever runs the executor, and stops nobody else. Hold this object by shared_ptr and look again at
    /// everything afterwards: users' code may have ended its owner.
    void run();

  private:
    asio::any_io_executor executor_;
    std::vector<std::function<void()>> ready_;
    bool collecting_ = false;
};

/// What coroutines wait at for a condition to change. It remembers no ring: look at the condition, wait, look again;
/// between a look and the wait nothing else runs, as all of it is on one strand.
/// (A steady_timer would do the same at the price of a system call per wait and a turn of the reactor per wake-up.)
class Signal {
  public:
    Signal(const asio::any_io_executor& executor, std::shared_ptr<Wakeups> wakeups);
    ~Signal();
    Signal(const Signal&) = delete;
    Signal& operator=(const Signal&) = delete;

    /// Returns after the next ring. Any number may wait. Cancel-safe: throws operation_aborted.
    [[nodiscard]] asio::awaitable<void> wait();
    /// Wakes all that wait, in the order in which they came. They go on later, never within this call.
    void ring();

    /// Takes all waiters away without waking them.
    [[nodiscard]] std::vector<std::shared_ptr<Waiter>> abandon() noexcept;

    /// Ends the wait of one with operation_aborted.
    void abort(const std::shared_ptr<Waiter>& waiter);

  private:
    friend class SignalRegistry;
    void add(const std::shared_ptr<Waiter>& waiter);

    SignalRegistry& registry_;
    std::size_t registered_at_ = 0;  // its place there, while somebody waits
    std::shared_ptr<Wakeups> wakeups_;
    std::vector<std::shared_ptr<Waiter>> waiters_;
};

/// The signals of an execution context at which somebody waits. A coroutine owns what it waits at, and that owns the
/// coroutine: where the context ends before the wait does, this is who cuts the knot. Thread-safe.
class SignalRegistry final : public asio::execution_context::service {
  public:
    using key_type = SignalRegistry;
    static asio::execution_context::id id;

    explicit SignalRegistry(asio::execution_context& context) : service(context) {}
    void add(Signal& signal);
    void remove(Signal& signal) noexcept;

  private:
    /// Called when the context is destroyed: no other thread is left.
    void shutdown() noexcept override;

    std::mutex mutex_;  // guards signals_, and the places that they know
    std::vector<Signal*> signals_;
};

}  // namespace leveret::client_side
