#include "server/broker.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include <asio/error.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <fmt/format.h>
#include <sched.h>
#include <spdlog/spdlog.h>

#include "protocol/native.hpp"
#include "server/connection.hpp"
#include "server/io_thread.hpp"
#include "server/listener.hpp"
#include "server/open_files.hpp"

namespace leveret {

namespace {

Limits with_derived_values(Limits limits, const StorageOptions& storage) noexcept {
    limits = with_shares_of_memory(limits);
    limits.connections_max = share_open_files(open_files_limit(), limits.connections_max, storage).connections;
    // What is sent must fit into the frames that Welcome announces.
    limits.deliver_bytes_max = std::min(limits.deliver_bytes_max, limits.frame_bytes_max - native::overhead_bytes_max);
    return limits;
}

/// Processors that this process may use; at least one.
unsigned usable_processors() noexcept {
    cpu_set_t usable;
    const bool is_known = ::sched_getaffinity(0, sizeof usable, &usable) == 0;  // not of more than 1,024
    return std::max(1U, is_known ? static_cast<unsigned>(CPU_COUNT(&usable)) : std::thread::hardware_concurrency());
}

unsigned with_default_threads(unsigned threads) noexcept {
    return threads != 0 ? threads : std::max(2U, usable_processors()) - 1;
}

/// Connections would take the files that logs need, or the other way round.
void warn_of_open_files(std::size_t connections_max, const StorageOptions& storage) {
    const std::size_t limit = open_files_limit();
    const OpenFiles files = share_open_files(limit, connections_max, storage);
    if (files.sum() > limit) {
        spdlog::warn(
            "the process may open {} files: connections_max={}, {} files of logs, {} of RocksDB and {} others are more "
            "than that. Lower --connections-max or --log-files-max, or raise the limit (LimitNOFILE=, ulimit -Hn)",
            limit, files.connections, files.logs, files.rocksdb, files.others);
    }
}

}  // namespace

/// Lock order: mutex_ is a leaf.
class Broker::Implementation {
  public:
    explicit Implementation(BrokerOptions options);
    ~Implementation();

    /// Errors are in start_failure_, too.
    std::error_code load();
    std::error_code listen();
    void start_threads();
    void attach(std::unique_ptr<Transport> transport, asio::any_io_executor strand);
    void stop();

    const BrokerOptions options_;
    const Limits limits_;
    const unsigned threads_;
    Counters counters_;
    MemoryBudget memory_;
    const std::unique_ptr<Random> own_random_;
    const Environment environment_;
    std::unique_ptr<asio::io_context> own_context_;
    asio::io_context& context_;
    const Strand house_;  // timers of the registry and of the stop
    StartFailure start_failure_;
    std::unique_ptr<Storage> storage_;         // null: topics in memory only
    std::unique_ptr<TopicRegistry> registry_;  // destroyed on house_, when all connections have gone
    std::shared_ptr<Listener> listener_;
    std::atomic<bool> is_stopped_{false};

  private:
    void ended(std::uint64_t id);
    void close_logs();
    void finish_stop();
    [[nodiscard]] std::unique_ptr<Storage> open_storage();
    [[nodiscard]] std::vector<std::shared_ptr<Connection>> connections();

    ReadMemoryPool read_memory_;
    WriteBatchPool write_batches_;
    ThreadLender thread_lender_;
    const ConnectionShared shared_;
    std::optional<asio::executor_work_guard<asio::io_context::executor_type>> keep_running_;
    std::vector<std::thread> own_threads_;
    std::unique_ptr<Timer> drain_timer_;  // strand: house_
    bool is_closing_logs_ = false;        // strand: house_

    std::mutex mutex_;  // guards the four below
    std::condition_variable all_stopped_;
    std::unordered_map<std::uint64_t, std::shared_ptr<Connection>> connections_;
    std::uint64_t last_connection_ = 0;
    bool stopping_ = false;
};

Broker::Implementation::Implementation(BrokerOptions options)
    : options_(std::move(options)),
      limits_(with_derived_values(options_.limits, options_.storage)),
      threads_(with_default_threads(options_.threads)),
      memory_(limits_.memory_bytes_max),
      own_random_(options_.random != nullptr ? nullptr : make_random()),
      environment_{.limits = limits_,
                   .clock = options_.clock != nullptr ? *options_.clock : system_clock(),
                   .random = options_.random != nullptr ? *options_.random : *own_random_,
                   .memory = memory_,
                   .counters = counters_},
      // With one thread Asio may leave out some of its locking.
      own_context_(options_.context != nullptr ? nullptr
                                               : std::make_unique<asio::io_context>(static_cast<int>(threads_))),
      context_(options_.context != nullptr ? *options_.context : *own_context_),
      house_(asio::make_strand(context_)),
      storage_(open_storage()),
      registry_(std::make_unique<TopicRegistry>(environment_, house_, storage_ ? &storage_->topics() : nullptr,
                                                options_.topic_defaults)),
      thread_lender_(environment_.clock),
      shared_{.environment = environment_,
              .registry = *registry_,
              .permissions = options_.permissions,
              .read_memory = read_memory_,
              .write_batches = write_batches_,
              .thread_lender = thread_lender_} {}

Broker::Implementation::~Implementation() {
    stop();
}

/// Null where there is to be none, and where it cannot be had: then start() says why.
std::unique_ptr<Storage> Broker::Implementation::open_storage() {
    if (options_.storage.data_dir.empty()) {
        return nullptr;
    }
    auto storage = Storage::open(
        options_.storage, environment_,
        options_.context != nullptr ? asio::any_io_executor(context_.get_executor()) : asio::any_io_executor());
    if (!storage) {
        start_failure_ = std::move(storage.error());
        return nullptr;
    }
    return std::move(*storage);
}

std::error_code Broker::Implementation::load() {
    if (start_failure_.code) {
        return start_failure_.code;
    }
    warn_of_open_files(limits_.connections_max, options_.storage);
    // With a context from outside everything runs on its thread, also this.
    const unsigned threads = options_.context != nullptr ? 1 : std::max(1U, std::thread::hardware_concurrency());
    if (const auto error = registry_->load(threads)) {
        start_failure_ = {
            error, fmt::format("the data directory {} cannot be used: {}", options_.storage.data_dir, error.message())};
    }
    return start_failure_.code;
}

std::error_code Broker::Implementation::listen() {
    listener_ = std::make_shared<Listener>(context_, environment_, [this](TcpSocket socket) {
        const asio::any_io_executor strand = socket.get_executor();
        attach(std::make_unique<TcpTransport>(std::move(socket)), strand);
    });
    if (const auto error = listener_->listen(options_.host, options_.port)) {
        start_failure_ = {error,
                          fmt::format("cannot listen on {}:{}: {}{}", options_.host, options_.port, error.message(),
                                      error == asio::error::address_in_use ? "; choose another port" : "")};
        return error;
    }
    listener_->start();
    return {};
}

void Broker::Implementation::start_threads() {
    if (own_context_ == nullptr) {
        return;
    }
    keep_running_.emplace(own_context_->get_executor());
    const std::chrono::microseconds busy_poll = threads_ == 1 ? options_.busy_poll : std::chrono::microseconds(0);
    for (unsigned i = 0; i < threads_; ++i) {
        own_threads_.emplace_back([this, busy_poll] { run_io_thread(*own_context_, busy_poll); });
    }
}

void Broker::Implementation::attach(std::unique_ptr<Transport> transport, asio::any_io_executor strand) {
    std::shared_ptr<Connection> connection;
    {
        const std::scoped_lock lock(mutex_);
        if (stopping_ || connections_.size() >= limits_.connections_max) {
            counters_.connections_refused.add();
            spdlog::warn("refused {}: {} connections are open", transport->peer(), connections_.size());
            return;  // the transport closes as it goes
        }
        const std::uint64_t id = ++last_connection_;
        connection = std::make_shared<Connection>(shared_, id, std::move(transport), std::move(strand),
                                                  [this](std::uint64_t ended_id) { ended(ended_id); });
        connections_.emplace(id, connection);
    }
    counters_.connections_accepted.add();
    counters_.connections.add();
    connection->start();
}

void Broker::Implementation::ended(std::uint64_t id) {
    std::shared_ptr<Connection> connection;  // destroyed after the lock is released
    counters_.connections.subtract();
    const std::scoped_lock lock(mutex_);
    const auto found = connections_.find(id);
    connection = std::move(found->second);
    connections_.erase(found);
    if (stopping_ && connections_.empty()) {
        asio::post(house_, [this] { close_logs(); });
    }
}

std::vector<std::shared_ptr<Connection>> Broker::Implementation::connections() {
    std::vector<std::shared_ptr<Connection>> all;
    const std::scoped_lock lock(mutex_);
    all.reserve(connections_.size());
    for (const auto& [id, connection] : connections_) {
        all.push_back(connection);
    }
    return all;
}

void Broker::Implementation::stop() {
    {
        const std::scoped_lock lock(mutex_);
        if (std::exchange(stopping_, true)) {
            return;
        }
    }
    if (own_threads_.empty() && storage_ != nullptr) {
        start_threads();  // a start that failed behind the logs' opening: they are closed like any others
    }
    if (listener_ != nullptr) {
        listener_->close();
    }
    asio::post(house_, [this] {
        if (is_closing_logs_) {
            return;
        }
        drain_timer_ = environment_.clock.make_timer(house_);
        drain_timer_->set_after(limits_.drain_timeout, [this] {
            for (const auto& connection : connections()) {
                connection->abort();
            }
        });
    });
    {
        const std::scoped_lock lock(mutex_);
        if (connections_.empty()) {
            asio::post(house_, [this] { close_logs(); });  // behind the timer, which it takes down
        }
    }
    for (const auto& connection : connections()) {
        connection->drain();
    }
    if (own_context_ == nullptr) {
        return;
    }
    if (!own_threads_.empty()) {
        std::unique_lock lock(mutex_);
        all_stopped_.wait(lock, [this] { return is_stopped_.load(); });
    }
    keep_running_.reset();
    for (std::thread& thread : own_threads_) {
        thread.join();
    }
    own_threads_.clear();
    storage_.reset();
}

void Broker::Implementation::close_logs() {
    drain_timer_.reset();
    if (std::exchange(is_closing_logs_, true)) {
        return;
    }
    registry_->close([this] { asio::post(house_, [this] { finish_stop(); }); });
}

void Broker::Implementation::finish_stop() {
    registry_.reset();
    const std::scoped_lock lock(mutex_);
    is_stopped_ = true;
    all_stopped_.notify_all();
}

Broker::Broker(BrokerOptions options) : implementation_(std::make_unique<Implementation>(std::move(options))) {}

Broker::~Broker() = default;

std::error_code Broker::start() {
    if (const auto error = implementation_->load()) {
        return error;
    }
    if (const auto error = implementation_->listen()) {
        return error;
    }
    implementation_->start_threads();
    return {};
}

std::error_code Broker::start_without_listening() {
    if (const auto error = implementation_->load()) {
        return error;
    }
    implementation_->start_threads();
    return {};
}

const std::string& Broker::start_failure() const noexcept {
    return implementation_->start_failure_.text;
}

std::uint16_t Broker::port() const noexcept {
    return implementation_->listener_ == nullptr ? std::uint16_t{0} : implementation_->listener_->port();
}

void Broker::attach(std::unique_ptr<Transport> transport, asio::any_io_executor strand) {
    implementation_->attach(std::move(transport), std::move(strand));
}

void Broker::stop() {
    implementation_->stop();
}

bool Broker::is_stopped() const noexcept {
    return implementation_->is_stopped_;
}

const Limits& Broker::limits() const noexcept {
    return implementation_->limits_;
}

const Counters& Broker::counters() const noexcept {
    return implementation_->counters_;
}

std::uint64_t Broker::memory_used_bytes() const noexcept {
    return implementation_->memory_.used_bytes();
}

TopicRegistry& Broker::registry() noexcept {
    return *implementation_->registry_;
}

unsigned Broker::threads() const noexcept {
    return implementation_->threads_;
}

}  // namespace leveret
