#include "server/connection.hpp"

#include <algorithm>
#include <exception>

#include <asio/co_spawn.hpp>
#include <asio/error.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <spdlog/spdlog.h>

namespace leveret {

namespace {

// Of what one read brought, what is carried out before others on the thread have a turn.
constexpr std::size_t received_per_turn_bytes = 256U << 10U;
// Writes of one connection before others on its thread have a turn: 1 MiB with the default deliver_bytes_max.
constexpr int writes_per_turn = 4;
// How often a stalled write looks whether a topic has evicted what it pins.
constexpr std::chrono::milliseconds stall_check_interval{250};

/// Every coroutine is spawned with this: an exception is a defect of ours, and it is never silent.
auto report(const char* task) {
    return [task](const std::exception_ptr& failure) {
        if (failure == nullptr) {
            return;
        }
        try {
            std::rethrow_exception(failure);
        } catch (const std::exception& error) {
            spdlog::error("{} ended with an exception: {}", task, error.what());
        }
    };
}

}  // namespace

Connection::Connection(const ConnectionShared& shared, std::uint64_t id, std::unique_ptr<Transport> transport,
                       asio::any_io_executor strand, Ended ended)
    : shared_(shared),
      id_(id),
      transport_(std::move(transport)),
      strand_(std::move(strand)),
      ended_(std::move(ended)),
      wake_list_(std::make_shared<WakeList>(strand_,
                                            [this] {
                                                work_asked_ = false;
                                                work();
                                            })),
      input_(shared.read_memory, shared.environment.memory,
             [this](std::uint64_t bytes) { return shared_.registry.reclaim(bytes); }) {}

void Connection::start() {
    asio::co_spawn(
        strand_, [self = shared_from_this()] { return self->read(); }, report("reading"));
}

void Connection::drain() {
    asio::post(strand_, [self = shared_from_this()] {
        if (self->manager_ == nullptr) {
            self->close(make_error_code(Error::shutting_down));
            return;
        }
        self->manager_->close(make_error_code(Error::shutting_down));
        self->stalled_since_ =
            self->shared_.environment.clock.steady_now();  // however long it has taken nothing before
        self->work();
    });
}

void Connection::abort() {
    asio::post(strand_, [self = shared_from_this()] {
        if (!self->closed_) {
            self->shared_.environment.counters.drains_cut.add();
            self->close(make_error_code(Error::shutting_down));
        }
    });
}

Connection::~Connection() {
    if (!closed_) {  // the io_context went first; else close() has done it, on the strand
        wake_list_->close();
    }
}

// --- Reading

asio::awaitable<void> Connection::read() {
    std::error_code error = co_await transport_->wait_readable();
    while (!error && !closed_) {
        const std::span<std::byte> space = input_.prepare();
        if (space.empty()) {
            shared_.environment.counters.memory_full.add();
            close(make_error_code(Error::memory_full));
            co_return;
        }
        const std::size_t count = transport_->read_some(space, error);
        if (error && error != asio::error::would_block) {
            break;
        }
        input_.commit(count);
        shared_.environment.counters.bytes_received.add(count);
        for (bool is_done = false; !is_done;) {
            is_done = receive();
            if (manager_ != nullptr && manager_->blocked()) {
                co_await wait_until_unblocked();
            } else if (!is_done) {
                co_await asio::post(strand_, asio::use_awaitable);  // others on this thread have a turn
            }
            if (closed_ || manager_closing()) {
                co_return;  // work() closes when everything due has been written
            }
        }
        if (count < space.size()) {  // a short read: nothing more is there
            input_.shrink();
            if (manager_ != nullptr) {
                manager_->shrink();
            }
            watch_unfinished_frame();
            error = co_await transport_->wait_readable();
            waits_for_frame_ = false;
        } else {
            error.clear();
            co_await asio::post(strand_, asio::use_awaitable);
        }
    }
    client_ended(error);
}

bool Connection::manager_closing() const noexcept {
    return manager_ != nullptr && manager_->closing().has_value();
}

asio::awaitable<void> Connection::wait_until_unblocked() {
    if (unblocked_ == nullptr) {
        unblocked_ = std::make_unique<Notifier>(strand_);
    }
    input_.shrink();
    while (manager_ != nullptr && manager_->blocked()) {
        co_await unblocked_->wait();
    }
}

bool Connection::receive() {
    if (closed_ || (manager_ == nullptr && !choose_dialect())) {
        return true;
    }
    const ThreadLender::Scope scope(shared_.thread_lender, id_);
    bool is_done = true;
    if (manager_ != nullptr) {
        wake_list_->begin();  // what these commands wake of our own is found by work(), not posted
        is_done = carry_out() && !manager_->blocked();
    }
    watch_handshake();
    work();
    return is_done;
}

bool Connection::carry_out() {
    const Bytes all = input_.data();
    std::size_t offered = std::min(all.size(), received_per_turn_bytes);
    std::size_t taken = manager_->receive(all.first(offered));
    while (taken == 0 && offered < all.size()) {  // the first frame is longer than that
        offered = std::min(all.size(), 2 * offered);
        taken = manager_->receive(all.first(offered));
    }
    input_.consume(taken);
    return taken == 0 || offered == all.size();
}

bool Connection::choose_dialect() {
    if (input_.data().empty()) {
        return false;
    }
    std::size_t opening_bytes = 0;
    auto manager = make_subscription_manager(input_.data(),
                                             {.environment = shared_.environment,
                                              .registry = shared_.registry,
                                              .permissions = shared_.permissions,
                                              .wake_list = wake_list_,
                                              .strand = strand_,
                                              .connection_id = id_,
                                              .peer = transport_->peer()},
                                             &opening_bytes);
    if (!manager) {
        shared_.environment.counters.unknown_dialects.add();
        close(manager.error());
        return false;
    }
    manager_ = std::move(*manager);
    input_.consume(opening_bytes);
    spdlog::debug("[{}] connected, {} dialect", transport_->peer(), opening_bytes == 0 ? "zaichik" : "native");
    return true;
}

void Connection::watch_handshake() {
    if (is_established_ || closed_) {
        return;
    }
    is_established_ = manager_ != nullptr && manager_->is_established();
    if (is_established_) {
        arrival_timer_.reset();
    } else if (arrival_timer_ == nullptr) {
        set_arrival_timer(shared_.environment.limits.handshake_timeout);
    }
}

void Connection::watch_unfinished_frame() {
    waits_for_frame_ = is_established_ && !input_.data().empty();
    if (!waits_for_frame_) {
        return;  // a timer that is still set finds that out by itself: cheaper than to make one for each frame
    }
    nothing_came_since_ = shared_.environment.clock.steady_now();
    if (arrival_timer_ == nullptr) {
        set_arrival_timer(shared_.environment.limits.frame_timeout);
    }
}

void Connection::set_arrival_timer(std::chrono::microseconds delay) {
    if (arrival_timer_ == nullptr) {
        arrival_timer_ = shared_.environment.clock.make_timer(strand_);
    }
    arrival_timer_->set_after(delay, [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (self != nullptr && !self->closed_ && self->arrival_timer_ != nullptr) {
            self->check_arrivals();
        }
    });
}

void Connection::check_arrivals() {
    auto& counters = shared_.environment.counters;
    if (!is_established_) {
        counters.handshake_timeouts.add();
        close(make_error_code(Error::handshake_timeout));
        return;
    }
    if (!waits_for_frame_ || manager_closing()) {
        arrival_timer_.reset();
        return;
    }
    const auto left =
        nothing_came_since_ + shared_.environment.limits.frame_timeout - shared_.environment.clock.steady_now();
    if (left > SteadyTime::duration::zero()) {
        set_arrival_timer(std::chrono::ceil<std::chrono::microseconds>(left));
        return;
    }
    counters.frame_timeouts.add();
    close(make_error_code(Error::frame_timeout));
}

void Connection::client_ended(std::error_code error) {
    if (closed_) {
        return;
    }
    if (manager_ == nullptr) {
        close(error);
        return;
    }
    // Everything that arrived whole has been carried out; its answers may still be written.
    manager_->close(error == asio::error::eof ? std::error_code() : error);
    work();
}

// --- Writing

void Connection::work() {
    if (closed_) {
        return;
    }
    const auto self = shared_from_this();  // close() may let go of the last one
    wake_list_->begin();
    do {
        for (const auto& waiter : wake_list_->take()) {
            waiter->resume();
        }
        write();
    } while (!closed_ && !wake_list_->finish());
    if (unblocked_ != nullptr && (closed_ || !manager_->blocked())) {
        unblocked_->notify();
    }
}

void Connection::write() {
    for (int writes = 0; !stalled_ && !closed_ && manager_ != nullptr; ++writes) {
        if (write_failed_) {
            manager_->give_up_answers();
            const bool is_over = manager_->closing() && !manager_->awaits_answers();
            if (is_over || manager_->has_too_many_answers()) {
                close(asio::error::broken_pipe);
            }
            return;
        }
        if (writes == writes_per_turn) {
            ask_for_work();
            return;
        }
        if (batch_ == nullptr) {
            batch_ = shared_.write_batches.borrow();
        }
        const bool more_is_due = batch_->empty() && manager_->collect(*batch_);
        if (batch_->empty()) {
            shared_.write_batches.give_back(std::move(batch_));
            if (more_is_due) {
                ask_for_work();
            } else if (manager_->closing() && !manager_->awaits_answers()) {
                close(*manager_->closing());
            }
            return;
        }
        if (!write_front()) {
            return;
        }
    }
}

void Connection::ask_for_work() {
    if (!std::exchange(work_asked_, true)) {
        wake_list_->ask_for_work();
    }
}

bool Connection::write_front() {
    const auto buffers = batch_->front();
    const std::size_t offered = asio::buffer_size(buffers);
    std::error_code error;
    const std::size_t written = transport_->write_some(buffers, error);
    if (error && error != asio::error::would_block) {
        write_failed_ = true;  // what the peer sent before it went is still to be read and carried out
        batch_.reset();
        return true;
    }
    batch_->consume(written);
    shared_.environment.counters.bytes_sent.add(written);
    if (written < offered) {
        begin_stall();
        return false;
    }
    return true;
}

void Connection::begin_stall() {
    stalled_ = true;
    if (stall_timer_ == nullptr ||
        !manager_->has_too_many_answers()) {  // a client that takes a little now and then is slow all the same
        stalled_since_ = shared_.environment.clock.steady_now();
    }
    if (!make_room_for([this] { return batch_->charge_owned(shared_.environment.memory); })) {
        return;
    }
    if (stall_timer_ == nullptr) {
        stall_timer_ = shared_.environment.clock.make_timer(strand_);
        check_stall();
        asio::co_spawn(
            strand_, [self = shared_from_this()] { return self->write_when_writable(); }, report("writing"));
    }
}

bool Connection::make_room_for(const std::function<bool()>& charge) {
    const auto reclaim = [this] { return shared_.registry.reclaim(WriteBatch::arena_bytes + batch_->bytes()); };
    if (charge_or_reclaim(charge, reclaim)) {
        return true;
    }
    shared_.environment.counters.memory_full.add();
    close(make_error_code(Error::memory_full));
    return false;
}

asio::awaitable<void> Connection::write_when_writable() {
    while (stalled_ && !closed_) {
        const std::error_code error = co_await transport_->wait_writable();
        if (closed_) {
            break;
        }
        if (error) {
            close(error);
            break;
        }
        stalled_ = false;
        work();
    }
    stall_timer_.reset();
}

void Connection::check_stall() {
    const auto& limits = shared_.environment.limits;
    const auto stalled_for = shared_.environment.clock.steady_now() - stalled_since_;
    if (stalled_) {
        if (manager_->has_too_many_answers() && stalled_for >= limits.write_timeout) {
            shared_.environment.counters.reply_queue_full.add();
            shared_.environment.counters.write_timeouts.add();
            close(make_error_code(Error::reply_queue_full));
            return;
        }
        if (manager_->closing() && stalled_for >= limits.drain_timeout) {
            shared_.environment.counters.drains_cut.add();
            close(*manager_->closing());
            return;
        }
        if (stalled_for >= stall_check_interval) {
            manager_->let_go_of_what_was_read();
        }
        if (!make_room_for([this] { return batch_->let_go_of_evicted_blocks(shared_.environment.memory); })) {
            return;
        }
    }
    stall_timer_->set_after(stall_check_interval, [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (self != nullptr && !self->closed_ && self->stall_timer_ != nullptr) {
            self->check_stall();
        }
    });
}

// --- The end

void Connection::close(std::error_code reason) {
    if (std::exchange(closed_, true)) {
        return;
    }
    if (reason && reason != Error::shutting_down) {
        spdlog::info("[{}] closed: {}", transport_->peer(), reason.message());
    } else {
        spdlog::debug("[{}] closed", transport_->peer());
    }
    transport_->close();
    wake_list_->close();
    manager_.reset();
    arrival_timer_.reset();
    if (unblocked_ != nullptr) {
        unblocked_->notify();
    }
    std::exchange(ended_, {})(id_);
}

}  // namespace leveret
