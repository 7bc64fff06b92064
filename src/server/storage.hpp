// The data directory of a broker: its lock, its stores, and the threads that do the disk's work.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include <asio/thread_pool.hpp>

#include "environment/environment.hpp"
#include "message_log/files.hpp"
#include "message_log/log_store.hpp"
#include "topic_controller/catch_up.hpp"
#include "topic_registry/topic_storage.hpp"

namespace leveret {

struct StorageOptions {
    std::string data_dir;                      ///< empty: topics in memory only. It is made if its parent exists
    std::uint64_t segment_bytes = 64U << 20U;  ///< a segment file of this size gets no further append
    std::size_t log_files_max = 0;             ///< descriptors of all logs; 0: a quarter of the open-files limit
    unsigned write_threads = 2;                ///< that write and sync
    unsigned read_threads = 2;                 ///< that read for those who catch up
};

/// Why a broker could not start.
struct StartFailure {
    std::error_code code;
    std::string text;  ///< one line for people: what failed and what would be right
};

/// Built once, taken down after the topics whose logs it has opened have been closed. Thread-safe.
class Storage {
  public:
    /// With an executor the disk's work is done there, without threads of its own. Errors: the system's;
    /// resource_unavailable_try_again where another server has the directory; memory_full.
    [[nodiscard]] static tl::expected<std::unique_ptr<Storage>, StartFailure> open(const StorageOptions& options,
                                                                                   const Environment& environment,
                                                                                   asio::any_io_executor executor = {});
    ~Storage();
    Storage(const Storage&) = delete;
    Storage& operator=(const Storage&) = delete;

    [[nodiscard]] TopicStorage& topics() noexcept { return topics_; }
    /// Waits for its threads to have done everything they were asked.
    void join();

  private:
    explicit Storage(const StorageOptions& options, const Environment& environment, asio::any_io_executor executor,
                     std::unique_ptr<Files> files, std::unique_ptr<Files::Lock> lock, MemoryCharge catch_up_charge);
    [[nodiscard]] Result<LogStore*> store(Store kind);

    const StorageOptions options_;
    const Environment environment_;
    std::unique_ptr<Files> files_;
    std::unique_ptr<Files::Lock> lock_;
    MemoryCharge catch_up_charge_;                   // set aside of the server's memory, whether readers use it or not
    AwaitedBudget pending_;                          // what all topics may have that their logs do not have yet
    std::unique_ptr<asio::thread_pool> write_pool_;  // null with an executor from outside
    std::unique_ptr<asio::thread_pool> read_pool_;
    const LogExecutors executors_;
    const std::shared_ptr<CatchUpPace> catch_up_pace_;
    CatchUpMemory catch_up_memory_;
    std::mutex mutex_;  // guards the two stores below while they are opened
    std::unique_ptr<LogStore> segments_;
    std::unique_ptr<LogStore> rocksdb_;
    TopicStorage topics_;
};

}  // namespace leveret
